// Package nbschema holds rows to OVN's own northbound schema, as the database
// server would: tables, columns, types, bounds, references, indexes. The schema
// is OVN 23.03's, the oldest that cairn drives.
package nbschema

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/cairncloud/cairn/providers/ovn/rows"
)

//go:embed ovn-nb.ovsschema
var source []byte

// A Schema is what a database accepts (RFC 7047, section 3.2).
type Schema struct {
	Name    string
	Version string
	Tables  map[string]*Table
}

// A Table is one of its tables.
type Table struct {
	Columns map[string]*Column
	Indexes [][]string
	// Root rows stay without a reference to them; others are swept away.
	Root bool `json:"isRoot"`
}

// A Column is the type of one column.
type Column struct{ Type Type }

// A Type is of values that are sets or maps of atoms. One atom is a set of one.
type Type struct {
	Key   Atom
	Value *Atom // of maps
	Min   int
	Max   int // -1: any number
}

// An Atom is a type of single values.
type Atom struct {
	Type       string
	Enum       []string
	MinInteger *int
	MaxInteger *int
	MaxLength  *int
	RefTable   string
	RefType    string
}

// Northbound is the schema of OVN 23.03.
var Northbound = sync.OnceValue(func() *Schema {
	s := new(Schema)
	if err := json.Unmarshal(source, s); err != nil {
		panic("nbschema: " + err.Error())
	}
	return s
})

