package schema

import (
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Set is a list whose order means nothing and whose elements are all different.
type Set[T any] []T

func (Set[T]) unordered() {}

// Any is a value of any type.
type Any struct{ cty.Value }

// Duration is a time span written as 90s, 10m or 1h30m.
type Duration time.Duration

// MarshalText writes the span as Go does; zero is empty.
func (d Duration) MarshalText() ([]byte, error) {
	if d == 0 {
		return nil, nil
	}
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText reads a span.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no time span such as 90s, 10m or 1h30m", text)
	}
	*d = Duration(v)
	return nil
}

// An Enum is a string type that lists its values.
type Enum interface{ Values() []string }

// A codec carries values of one Go type to cty and back. Null and the zero value
// are the same, except through a pointer.
type codec struct {
	typ    cty.Type
	toGo   func(cty.Value, reflect.Value) error // known, unmarked, not null
	fromGo func(reflect.Value) cty.Value
	nested []*Attribute
	secret bool
	refers reflect.Type
	checks []check
	goType reflect.Type
}

func codecOf(t reflect.Type, bug func(string)) codec {
	c := codecFor(t, bug)
	c.goType = t
	return c
}

func codecFor(t reflect.Type, bug func(string)) codec {
	switch {
	case t == reflect.TypeFor[Secret]():
		return codec{typ: cty.String, secret: true,
			toGo: func(v cty.Value, r reflect.Value) error { r.Set(reflect.ValueOf(NewSecret(v.AsString()))); return nil },
			fromGo: func(r reflect.Value) cty.Value {
				return stringOrNull(r.Interface().(Secret).Reveal())
			}}
	case t == reflect.TypeFor[Any]():
		return codec{typ: cty.DynamicPseudoType,
			toGo: func(v cty.Value, r reflect.Value) error { r.Set(reflect.ValueOf(Any{v})); return nil },
			fromGo: func(r reflect.Value) cty.Value {
				if v := r.Interface().(Any).Value; v != cty.NilVal {
					return v
				}
				return cty.NullVal(cty.DynamicPseudoType)
			}}
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) && t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return textCodec(t)
	}
	switch t.Kind() {
	case reflect.String:
		return stringCodec(t)
	case reflect.Bool:
		return codec{typ: cty.Bool,
			toGo:   func(v cty.Value, r reflect.Value) error { r.SetBool(v.True()); return nil },
			fromGo: func(r reflect.Value) cty.Value { return zeroNull(r, cty.BoolVal(r.Bool())) }}
	case reflect.Int, reflect.Int64:
		return codec{typ: cty.Number,
			toGo: func(v cty.Value, r reflect.Value) error {
				n, acc := v.AsBigFloat().Int64()
				if acc != big.Exact {
					return fmt.Errorf("%s is no whole number", v.AsBigFloat().Text('f', -1))
				}
				r.SetInt(n)
				return nil
			},
			fromGo: func(r reflect.Value) cty.Value { return zeroNull(r, cty.NumberIntVal(r.Int())) }}
	case reflect.Float64:
		return codec{typ: cty.Number,
			toGo:   func(v cty.Value, r reflect.Value) error { f, _ := v.AsBigFloat().Float64(); r.SetFloat(f); return nil },
			fromGo: func(r reflect.Value) cty.Value { return zeroNull(r, cty.NumberFloatVal(r.Float())) }}
	case reflect.Pointer:
		return pointerCodec(t, bug)
	case reflect.Slice:
		return sliceCodec(t, bug)
	case reflect.Map:
		return mapCodec(t, bug)
	case reflect.Struct:
		return structCodec(t, bug)
	}
	bug("no attribute can have the Go type " + t.String())
	return codec{}
}

func zeroNull(r reflect.Value, v cty.Value) cty.Value {
	if r.IsZero() {
		return cty.NullVal(v.Type())
	}
	return v
}

func stringOrNull(s string) cty.Value {
	if s == "" {
		return cty.NullVal(cty.String)
	}
	return cty.StringVal(s)
}

func textCodec(t reflect.Type) codec {
	return codec{typ: cty.String,
		toGo: func(v cty.Value, r reflect.Value) error {
			if v.AsString() == "" {
				r.SetZero()
				return nil
			}
			err := r.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v.AsString()))
			if err == nil {
				return nil
			}
			// A library names its own function before what is wrong: ParseAddr("x"): why.
			if _, why, ok := strings.Cut(err.Error(), "\"): "); ok {
				return fmt.Errorf("%q can't be read: %s", v.AsString(), why)
			}
			return err
		},
		fromGo: func(r reflect.Value) cty.Value {
			if r.IsZero() {
				return cty.NullVal(cty.String)
			}
			text, err := r.Interface().(encoding.TextMarshaler).MarshalText()
			if err != nil {
				panic(fmt.Sprintf("schema: %s: %v", t, err))
			}
			return stringOrNull(string(text))
		}}
}

