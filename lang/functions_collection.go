package lang

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/cairncloud/cairn/resources/schema"
)

// maxProduct bounds what setproduct makes: a few short arguments multiply to
// more than any memory holds.
const maxProduct = 1_000_000

var boundedProduct = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "sets", Type: cty.DynamicPseudoType, AllowMarked: true, AllowUnknown: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		n := 1
		for i, a := range args {
			plain, _ := a.Unmark()
			if !plain.IsKnown() || plain.IsNull() || !plain.CanIterateElements() {
				break
			}
			if n *= plain.LengthInt(); n > maxProduct {
				return cty.NilType, function.NewArgErrorf(i, "the product has more than %d elements", maxProduct)
			}
		}
		return stdlib.SetProductFunc.ReturnTypeForValues(args)
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return stdlib.SetProductFunc.Call(args) },
})

var allTrue = booleans(true)
var anyTrue = booleans(false)

// booleans folds a list with and (start true) or or (start false).
func booleans(start bool) function.Function {
	return define(cty.Bool, func(args []cty.Value) (cty.Value, error) {
		open := false
		for it := args[0].ElementIterator(); it.Next(); {
			_, v := it.Element()
			if !v.IsKnown() {
				open = true
				continue
			}
			if is := !v.IsNull() && v.True(); is != start {
				return cty.BoolVal(!start), nil
			}
		}
		if open {
			return cty.UnknownVal(cty.Bool), nil
		}
		return cty.BoolVal(start), nil
	}, function.Parameter{Name: "list", Type: cty.List(cty.Bool)})
}

// coalesce is the first argument that is neither null nor an empty string.
var coalesce = function.New(&function.Spec{
	VarParam: &function.Parameter{Name: "vals", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true, AllowNull: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		types := make([]cty.Type, len(args))
		for i, a := range args {
			types[i] = a.Type()
		}
		t, _ := convert.UnifyUnsafe(types)
		if t == cty.NilType {
			return cty.NilType, errors.New("all arguments must have the same type")
		}
		return t, nil
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		for _, a := range args {
			v, err := convert.Convert(a, t)
			if err != nil {
				return cty.NilVal, err
			}
			if !v.IsKnown() {
				return cty.UnknownVal(t), nil
			}
			if v.IsNull() || t == cty.String && v.AsString() == "" {
				continue
			}
			return v, nil
		}
		return cty.NilVal, errors.New("no argument is neither null nor an empty string")
	},
})

var indexOf = define(cty.Number, func(args []cty.Value) (cty.Value, error) {
	if t := args[0].Type(); !t.IsListType() && !t.IsTupleType() {
		return cty.NilVal, function.NewArgErrorf(0, "must be a list or tuple")
	}
	if !args[0].IsKnown() {
		return cty.UnknownVal(cty.Number), nil
	}
	for it := args[0].ElementIterator(); it.Next(); {
		i, v := it.Element()
		eq, err := stdlib.Equal(v, args[1])
		if err != nil {
			return cty.NilVal, err
		}
		if !eq.IsKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		if eq.True() {
			return i, nil
		}
	}
	return cty.NilVal, errors.New("no such element")
}, function.Parameter{Name: "list", Type: cty.DynamicPseudoType}, function.Parameter{Name: "value", Type: cty.DynamicPseudoType})

// length counts elements, or the characters that a reader sees.
var length = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		if t == cty.String || t.IsTupleType() || t.IsObjectType() || t.IsCollectionType() || t == cty.DynamicPseudoType {
			return cty.Number, nil
		}
		return cty.NilType, function.NewArgErrorf(0, "must be a string, a list, a set, a map, a tuple or an object")
	},
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, marks := args[0].Unmark()
		t := v.Type()
		var n cty.Value
		switch {
		case t == cty.DynamicPseudoType:
			n = cty.UnknownVal(cty.Number)
		case t.IsTupleType():
			n = cty.NumberIntVal(int64(len(t.TupleElementTypes())))
		case t.IsObjectType():
			n = cty.NumberIntVal(int64(len(t.AttributeTypes())))
		case t == cty.String:
			x, err := stdlib.Strlen(v)
			if err != nil {
				return cty.NilVal, err
			}
			n = x
		default:
			n = v.Length()
		}
		return n.WithMarks(marks), nil
	},
})

// lookup is an element of a map or object, or the default.
var lookup = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "map", Type: cty.DynamicPseudoType, AllowMarked: true},
		{Name: "key", Type: cty.String, AllowMarked: true},
	},
	VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowDynamicType: true, AllowNull: true, AllowMarked: true},
	Type: func(args []cty.Value) (cty.Type, error) {
		if len(args) > 3 {
			return cty.NilType, errors.New("takes a map, a key and at most one default")
		}
		t := args[0].Type()
		key, _ := args[1].Unmark()
		switch {
		case t.IsObjectType():
			if !key.IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			if t.HasAttribute(key.AsString()) {
				return t.AttributeType(key.AsString()), nil
			}
			if len(args) == 3 {
				return args[2].Type(), nil
			}
			return cty.NilType, function.NewArgErrorf(0, "there is no attribute %q", key.AsString())
		case t.IsMapType():
			if len(args) == 3 {
				if _, err := convert.Convert(args[2], t.ElementType()); err != nil {
					return cty.NilType, function.NewArgErrorf(2, "the default must have the type of the map's elements")
				}
			}
			return t.ElementType(), nil
		}
		return cty.NilType, function.NewArgErrorf(0, "must be a map or an object")
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		m, marks := args[0].Unmark()
		key, keyMarks := args[1].Unmark()
		if !m.IsKnown() || !key.IsKnown() {
			return cty.UnknownVal(t).WithMarks(marks, keyMarks), nil
		}
		name := key.AsString()
		if m.Type().IsObjectType() {
			if m.Type().HasAttribute(name) {
				return m.GetAttr(name).WithMarks(marks, keyMarks), nil
			}
		} else if m.HasIndex(key).True() {
			return m.Index(key).WithMarks(marks, keyMarks), nil
		}
		if len(args) < 3 {
			return cty.NilVal, function.NewArgErrorf(1, "there is no element with the key %q, and no default", name)
		}
		v, err := convert.Convert(args[2], t)
		if err != nil {
			return cty.NilVal, err
		}
		return v.WithMarks(marks, keyMarks), nil
	},
})

