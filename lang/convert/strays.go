package convert

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// A Stray is an object that others made. Objects are pointers to the structs that
// declare their types.
type Stray struct {
	ID     string // that it is imported by
	Object any
	With   []any    // that it refers to, and that are made beside it
	Left   []string // what is said of it, in sentences without an end
}

// Strays writes objects that others made as an author would, each with the import
// block that takes it over. Objects that they refer to come first, once.
// Addresses that are taken are given to none of them.
func Strays(types *schema.Types, title string, all []Stray, taken map[string]bool) ([]byte, error) {
	w := strayWriter{types: types, names: maps.Clone(taken), at: map[string]string{}}
	for _, line := range strings.Split(title, "\n") {
		w.body.WriteString("# " + line + "\n")
	}
	for _, s := range all {
		for _, o := range s.With {
			if err := w.object(o, ""); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range all {
		w.body.WriteByte('\n')
		for _, left := range s.Left {
			w.body.WriteString("# " + strings.ToUpper(left[:1]) + left[1:] + ".\n")
		}
		if err := w.object(s.Object, s.ID); err != nil {
			return nil, err
		}
	}
	return hclwrite.Format(w.body.Bytes()), nil
}

type strayWriter struct {
	types *schema.Types
	body  bytes.Buffer
	names map[string]bool   // addresses that are taken
	at    map[string]string // addresses of objects by their ids
}

// object writes a resource block, and an import block where it is imported.
func (w *strayWriter) object(o any, id string) error {
	t := w.types.ByGo(reflect.TypeOf(o).Elem())
	if t == nil {
		return fmt.Errorf("nobody declares %T", o)
	}
	v := t.FromGo(o, cty.NilVal)
	own := strings.Join(t.Texts(o, "id"), "")
	if w.at[own] != "" {
		return nil // two refer to it
	}
	name := w.name(t, strings.Join(t.Texts(o, "name"), ""))
	w.at[own] = t.Name + "." + name
	fmt.Fprintf(&w.body, "resource %q %q {\n", t.Name, name)
	for _, a := range t.Attributes {
		if err := w.attribute(a, v.GetAttr(a.Name)); err != nil {
			return fmt.Errorf("%s.%s: %w", t.Name, name, err)
		}
	}
	w.body.WriteString("}\n")
	if id != "" {
		fmt.Fprintf(&w.body, "\nimport {\n  to = %s\n  id = %s\n}\n", w.at[own], quoted(id))
	}
	return nil
}

// name makes an identifier that nothing of the type has yet.
func (w *strayWriter) name(t *schema.Type, text string) string {
	base := identifier(text)
	name := base
	for n := 2; w.names[t.Name+"."+name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	w.names[t.Name+"."+name] = true
	return name
}

// attribute writes what is not as it would be anyway.
func (w *strayWriter) attribute(a *schema.Attribute, v cty.Value) error {
	if !a.Settable || v.IsNull() || a.Default != cty.NilVal && v.RawEquals(a.Default) {
		return nil
	}
	text, err := w.value(a, v)
	if err == nil {
		fmt.Fprintf(&w.body, "%s = %s\n", a.Name, text)
	}
	return err
}

// value is a value as an author writes it: a reference to what stands beside it by
// its address.
func (w *strayWriter) value(a *schema.Attribute, v cty.Value) (string, error) {
	if a.Refers != nil && v.Type() == cty.String && w.at[v.AsString()] != "" {
		return w.at[v.AsString()] + ".id", nil
	}
	switch {
	case len(a.Nested) == 0:
		return strings.TrimSpace(string(hclwrite.TokensForValue(v).Bytes())), nil
	case v.Type().IsObjectType():
		return w.nested(a, v)
	case v.Type().IsMapType():
		return "", fmt.Errorf("%s is a map of objects, which nobody has needed to write so far", a.Name)
	}
	var all []string
	for it := v.ElementIterator(); it.Next(); {
		_, x := it.Element()
		text, err := w.nested(a, x)
		if err != nil {
			return "", err
		}
		all = append(all, text)
	}
	if len(all) < 2 {
		return "[" + strings.Join(all, "") + "]", nil
	}
	return "[\n" + strings.Join(all, ",\n") + ",\n]", nil
}

func (w *strayWriter) nested(a *schema.Attribute, v cty.Value) (string, error) {
	inner := strayWriter{types: w.types, at: w.at}
	inner.body.WriteString("{\n")
	for _, n := range a.Nested {
		if err := inner.attribute(n, v.GetAttr(n.Name)); err != nil {
			return "", err
		}
	}
	return inner.body.String() + "}", nil
}