func stringCodec(t reflect.Type) codec {
	c := codec{typ: cty.String,
		toGo:   func(v cty.Value, r reflect.Value) error { r.SetString(v.AsString()); return nil },
		fromGo: func(r reflect.Value) cty.Value { return stringOrNull(r.String()) }}
	switch e := reflect.Zero(t).Interface().(type) {
	case Enum:
		c.checks = []check{oneOf(e.Values())}
	case interface{ refers() reflect.Type }:
		c.refers = e.refers()
	}
	return c
}

func pointerCodec(t reflect.Type, bug func(string)) codec {
	c := codecOf(t.Elem(), bug)
	in := c
	c.toGo = func(v cty.Value, r reflect.Value) error {
		p := reflect.New(t.Elem())
		if err := in.toGo(v, p.Elem()); err != nil {
			return err
		}
		r.Set(p)
		return nil
	}
	c.fromGo = func(r reflect.Value) cty.Value {
		if r.IsNil() {
			return cty.NullVal(in.typ.WithoutOptionalAttributesDeep())
		}
		v := in.fromGo(r.Elem())
		if v.IsNull() { // the zero of what is pointed to is a value of its own
			switch r.Elem().Kind() {
			case reflect.Bool:
				return cty.False
			case reflect.Int, reflect.Int64, reflect.Float64:
				return cty.Zero
			case reflect.String:
				return cty.StringVal("")
			}
		}
		return v
	}
	return c
}

func sliceCodec(t reflect.Type, bug func(string)) codec {
	in := codecOf(t.Elem(), bug)
	_, unordered := reflect.Zero(t).Interface().(interface{ unordered() })
	elem := in.typ.WithoutOptionalAttributesDeep()
	c := codec{nested: in.nested, secret: in.secret, refers: in.refers, checks: in.checks}
	if unordered {
		c.typ = cty.Set(in.typ)
	} else {
		c.typ = cty.List(in.typ)
	}
	c.toGo = func(v cty.Value, r reflect.Value) error {
		s := reflect.MakeSlice(t, 0, v.LengthInt())
		for _, ev := range v.Elements() {
			e := reflect.New(t.Elem()).Elem()
			if !ev.IsNull() {
				if err := in.toGo(ev, e); err != nil {
					return err
				}
			}
			s = reflect.Append(s, e)
		}
		r.Set(s)
		return nil
	}
	c.fromGo = func(r reflect.Value) cty.Value {
		if r.IsNil() {
			return cty.NullVal(c.typ.WithoutOptionalAttributesDeep())
		}
		vals := make([]cty.Value, r.Len())
		for i := range vals {
			vals[i] = filled(in.fromGo(r.Index(i)))
		}
		switch {
		case unordered && len(vals) == 0:
			return cty.SetValEmpty(elem)
		case unordered:
			return cty.SetVal(vals)
		case len(vals) == 0:
			return cty.ListValEmpty(elem)
		}
		return cty.ListVal(vals)
	}
	return c
}

func mapCodec(t reflect.Type, bug func(string)) codec {
	if t.Key().Kind() != reflect.String {
		bug("a map needs string keys")
	}
	in := codecOf(t.Elem(), bug)
	c := codec{typ: cty.Map(in.typ), nested: in.nested, secret: in.secret, checks: in.checks}
	c.toGo = func(v cty.Value, r reflect.Value) error {
		m := reflect.MakeMapWithSize(t, v.LengthInt())
		for k, ev := range v.Elements() {
			e := reflect.New(t.Elem()).Elem()
			if !ev.IsNull() {
				if err := in.toGo(ev, e); err != nil {
					return err
				}
			}
			m.SetMapIndex(reflect.ValueOf(k.AsString()).Convert(t.Key()), e)
		}
		r.Set(m)
		return nil
	}
	c.fromGo = func(r reflect.Value) cty.Value {
		if r.IsNil() {
			return cty.NullVal(c.typ.WithoutOptionalAttributesDeep())
		}
		if r.Len() == 0 {
			return cty.MapValEmpty(in.typ.WithoutOptionalAttributesDeep())
		}
		vals := make(map[string]cty.Value, r.Len())
		for _, k := range r.MapKeys() {
			vals[k.String()] = filled(in.fromGo(r.MapIndex(k)))
		}
		return cty.MapVal(vals)
	}
	return c
}

