package lang

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/cairncloud/cairn/resources/schema"
)

// nestedNames checks the words of objects that are written out.
func (l *loader) nestedNames(x hclsyntax.Expression, a *schema.Attribute, t cty.Type) {
	switch x := x.(type) {
	case *hclsyntax.ParenthesesExpr:
		l.nestedNames(x.Expression, a, t)
	case *hclsyntax.TupleConsExpr:
		if t.IsListType() || t.IsSetType() {
			for _, e := range x.Exprs {
				l.nestedNames(e, a, t.ElementType())
			}
		}
	case *hclsyntax.ObjectConsExpr:
		if t.IsMapType() {
			for _, item := range x.Items {
				l.nestedNames(item.ValueExpr, a, t.ElementType())
			}
			return
		}
		for _, item := range x.Items {
			word := keyWord(item.KeyExpr)
			if word == "" {
				continue
			}
			n := nestedAttribute(a, word)
			if n == nil {
				l.bad(item.KeyExpr.Range(), fmt.Sprintf("Unknown attribute %q", word), fmt.Sprintf("An object of %s has no such attribute.%s", a.Name, meant(word, nestedNamesOf(a))))
				continue
			}
			if n.Nested != nil {
				l.nestedNames(item.ValueExpr, n, n.Type)
			}
		}
	}
}

func keyWord(x hclsyntax.Expression) string {
	k, ok := x.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return ""
	}
	if word := hcl.ExprAsKeyword(k.Wrapped); word != "" && !k.ForceNonLiteral {
		return word
	}
	switch w := k.Wrapped.(type) {
	case *hclsyntax.TemplateExpr:
		if w.IsStringLiteral() {
			v, _ := w.Value(nil)
			return v.AsString()
		}
	case *hclsyntax.LiteralValueExpr:
		if w.Val.Type() == cty.String && w.Val.IsKnown() && !w.Val.IsNull() {
			return w.Val.AsString()
		}
	}
	return ""
}

func nestedAttribute(a *schema.Attribute, name string) *schema.Attribute {
	for _, n := range a.Nested {
		if n.Name == name {
			return n
		}
	}
	return nil
}

func nestedNamesOf(a *schema.Attribute) []string {
	names := make([]string, len(a.Nested))
	for i, n := range a.Nested {
		names[i] = n.Name
	}
	return names
}

// strayName finds a word in the objects of a value that the attribute does not
// have: conversion would drop it without a word.
func strayName(t cty.Type, a *schema.Attribute) (string, *schema.Attribute) {
	switch {
	case t.IsListType(), t.IsSetType():
		return strayName(t.ElementType(), a)
	case t.IsMapType() && a.Type.IsMapType():
		return strayName(t.ElementType(), a)
	case t.IsTupleType():
		for _, e := range t.TupleElementTypes() {
			if w, in := strayName(e, a); w != "" {
				return w, in
			}
		}
	case t.IsObjectType() && a.Type.IsMapType():
		for _, e := range t.AttributeTypes() {
			if e.IsObjectType() {
				if w, in := strayName(e, &schema.Attribute{Name: a.Name, Type: a.Type.ElementType(), Nested: a.Nested}); w != "" {
					return w, in
				}
			}
		}
	case t.IsObjectType():
		for name, e := range t.AttributeTypes() {
			n := nestedAttribute(a, name)
			if n == nil {
				return name, a
			}
			if n.Nested != nil {
				if w, in := strayName(e, n); w != "" {
					return w, in
				}
			}
		}
	}
	return "", nil
}

// fit makes a value into one of the attribute's type.
func fit(a *schema.Attribute, e *expr, v cty.Value, ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if a.Nested != nil {
		if word, in := strayName(v.Type(), a); word != "" {
			return cty.DynamicVal, hcl.Diagnostics{inContext(problem(e.rng(), fmt.Sprintf("Unknown attribute %q", word),
				fmt.Sprintf("An object of %s has no such attribute.%s", in.Name, meant(word, nestedNamesOf(in)))), e.x, ctx)}
		}
	}
	if a.Type != cty.DynamicPseudoType {
		var err error
		if v, err = convert.Convert(v, a.Type); err != nil {
			return cty.DynamicVal, hcl.Diagnostics{inContext(problem(e.rng(), "Unsuitable value for "+a.Name, capital(convertError(err))+"."), e.x, ctx)}
		}
	}
	if a.Sensitive && !v.IsNull() && !v.ContainsMarked() {
		v = v.Mark(schema.Sensitive)
	}
	if a.Required {
		if plain, _ := v.Unmark(); plain.IsNull() {
			return v, hcl.Diagnostics{inContext(problem(e.rng(), fmt.Sprintf("%s is null", a.Name), "It is required: give it a value."), e.x, ctx)}
		}
	}
	return v, nil
}

// convertError is a conversion's complaint with the path that it is about.
func convertError(err error) string {
	p, ok := err.(cty.PathError)
	if !ok || len(p.Path) == 0 {
		return strings.TrimSuffix(err.Error(), ".")
	}
	return fmt.Sprintf("at %s, %s", pathText(p.Path), strings.TrimSuffix(p.Error(), "."))
}

func pathText(p cty.Path) string {
	var b strings.Builder
	for _, s := range p {
		switch s := s.(type) {
		case cty.GetAttrStep:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s.Name)
		case cty.IndexStep:
			k, _ := s.Key.Unmark()
			switch {
			case !k.IsKnown() || k.IsNull():
				b.WriteString("[...]")
			case k.Type() == cty.String:
				fmt.Fprintf(&b, "[%q]", k.AsString())
			case k.Type() == cty.Number:
				fmt.Fprintf(&b, "[%s]", k.AsBigFloat().Text('f', -1))
			default:
				b.WriteString("[...]")
			}
		}
	}
	return b.String()
}
