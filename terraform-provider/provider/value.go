package provider

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"
)

// fromTerraform turns a value of the protocol into cairn's. t may be dynamic, and
// then the value says its type.
func fromTerraform(v tftypes.Value, t cty.Type) (cty.Value, error) {
	if t == cty.DynamicPseudoType && v.Type() != nil {
		var err error
		if t, err = typeFromTerraform(v.Type()); err != nil {
			return cty.NilVal, err
		}
	}
	switch {
	case !v.IsKnown():
		return cty.UnknownVal(t), nil
	case v.IsNull():
		return cty.NullVal(t), nil
	}
	switch {
	case t == cty.String:
		var s string
		err := v.As(&s)
		return cty.StringVal(s), err
	case t == cty.Bool:
		var b bool
		err := v.As(&b)
		return cty.BoolVal(b), err
	case t == cty.Number:
		n := new(big.Float)
		err := v.As(&n)
		return cty.NumberVal(n), err
	case t.IsListType(), t.IsSetType(), t.IsTupleType():
		var vals []tftypes.Value
		if err := v.As(&vals); err != nil {
			return cty.NilVal, err
		}
		elements := make([]cty.Value, len(vals))
		for i, x := range vals {
			var err error
			if elements[i], err = fromTerraform(x, elementType(t, i)); err != nil {
				return cty.NilVal, err
			}
		}
		return collected(t, elements), nil
	case t.IsMapType(), t.IsObjectType():
		var vals map[string]tftypes.Value
		if err := v.As(&vals); err != nil {
			return cty.NilVal, err
		}
		return fromTerraformMap(vals, t)
	}
	return cty.NilVal, fmt.Errorf("a value can't be a %s", t.FriendlyName())
}

func elementType(t cty.Type, i int) cty.Type {
	if t.IsTupleType() {
		return t.TupleElementType(i)
	}
	return t.ElementType()
}

func collected(t cty.Type, elements []cty.Value) cty.Value {
	switch {
	case t.IsTupleType():
		return cty.TupleVal(elements)
	case t.IsListType() && len(elements) == 0:
		return cty.ListValEmpty(t.ElementType())
	case t.IsListType():
		return cty.ListVal(elements)
	case len(elements) == 0:
		return cty.SetValEmpty(t.ElementType())
	}
	return cty.SetVal(elements)
}

func fromTerraformMap(vals map[string]tftypes.Value, t cty.Type) (cty.Value, error) {
	out := make(map[string]cty.Value, len(vals))
	if t.IsMapType() {
		for k, x := range vals {
			v, err := fromTerraform(x, t.ElementType())
			if err != nil {
				return cty.NilVal, err
			}
			out[k] = v
		}
		if len(out) == 0 {
			return cty.MapValEmpty(t.ElementType()), nil
		}
		return cty.MapVal(out), nil
	}
	for k, at := range t.AttributeTypes() {
		x, ok := vals[k]
		if !ok {
			out[k] = cty.NullVal(at)
			continue
		}
		v, err := fromTerraform(x, at)
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s: %w", k, err)
		}
		out[k] = v
	}
	return cty.ObjectVal(out), nil
}