// filled is an element of a collection: there, an empty string stays one.
func filled(v cty.Value) cty.Value {
	if v.IsNull() {
		switch v.Type() {
		case cty.String:
			return cty.StringVal("")
		case cty.Number:
			return cty.Zero
		case cty.Bool:
			return cty.False
		}
	}
	return v
}

func structCodec(t reflect.Type, bug func(string)) codec {
	c := codec{nested: attributes(t, func(f reflect.StructField, why string) { bug(f.Name + ": " + why) })}
	types := map[string]cty.Type{}
	var optional []string
	for _, a := range c.nested {
		types[a.Name] = a.Type
		if !a.Required {
			optional = append(optional, a.Name)
		}
		c.secret = c.secret || a.Sensitive
	}
	c.typ = cty.ObjectWithOptionalAttrs(types, optional)
	c.toGo = func(v cty.Value, r reflect.Value) error {
		for _, a := range c.nested {
			av := v.GetAttr(a.Name)
			if av.IsNull() || !av.IsKnown() {
				continue
			}
			if err := a.codec.toGo(av, r.FieldByIndex(a.field)); err != nil {
				return fmt.Errorf("%s: %w", a.Name, err)
			}
		}
		return nil
	}
	c.fromGo = func(r reflect.Value) cty.Value {
		vals := make(map[string]cty.Value, len(c.nested))
		for _, a := range c.nested {
			vals[a.Name] = a.codec.fromGo(r.FieldByIndex(a.field))
		}
		return cty.ObjectVal(vals)
	}
	return c
}

// ToGo fills a new struct of the type from an object. What is unknown or null
// stays zero; marks are passed over.
func (t *Type) ToGo(v cty.Value) (any, error) {
	v, _ = v.UnmarkDeep()
	p := reflect.New(t.goType)
	for _, a := range t.Attributes {
		av := v.GetAttr(a.Name)
		if av.IsNull() || !av.IsWhollyKnown() {
			continue
		}
		if err := a.codec.toGo(av, p.Elem().FieldByIndex(a.field)); err != nil {
			return nil, Problem{Attribute: a.Name, Summary: fmt.Sprintf("Unsuitable value for %s", a.Name), Detail: sentence(err.Error())}
		}
	}
	return p.Interface(), nil
}

func sentence(s string) string {
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// FromGo reads an object out of a struct of the type. Where the struct says what
// like says already, like's own spelling stays, marks included: what an author
// wrote comes back as written.
func (t *Type) FromGo(p any, like cty.Value) cty.Value {
	s := reflect.ValueOf(p).Elem()
	var was reflect.Value
	if like != cty.NilVal {
		plain, _ := like.UnmarkDeep()
		if g, err := t.ToGo(plain); err == nil {
			was = reflect.ValueOf(g).Elem()
		}
	}
	vals := make(map[string]cty.Value, len(t.Attributes))
	for _, a := range t.Attributes {
		f := s.FieldByIndex(a.field)
		if was.IsValid() {
			lv := like.GetAttr(a.Name)
			if lv.IsWhollyKnown() && same(f, was.FieldByIndex(a.field)) {
				vals[a.Name] = lv
				continue
			}
		}
		vals[a.Name] = a.hide(a.codec.fromGo(f))
	}
	return cty.ObjectVal(vals)
}

// hide marks the value of an attribute that is always sensitive.
func (a *Attribute) hide(v cty.Value) cty.Value {
	if !a.Sensitive || v.IsMarked() || v.IsNull() {
		return v
	}
	return v.Mark(Sensitive)
}

// same compares two fields as values; sets in any order.
func same(a, b reflect.Value) bool {
	if av, ok := a.Interface().(Any); ok {
		bv := b.Interface().(Any)
		if av.Value == cty.NilVal || bv.Value == cty.NilVal {
			return av.Value == bv.Value
		}
		return av.RawEquals(bv.Value)
	}
	if _, ok := a.Interface().(interface{ unordered() }); ok {
		return a.Len() == b.Len() && slices.Equal(sortedTexts(a), sortedTexts(b))
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

func sortedTexts(s reflect.Value) []string {
	texts := make([]string, s.Len())
	for i := range texts {
		texts[i] = fmt.Sprintf("%#v", s.Index(i).Interface())
	}
	slices.Sort(texts)
	return texts
}
