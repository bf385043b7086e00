package schema

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/zclconf/go-cty/cty"
)

// A check reports what is wrong with one known value, in words that follow the
// attribute's name: "must be at least 1".
type check func(cty.Value) string

func parseChecks(tag string) ([]check, error) {
	if tag == "" {
		return nil, nil
	}
	if pattern, ok := strings.CutPrefix(tag, "pattern="); ok {
		re, err := regexp.Compile("^(?:" + pattern + ")$")
		if err != nil {
			return nil, err
		}
		return []check{func(v cty.Value) string {
			if v.Type() == cty.String && !re.MatchString(v.AsString()) {
				return "must match " + pattern
			}
			return ""
		}}, nil
	}
	var all []check
	for part := range strings.SplitSeq(tag, ",") {
		word, text, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("check %q needs a number", part)
		}
		bound := cty.NumberIntVal(n)
		switch word {
		case "min":
			all = append(all, func(v cty.Value) string {
				if v.Type() == cty.Number && v.LessThan(bound).True() {
					return "must be at least " + text
				}
				return ""
			})
		case "max":
			all = append(all, func(v cty.Value) string {
				if v.Type() == cty.Number && v.GreaterThan(bound).True() {
					return "must be at most " + text
				}
				return ""
			})
		case "len":
			all = append(all, func(v cty.Value) string {
				switch {
				case v.Type() == cty.String && int64(len(v.AsString())) > n:
					return "must have at most " + text + " bytes"
				case v.CanIterateElements() && int64(v.LengthInt()) > n:
					return "must have at most " + text + " elements"
				}
				return ""
			})
		default:
			return nil, fmt.Errorf("check %q is not known", word)
		}
	}
	return all, nil
}

func oneOf(values []string) check {
	return func(v cty.Value) string {
		if v.Type() == cty.String && v.AsString() != "" && !slices.Contains(values, v.AsString()) {
			s := "must be one of " + strings.Join(values, ", ")
			if near := Nearest(v.AsString(), values); near != "" {
				s += fmt.Sprintf("; did you mean %q?", near)
			}
			return s
		}
		return ""
	}
}

// Complain reports what is wrong with a value as a value of the attribute: its
// range, its enumeration, its syntax. Unknown parts are passed over.
func (a *Attribute) Complain(v cty.Value) Problems {
	v, _ = v.UnmarkDeep()
	var all Problems
	a.complain(v, a.Name, &all)
	return all
}

func (a *Attribute) complain(v cty.Value, path string, all *Problems) {
	if !v.IsKnown() || v.IsNull() {
		return
	}
	each := []cty.Value{v}
	collection := v.Type().IsCollectionType() && !a.Type.IsPrimitiveType()
	if collection {
		each = v.AsValueSlice()
		for _, c := range a.checks {
			if why := c(v); why != "" {
				*all = append(*all, Problem{Attribute: path, Summary: fmt.Sprintf("Unsuitable value for %s", path), Detail: full("It " + why)})
			}
		}
	}
	for i, e := range each {
		where := path
		if collection && !v.Type().IsSetType() {
			where = fmt.Sprintf("%s[%d]", path, i)
		}
		if !e.IsKnown() {
			continue
		}
		if e.IsNull() {
			if collection {
				*all = append(*all, Problem{Attribute: where, Summary: fmt.Sprintf("Unsuitable value for %s", where), Detail: "An element must not be null."})
			}
			continue
		}
		if e.Type() == cty.String && e.AsString() == "" && (a.Required || collection) && !a.holdsText() {
			*all = append(*all, Problem{Attribute: where, Summary: fmt.Sprintf("Unsuitable value for %s", where), Detail: "It must not be empty."})
			continue
		}
		for _, c := range a.checks {
			if why := c(e); why != "" {
				*all = append(*all, Problem{Attribute: where, Summary: fmt.Sprintf("Unsuitable value for %s", where), Detail: full("It " + why)})
			}
		}
		if a.Nested != nil && e.Type().IsObjectType() {
			for _, n := range a.Nested {
				n.complain(e.GetAttr(n.Name), where+"."+n.Name, all)
			}
		}
	}
	if len(*all) == 0 && v.IsWhollyKnown() && a.Nested == nil {
		if err := a.decodes(v); err != nil {
			*all = append(*all, Problem{Attribute: path, Summary: fmt.Sprintf("Unsuitable value for %s", path), Detail: sentence(err.Error())})
		}
	}
}

// full ends a sentence that has no end yet.
func full(s string) string {
	if strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// Nearest finds the candidate that a mistyped word most likely meant, or "".
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", max(len(word)/3, 1)+1
	if len(word) < 3 { // every other short word would be near
		bestDistance = 1
	}
	for _, c := range candidates {
		d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(c), nil)
		if d == 2 && swapped(word, c) {
			d = 1
		}
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// swapped reports whether two words differ by two letters beside each other that
// changed places.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) - 1 {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// holdsText reports an attribute whose texts may be any, the empty one too.
func (a *Attribute) holdsText() bool {
	t := a.codec.goType
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Map || t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.String && a.Refers == nil && !t.Implements(reflect.TypeFor[Enum]())
}

// decodes tries the way into the attribute's Go type, which knows the syntax of
// addresses, ranges and time spans.
func (a *Attribute) decodes(v cty.Value) error {
	return a.codec.toGo(v, reflect.New(a.codec.goType).Elem())
}

func (a *Attribute) goValue(v cty.Value) (reflect.Value, bool) {
	r := reflect.New(a.codec.goType).Elem()
	if v.IsNull() {
		return r, true
	}
	return r, a.codec.toGo(v, r) == nil
}