// UnmarshalJSON reads a <type>, whose short form is the name of an atom's type.
func (t *Type) UnmarshalJSON(text []byte) error {
	t.Min, t.Max = 1, 1
	if text[0] == '"' {
		return json.Unmarshal(text, &t.Key)
	}
	var f struct {
		Key   Atom
		Value *Atom
		Min   *int
		Max   any
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	t.Key, t.Value = f.Key, f.Value
	if f.Min != nil {
		t.Min = *f.Min
	}
	switch m := f.Max.(type) {
	case float64:
		t.Max = int(m)
	case string:
		t.Max = -1
	}
	return nil
}

// UnmarshalJSON reads a <base-type>, whose short form is its name.
func (a *Atom) UnmarshalJSON(text []byte) error {
	if text[0] == '"' {
		return json.Unmarshal(text, &a.Type)
	}
	var f struct {
		Type, RefTable, RefType           string
		Enum                              []any
		MinInteger, MaxInteger, MaxLength *int
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	*a = Atom{Type: f.Type, RefTable: f.RefTable, RefType: f.RefType, MinInteger: f.MinInteger, MaxInteger: f.MaxInteger, MaxLength: f.MaxLength}
	if a.RefTable != "" && a.RefType == "" {
		a.RefType = "strong" // RFC 7047, section 3.2
	}
	if len(f.Enum) == 2 {
		for _, v := range f.Enum[1].([]any) {
			a.Enum = append(a.Enum, fmt.Sprint(v))
		}
	}
	return nil
}

// Row reports what is wrong with one row by itself.
func (s *Schema) Row(r rows.Row) error {
	t := s.Tables[r.Table]
	if t == nil {
		return fmt.Errorf("there is no table %s", r.Table)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(r.Columns)) {
		c := t.Columns[name]
		if c == nil {
			errs = append(errs, fmt.Errorf("%s has no column %s", r.Table, name))
			continue
		}
		if err := c.Type.accepts(r.Columns[name]); err != nil {
			errs = append(errs, fmt.Errorf("%s.%s: %w", r.Table, name, err))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Columns)) {
		if _, set := r.Columns[name]; !set && t.Columns[name].Type.demands() {
			errs = append(errs, fmt.Errorf("%s.%s is not set, and its default is not allowed", r.Table, name))
		}
	}
	for _, p := range r.Into {
		parent := s.Tables[p.Table]
		switch {
		case parent == nil:
			errs = append(errs, fmt.Errorf("there is no table %s", p.Table))
		case parent.Columns[p.Column] == nil:
			errs = append(errs, fmt.Errorf("%s has no column %s", p.Table, p.Column))
		case parent.Columns[p.Column].Type.Key.RefTable != r.Table:
			errs = append(errs, fmt.Errorf("%s.%s holds no references to a %s", p.Table, p.Column, r.Table))
		}
	}
	return errors.Join(errs...)
}

// demands reports whether a column that nobody sets breaks its own type: the
// server fills in zeros and empty strings, and empty sets where those are allowed.
func (t *Type) demands() bool {
	if t.Min == 0 {
		return false
	}
	return t.Key.Type == "uuid" || len(t.Key.Enum) > 0 || t.Key.MinInteger != nil && *t.Key.MinInteger > 0 || t.Max != 1
}

func (t *Type) accepts(value any) error {
	if n, ok := value.(rows.Numbers); ok {
		return t.numbers(n)
	}
	if t.Value != nil {
		m, ok := value.(rows.Map)
		if !ok {
			return fmt.Errorf("%v is no map", value)
		}
		if t.Value.Type != "string" || t.Key.Type != "string" {
			return errors.New("its names or values are no strings")
		}
		return t.bounds(len(m))
	}
	set, ok := value.(rows.Set)
	if !ok {
		set = rows.Set{value}
	}
	if err := t.bounds(len(set)); err != nil {
		return err
	}
	seen := map[any]bool{}
	for _, v := range set {
		if err := t.Key.accepts(v); err != nil {
			return err
		}
		if seen[v] {
			return fmt.Errorf("%v is in the set twice", v)
		}
		seen[v] = true
	}
	return nil
}

func (t *Type) numbers(n rows.Numbers) error {
	if t.Value == nil {
		return fmt.Errorf("%v is a map", n)
	}
	for _, k := range slices.Sorted(maps.Keys(n)) {
		if err := errors.Join(t.Key.accepts(k), t.Value.accepts(n[k])); err != nil {
			return err
		}
	}
	return t.bounds(len(n))
}

func (t *Type) bounds(n int) error {
	if n < t.Min {
		return fmt.Errorf("%d values are fewer than %d", n, t.Min)
	}
	if t.Max >= 0 && n > t.Max {
		return fmt.Errorf("%d values are more than %d", n, t.Max)
	}
	return nil
}

func (a *Atom) accepts(value any) error {
	switch v := value.(type) {
	case string:
		switch {
		case a.Type != "string":
			return fmt.Errorf("%q is no %s", v, a.Type)
		case len(a.Enum) > 0 && !slices.Contains(a.Enum, v):
			return fmt.Errorf("%q is none of %s", v, strings.Join(a.Enum, ", "))
		case a.MaxLength != nil && len(v) > *a.MaxLength:
			return fmt.Errorf("%q is longer than %d", v, *a.MaxLength)
		}
	case int:
		switch {
		case a.Type != "integer":
			return fmt.Errorf("%d is no %s", v, a.Type)
		case a.MinInteger != nil && v < *a.MinInteger:
			return fmt.Errorf("%d is less than %d", v, *a.MinInteger)
		case a.MaxInteger != nil && v > *a.MaxInteger:
			return fmt.Errorf("%d is more than %d", v, *a.MaxInteger)
		}
	case bool:
		if a.Type != "boolean" {
			return fmt.Errorf("%v is no %s", v, a.Type)
		}
	case rows.Ref:
		if a.Type != "uuid" {
			return fmt.Errorf("a reference is no %s", a.Type)
		}
	default:
		return fmt.Errorf("a %T is no value of a row", value)
	}
	return nil
}

// A Reference is from one row's column to another row.
type Reference struct {
	From   string // the row that holds it
	Column string
	Table  string // of the row it points to
	To     string
	// Weak references vanish with the row they point to. A row with strong ones to
	// it can't be deleted.
	Weak bool
}

// References lists those that a row holds, and those that other rows hold to it.
func (s *Schema) References(r rows.Row) iter.Seq[Reference] {
	return func(yield func(Reference) bool) {
		t := s.Tables[r.Table]
		for _, name := range slices.Sorted(maps.Keys(r.Columns)) {
			set, ok := r.Columns[name].(rows.Set)
			if !ok {
				set = rows.Set{r.Columns[name]}
			}
			for _, v := range set {
				ref, ok := v.(rows.Ref)
				if !ok {
					continue
				}
				key := t.Columns[name].Type.Key
				if !yield(Reference{r.ID, name, key.RefTable, string(ref), key.RefType == "weak"}) {
					return
				}
			}
		}
		for _, p := range r.Into {
			weak := s.Tables[p.Table].Columns[p.Column].Type.Key.RefType == "weak"
			if !yield(Reference{p.ID, p.Column, r.Table, r.ID, weak}) {
				return
			}
		}
	}
}

// Keys are what no other row of the table may have the same of: one key an index.
func (s *Schema) Keys(r rows.Row) []string {
	var all []string
	for _, columns := range s.Tables[r.Table].Indexes {
		parts := make([]string, len(columns))
		for i, c := range columns {
			parts[i] = fmt.Sprintf("%s=%q", c, r.String(c))
		}
		all = append(all, strings.Join(parts, " "))
	}
	return all
}

// Check reports what is wrong with rows that are a whole database: rows by
// themselves, references that lead nowhere, indexes with two of the same, and
// rows that nothing refers to, which the server would sweep away.
func Check(all []rows.Row) error {
	s := Northbound()
	var errs []error
	byID, keys := map[string]rows.Row{}, map[string]string{}
	for _, r := range all {
		if err := s.Row(r); err != nil {
			errs = append(errs, fmt.Errorf("row %s: %w", r.ID, err))
			continue
		}
		if _, twice := byID[r.ID]; twice {
			errs = append(errs, fmt.Errorf("row %s of %s is there twice", r.ID, r.Table))
		}
		byID[r.ID] = r
		for _, k := range s.Keys(r) {
			if other := keys[r.Table+" "+k]; other != "" {
				errs = append(errs, fmt.Errorf("rows %s and %s of %s have the same %s", other, r.ID, r.Table, k))
			}
			keys[r.Table+" "+k] = r.ID
		}
	}
	held := map[string]bool{}
	for _, r := range byID {
		for ref := range s.References(r) {
			from, ok := byID[ref.From]
			to, there := byID[ref.To]
			switch {
			case !ok:
				errs = append(errs, fmt.Errorf("row %s of %s belongs in %s of row %s, which is not there", r.ID, r.Table, ref.Column, ref.From))
			case !there:
				errs = append(errs, fmt.Errorf("row %s of %s refers with %s to row %s, which is not there", r.ID, r.Table, ref.Column, ref.To))
			case to.Table != ref.Table:
				errs = append(errs, fmt.Errorf("row %s of %s refers with %s to a %s", from.ID, from.Table, ref.Column, to.Table))
			case !ref.Weak:
				held[ref.To] = true
			}
		}
	}
	for id, r := range byID {
		if !s.Tables[r.Table].Root && !held[id] {
			errs = append(errs, fmt.Errorf("row %s of %s would be swept away: nothing refers to it", id, r.Table))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}