// toTerraform turns a value of cairn's into one of the protocol. Marks are left
// behind: Terraform keeps its own.
func toTerraform(v cty.Value, t tftypes.Type) (tftypes.Value, error) {
	v, _ = v.Unmark()
	if t.Is(tftypes.DynamicPseudoType) {
		t = typeToTerraform(v.Type()) // a null string is another value than a null of no type
	}
	switch {
	case !v.IsKnown():
		return tftypes.NewValue(t, tftypes.UnknownValue), nil
	case v.IsNull():
		return tftypes.NewValue(t, nil), nil
	}
	switch vt := v.Type(); {
	case vt == cty.String:
		return tftypes.NewValue(t, v.AsString()), nil
	case vt == cty.Bool:
		return tftypes.NewValue(t, v.True()), nil
	case vt == cty.Number:
		return tftypes.NewValue(t, v.AsBigFloat()), nil
	case vt.IsMapType(), vt.IsObjectType():
		vals := make(map[string]tftypes.Value, v.LengthInt())
		for k, x := range v.Elements() {
			key := k.AsString()
			out, err := toTerraform(x, memberType(t, key, 0))
			if err != nil {
				return out, err
			}
			vals[key] = out
		}
		return tftypes.NewValue(t, vals), nil
	case vt.IsListType(), vt.IsSetType(), vt.IsTupleType():
		vals := make([]tftypes.Value, 0, v.LengthInt())
		for _, x := range v.Elements() {
			out, err := toTerraform(x, memberType(t, "", len(vals)))
			if err != nil {
				return out, err
			}
			vals = append(vals, out)
		}
		return tftypes.NewValue(t, vals), nil
	}
	return tftypes.Value{}, fmt.Errorf("a value can't be a %s", v.Type().FriendlyName())
}

// memberType is the type of what a collection or structure has at a key or place.
func memberType(t tftypes.Type, key string, i int) tftypes.Type {
	switch t := t.(type) {
	case tftypes.Map:
		return t.ElementType
	case tftypes.Object:
		return t.AttributeTypes[key]
	case tftypes.List:
		return t.ElementType
	case tftypes.Set:
		return t.ElementType
	case tftypes.Tuple:
		return t.ElementTypes[i]
	}
	return tftypes.DynamicPseudoType
}

// typeToTerraform is a type of cairn's as the protocol has it.
func typeToTerraform(t cty.Type) tftypes.Type {
	switch {
	case t == cty.String:
		return tftypes.String
	case t == cty.Bool:
		return tftypes.Bool
	case t == cty.Number:
		return tftypes.Number
	case t.IsListType():
		return tftypes.List{ElementType: typeToTerraform(t.ElementType())}
	case t.IsSetType():
		return tftypes.Set{ElementType: typeToTerraform(t.ElementType())}
	case t.IsMapType():
		return tftypes.Map{ElementType: typeToTerraform(t.ElementType())}
	case t.IsTupleType():
		types := make([]tftypes.Type, t.Length())
		for i := range types {
			types[i] = typeToTerraform(t.TupleElementType(i))
		}
		return tftypes.Tuple{ElementTypes: types}
	case t.IsObjectType():
		types := make(map[string]tftypes.Type, len(t.AttributeTypes()))
		for k, at := range t.AttributeTypes() {
			types[k] = typeToTerraform(at)
		}
		return tftypes.Object{AttributeTypes: types}
	}
	return tftypes.DynamicPseudoType
}

// typeFromTerraform is a type of the protocol as cairn has it.
func typeFromTerraform(t tftypes.Type) (cty.Type, error) {
	var err error
	each := func(t tftypes.Type) cty.Type {
		c, e := typeFromTerraform(t)
		if e != nil {
			err = e
		}
		return c
	}
	var c cty.Type
	switch t := t.(type) {
	case tftypes.List:
		c = cty.List(each(t.ElementType))
	case tftypes.Set:
		c = cty.Set(each(t.ElementType))
	case tftypes.Map:
		c = cty.Map(each(t.ElementType))
	case tftypes.Tuple:
		types := slices.Collect(func(yield func(cty.Type) bool) {
			for _, x := range t.ElementTypes {
				if !yield(each(x)) {
					return
				}
			}
		})
		c = cty.Tuple(types)
	case tftypes.Object:
		types := make(map[string]cty.Type, len(t.AttributeTypes))
		for k, x := range t.AttributeTypes {
			types[k] = each(x)
		}
		c = cty.Object(types)
	default:
		switch {
		case t.Is(tftypes.String):
			return cty.String, nil
		case t.Is(tftypes.Number):
			return cty.Number, nil
		case t.Is(tftypes.Bool):
			return cty.Bool, nil
		case t.Is(tftypes.DynamicPseudoType):
			return cty.DynamicPseudoType, nil
		}
		return cty.NilType, fmt.Errorf("the type %s is not known", t)
	}
	return c, err
}