var matchKeys = function.New(&function.Spec{
	Params: []function.Parameter{
		{Name: "values", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "keys", Type: cty.List(cty.DynamicPseudoType)},
		{Name: "searchset", Type: cty.List(cty.DynamicPseudoType)},
	},
	Type: func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		if !args[0].IsWhollyKnown() || !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
			return cty.UnknownVal(t), nil
		}
		if args[0].LengthInt() != args[1].LengthInt() {
			return cty.NilVal, errors.New("values and keys must be as long as each other")
		}
		var out []cty.Value
		wanted := args[2].AsValueSlice()
		values := args[0].AsValueSlice()
		for i, k := range args[1].AsValueSlice() {
			for _, w := range wanted {
				if eq, err := stdlib.Equal(k, w); err == nil && eq.True() {
					out = append(out, values[i])
					break
				}
			}
		}
		if len(out) == 0 {
			return cty.ListValEmpty(t.ElementType()), nil
		}
		return cty.ListVal(out), nil
	},
})

// one is the only element of a collection, or null for an empty one.
var one = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type: func(args []cty.Value) (cty.Type, error) {
		t := args[0].Type()
		switch {
		case t.IsListType(), t.IsSetType():
			return t.ElementType(), nil
		case t.IsTupleType():
			switch e := t.TupleElementTypes(); len(e) {
			case 0:
				return cty.DynamicPseudoType, nil
			case 1:
				return e[0], nil
			}
		}
		return cty.NilType, function.NewArgErrorf(0, "must be a list, set or tuple with one element or none")
	},
	Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
		v := args[0]
		if v.Type().IsCollectionType() && !v.Length().IsKnown() {
			return cty.UnknownVal(t), nil
		}
		switch v.LengthInt() {
		case 0:
			return cty.NullVal(t), nil
		case 1:
			for it := v.ElementIterator(); it.Next(); {
				_, e := it.Element()
				return e, nil
			}
		}
		return cty.NilVal, function.NewArgErrorf(0, "must be a list, set or tuple with one element or none")
	},
})

var sum = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
	Type:   function.StaticReturnType(cty.Number),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v := args[0]
		if t := v.Type(); !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
			return cty.NilVal, function.NewArgErrorf(0, "must be a list, set or tuple of numbers")
		}
		if !v.IsWhollyKnown() {
			return cty.UnknownVal(cty.Number), nil
		}
		if v.LengthInt() == 0 {
			return cty.NilVal, function.NewArgErrorf(0, "must not be empty")
		}
		total := cty.Zero
		for it := v.ElementIterator(); it.Next(); {
			_, e := it.Element()
			n, err := convert.Convert(e, cty.Number)
			if err != nil || n.IsNull() {
				return cty.NilVal, function.NewArgErrorf(0, "must be a list, set or tuple of numbers")
			}
			total = total.Add(n)
		}
		return total, nil
	},
})

var transpose = define(cty.Map(cty.List(cty.String)), func(args []cty.Value) (cty.Value, error) {
	if !args[0].IsWhollyKnown() {
		return cty.UnknownVal(cty.Map(cty.List(cty.String))), nil
	}
	turned := map[string][]cty.Value{}
	for it := args[0].ElementIterator(); it.Next(); {
		k, list := it.Element()
		for el := list.ElementIterator(); el.Next(); {
			_, v := el.Element()
			if v.IsNull() {
				return cty.NilVal, errors.New("the lists must not have nulls")
			}
			turned[v.AsString()] = append(turned[v.AsString()], k)
		}
	}
	out := make(map[string]cty.Value, len(turned))
	for k, v := range turned {
		out[k] = cty.ListVal(v)
	}
	if len(out) == 0 {
		return cty.MapValEmpty(cty.List(cty.String)), nil
	}
	return cty.MapVal(out), nil
}, function.Parameter{Name: "values", Type: cty.Map(cty.List(cty.String))})

var anyMarked = []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true}}

func sameType(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil }

var sensitive = function.New(&function.Spec{Params: anyMarked, Type: sameType,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return args[0].Mark(schema.Sensitive), nil }})

var nonsensitive = function.New(&function.Spec{Params: anyMarked, Type: sameType,
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		v, _ := args[0].Unmark()
		return v, nil
	}})

var isSensitive = function.New(&function.Spec{Params: anyMarked, Type: function.StaticReturnType(cty.Bool),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		if args[0].HasMark(schema.Sensitive) {
			return cty.True, nil
		}
		if !args[0].IsKnown() {
			return cty.UnknownVal(cty.Bool), nil
		}
		return cty.False, nil
	}})
