package schema

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Encode writes an object as a record keeps it: canonical JSON of the
// attributes that are not null, and apart from it those that hold anything
// marked sensitive (nil when none does). What is unknown is left out.
func (t *Type) Encode(v cty.Value) (clear, secret []byte) {
	clear = append(make([]byte, 0, 64*len(t.Attributes)), '{')
	var sealed sealedForm
	for _, a := range t.Attributes {
		av := v.GetAttr(a.Name)
		if av.ContainsMarked() || a.Sensitive {
			plain, marks := av.UnmarkDeepWithPaths()
			if !plain.IsNull() && plain.IsWhollyKnown() {
				sealed.add(a, plain, marks)
			}
			continue
		}
		if av.IsNull() || !av.IsWhollyKnown() {
			continue
		}
		if len(clear) > 1 {
			clear = append(clear, ',')
		}
		clear = append(appendString(clear, a.Name), ':')
		clear = appendValue(clear, av, a.Type)
	}
	clear = append(clear, '}')
	return clear, sealed.bytes()
}

// sealedForm is the plain text of what is sealed.
type sealedForm struct {
	Attrs map[string]json.RawMessage `json:"attrs"`
	// Marked paths inside those attributes, as Path writes them; an attribute whose
	// type is sensitive has none here.
	Marked map[string][][]json.RawMessage `json:"marked,omitempty"`
}

func (s *sealedForm) add(a *Attribute, plain cty.Value, marks []cty.PathValueMarks) {
	if s.Attrs == nil {
		s.Attrs, s.Marked = map[string]json.RawMessage{}, map[string][][]json.RawMessage{}
	}
	s.Attrs[a.Name] = appendValue(nil, plain, a.Type)
	for _, m := range marks {
		s.Marked[a.Name] = append(s.Marked[a.Name], encodePath(m.Path))
	}
}

func (s *sealedForm) bytes() []byte {
	if s.Attrs == nil {
		return nil
	}
	b, err := json.Marshal(s)
	if err != nil {
		panic("schema: " + err.Error())
	}
	return b
}

func encodePath(p cty.Path) []json.RawMessage {
	steps := make([]json.RawMessage, len(p))
	for i, s := range p {
		switch s := s.(type) {
		case cty.GetAttrStep:
			steps[i] = appendString([]byte(`{"attr":`), s.Name)
			steps[i] = append(steps[i], '}')
		case cty.IndexStep:
			steps[i] = appendValue(nil, s.Key, cty.DynamicPseudoType)
		}
	}
	return steps
}

func decodePath(steps []json.RawMessage) (cty.Path, error) {
	p := make(cty.Path, len(steps))
	for i, raw := range steps {
		var attr struct{ Attr *string }
		if json.Unmarshal(raw, &attr) == nil && attr.Attr != nil {
			p[i] = cty.GetAttrStep{Name: *attr.Attr}
			continue
		}
		v, err := decodeValue(raw, cty.DynamicPseudoType)
		if err != nil {
			return nil, err
		}
		p[i] = cty.IndexStep{Key: v}
	}
	return p, nil
}

// Decode reads what Encode wrote, of the current version of the declaration or
// an older one, and marks again what was sensitive. Attributes that the
// declaration no longer has are passed over.
func (t *Type) Decode(version int, clear, secret []byte) (cty.Value, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(clear, &raw); err != nil {
		return cty.NilVal, fmt.Errorf("record of a %s: %w", t.Name, err)
	}
	var sealed sealedForm
	if secret != nil {
		if err := json.Unmarshal(secret, &sealed); err != nil {
			return cty.NilVal, fmt.Errorf("sealed part of a %s: %w", t.Name, err)
		}
		for k, v := range sealed.Attrs {
			raw[k] = v
		}
	}
	if version != t.Version {
		var err error
		if raw, err = t.upgrade(version, raw); err != nil {
			return cty.NilVal, err
		}
	}
	vals := make(map[string]cty.Value, len(t.Attributes))
	for _, a := range t.Attributes {
		text, ok := raw[a.Name]
		if !ok {
			vals[a.Name] = cty.NullVal(a.plain())
			continue
		}
		v, err := decodeValue(text, a.plain())
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s of a %s: %w", a.Name, t.Name, err)
		}
		if _, ok := sealed.Attrs[a.Name]; ok {
			if v, err = markAgain(v, sealed.Marked[a.Name]); err != nil {
				return cty.NilVal, fmt.Errorf("%s of a %s: %w", a.Name, t.Name, err)
			}
		}
		vals[a.Name] = v
	}
	return cty.ObjectVal(vals), nil
}

