package ovn

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// wire is a value as a server takes it (RFC 7047, section 5.1).
func wire(v any) any {
	switch v := v.(type) {
	case rows.Ref:
		return ovsdb.UUID{GoUUID: string(v)}
	case rows.Set:
		all := make([]any, len(v))
		for i, e := range v {
			all[i] = wire(e)
		}
		return ovsdb.OvsSet{GoSet: all}
	case rows.Map:
		return wireMap(v)
	case rows.Numbers:
		return wireMap(v)
	}
	return v
}

func wireMap[V any](m map[string]V) ovsdb.OvsMap {
	all := make(map[any]any, len(m))
	for k, e := range m {
		all[k] = e
	}
	return ovsdb.OvsMap{GoMap: all}
}

// A value is a column in one form, whatever it came from: a map of texts, a
// sorted list of texts, a single text, or nil for an optional column that has
// nothing.
type value any

// canon brings what a server answers, and what rows want, into one form. nil is a
// column that nobody has set.
func canon(t *nbschema.Type, v any) value {
	switch {
	case t.Value != nil:
		return canonMap(v)
	case t.Max != 1:
		return canonSet(v)
	}
	if s := canonSet(v); len(s) > 0 {
		return s[0]
	}
	if t.Min == 0 {
		return nil
	}
	switch t.Key.Type { // RFC 7047, section 5.2.1: what a column has that is not set
	case "integer", "real":
		return "0"
	case "boolean":
		return "false"
	}
	return ""
}

func canonMap(v any) map[string]string {
	all := map[string]string{}
	switch v := v.(type) {
	case rows.Map:
		maps.Copy(all, v)
	case rows.Numbers:
		for k, e := range v {
			all[k] = atom(e)
		}
	case ovsdb.OvsMap:
		for k, e := range v.GoMap {
			all[atom(k)] = atom(e)
		}
	}
	return all
}

func canonSet(v any) []string {
	var all []string
	switch v := v.(type) {
	case nil:
	case rows.Set:
		for _, e := range v {
			all = append(all, atom(e))
		}
	case ovsdb.OvsSet:
		for _, e := range v.GoSet {
			all = append(all, atom(e))
		}
	default:
		all = []string{atom(v)}
	}
	slices.Sort(all)
	return all
}

func atom(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case rows.Ref:
		return string(v)
	case ovsdb.UUID:
		return v.GoUUID
	}
	return fmt.Sprint(v)
}

// same reports whether two columns say the same.
func same(a, b value) bool { return reflect.DeepEqual(a, b) }

// spoken is a value for people.
func spoken(v value) string {
	switch v := v.(type) {
	case nil:
		return "unset"
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	case map[string]string:
		var all []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, k+"="+v[k])
		}
		return "{" + strings.Join(all, ", ") + "}"
	case string:
		if v == "" {
			return `""`
		}
		return v
	}
	return fmt.Sprint(v)
}

// difference says in a few words how what is differs from what should be.
func difference(column string, is, should value) string {
	a, ok1 := is.(map[string]string)
	b, ok2 := should.(map[string]string)
	if !ok1 || !ok2 {
		return fmt.Sprintf("%s is %s, not %s", column, spoken(is), spoken(should))
	}
	var all []string
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if got, ok := a[k]; !ok {
			all = append(all, fmt.Sprintf("%s has no %s=%s", column, k, b[k]))
		} else if got != b[k] {
			all = append(all, fmt.Sprintf("%s has %s=%s, not %s", column, k, got, b[k]))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[k]; !ok {
			all = append(all, fmt.Sprintf("%s has %s=%s besides", column, k, a[k]))
		}
	}
	return strings.Join(all, ", ")
}