func markAgain(v cty.Value, paths [][]json.RawMessage) (cty.Value, error) {
	if len(paths) == 0 {
		return v.Mark(Sensitive), nil
	}
	marks := make([]cty.PathValueMarks, len(paths))
	for i, steps := range paths {
		p, err := decodePath(steps)
		if err != nil {
			return cty.NilVal, err
		}
		marks[i] = cty.PathValueMarks{Path: p, Marks: cty.NewValueMarks(Sensitive)}
	}
	return v.MarkWithPaths(marks), nil
}

func (t *Type) upgrade(version int, raw map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	if version > t.Version {
		return nil, fmt.Errorf("the record was written by a newer cairn: version %d of %s, this one knows %d", version, t.Name, t.Version)
	}
	attrs := make(map[string]any, len(raw))
	for k, text := range raw {
		var v any
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, err
		}
		attrs[k] = v
	}
	for v := version; v < t.Version; v++ {
		if err := t.upgrades[v](attrs); err != nil {
			return nil, fmt.Errorf("upgrade a %s from version %d: %w", t.Name, v, err)
		}
	}
	raw = make(map[string]json.RawMessage, len(attrs))
	for k, v := range attrs {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		raw[k] = text
	}
	return raw, nil
}

// Hash is a hash of an encoded object and the version of its declaration; key
// is a keyed hash for objects with a sealed part.
func (t *Type) Hash(clear, secret []byte, key func([]byte) []byte) []byte {
	b := slices.Grow(clear[:len(clear):len(clear)], len(secret)+8)
	b = strconv.AppendInt(append(b, 0), int64(t.Version), 10)
	if secret == nil {
		sum := sha256.Sum256(b)
		return sum[:16]
	}
	return key(append(b, secret...))
}

// appendValue writes a known, unmarked value. A value whose attribute has no
// type of its own carries one, unless JSON says it.
func appendValue(b []byte, v cty.Value, t cty.Type) []byte {
	if v.IsNull() {
		return append(b, "null"...)
	}
	vt := v.Type()
	switch {
	case vt == cty.String:
		return appendString(b, v.AsString())
	case vt == cty.Bool:
		return strconv.AppendBool(b, v.True())
	case vt == cty.Number:
		return appendNumber(b, v.AsBigFloat())
	case t == cty.DynamicPseudoType:
		return appendTyped(b, v)
	case vt.IsListType(), vt.IsSetType():
		b = append(b, '[')
		for i, e := range v.AsValueSlice() {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, e, vt.ElementType())
		}
		return append(b, ']')
	case vt.IsMapType():
		b = append(b, '{')
		first := true
		for k, e := range v.Elements() { // in the order of the keys
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, k.AsString()), ':')
			b = appendValue(b, e, vt.ElementType())
		}
		return append(b, '}')
	case vt.IsObjectType():
		names := make([]string, 0, len(vt.AttributeTypes()))
		for n := range vt.AttributeTypes() {
			names = append(names, n)
		}
		slices.Sort(names)
		b = append(b, '{')
		first := true
		for _, n := range names {
			e := v.GetAttr(n)
			if e.IsNull() {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(appendString(b, n), ':')
			b = appendValue(b, e, vt.AttributeType(n))
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("schema: no encoding for %#v", vt))
}

func appendTyped(b []byte, v cty.Value) []byte {
	text, err := ctyjson.Marshal(v, cty.DynamicPseudoType)
	if err != nil {
		panic("schema: " + err.Error())
	}
	return append(b, text...)
}

func appendNumber(b []byte, f *big.Float) []byte {
	if n, acc := f.Int64(); acc == big.Exact {
		return strconv.AppendInt(b, n, 10)
	}
	return f.Append(b, 'f', -1)
}

func appendString(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x80 {
			text, err := json.Marshal(s)
			if err != nil {
				panic("schema: " + err.Error())
			}
			return append(b, text...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func decodeValue(text []byte, t cty.Type) (cty.Value, error) {
	if t == cty.DynamicPseudoType {
		return decodeDynamic(text)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return cty.NilVal, err
	}
	return fromJSON(v, t)
}

func decodeDynamic(text []byte) (cty.Value, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return cty.NilVal, fmt.Errorf("empty value")
	}
	switch text[0] {
	case '{':
		return ctyjson.Unmarshal(text, cty.DynamicPseudoType)
	case '"':
		return decodeValue(text, cty.String)
	case 't', 'f':
		return decodeValue(text, cty.Bool)
	case 'n':
		return cty.NullVal(cty.DynamicPseudoType), nil
	}
	return decodeValue(text, cty.Number)
}

func fromJSON(v any, t cty.Type) (cty.Value, error) {
	unsuitable := fmt.Errorf("a %T is no %s", v, t.FriendlyName())
	switch v := v.(type) {
	case nil:
		return cty.NullVal(t), nil
	case string:
		if t == cty.String {
			return cty.StringVal(v), nil
		}
	case bool:
		if t == cty.Bool {
			return cty.BoolVal(v), nil
		}
	case json.Number:
		if t == cty.Number {
			return cty.ParseNumberVal(v.String())
		}
	case []any:
		if !t.IsListType() && !t.IsSetType() {
			return cty.NilVal, unsuitable
		}
		vals := make([]cty.Value, len(v))
		for i, e := range v {
			var err error
			if vals[i], err = fromJSON(e, t.ElementType()); err != nil {
				return cty.NilVal, err
			}
		}
		switch {
		case t.IsSetType() && len(vals) == 0:
			return cty.SetValEmpty(t.ElementType()), nil
		case t.IsSetType():
			return cty.SetVal(vals), nil
		case len(vals) == 0:
			return cty.ListValEmpty(t.ElementType()), nil
		}
		return cty.ListVal(vals), nil
	case map[string]any:
		vals := make(map[string]cty.Value, len(v))
		switch {
		case t.IsMapType():
			for k, e := range v {
				ev, err := fromJSON(e, t.ElementType())
				if err != nil {
					return cty.NilVal, err
				}
				vals[k] = ev
			}
			if len(vals) == 0 {
				return cty.MapValEmpty(t.ElementType()), nil
			}
			return cty.MapVal(vals), nil
		case t.IsObjectType():
			for k, et := range t.AttributeTypes() {
				ev, err := fromJSON(v[k], et)
				if err != nil {
					return cty.NilVal, err
				}
				vals[k] = ev
			}
			return cty.ObjectVal(vals), nil
		}
	}
	return cty.NilVal, unsuitable
}

// Stable is an object without what may move at any time: a change of that is
// never drift.
func (t *Type) Stable(v cty.Value) cty.Value {
	var vals map[string]cty.Value
	for _, a := range t.Attributes {
		if a.Source != Live {
			continue
		}
		if vals == nil {
			vals = v.AsValueMap()
		}
		vals[a.Name] = cty.NullVal(a.plain())
	}
	if vals == nil {
		return v
	}
	return cty.ObjectVal(vals)
}

// Texts are the strings that an attribute of a struct holds: one of a plain
// attribute, those of a set or list, none when it is empty.
func (t *Type) Texts(object any, attribute string) []string {
	a := t.byName[attribute]
	if a == nil {
		panic("schema: " + t.Name + " has no attribute " + attribute)
	}
	v := a.codec.fromGo(reflect.ValueOf(object).Elem().FieldByIndex(a.field))
	switch {
	case v.IsNull():
		return nil
	case v.Type() == cty.String:
		return []string{v.AsString()}
	case v.Type().IsPrimitiveType():
		return []string{string(appendValue(nil, v, v.Type()))}
	case v.Type().IsListType() || v.Type().IsSetType():
		texts := make([]string, 0, v.LengthInt())
		for _, e := range v.AsValueSlice() {
			if e.Type() == cty.String {
				texts = append(texts, e.AsString())
			}
		}
		return texts
	case v.Type().IsObjectType():
		var texts []string
		for _, e := range v.AsValueMap() {
			if e.Type() == cty.String && !e.IsNull() {
				texts = append(texts, e.AsString())
			}
		}
		return texts
	}
	return nil
}
