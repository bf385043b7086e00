// Package schema says what a declaration of a resource type means: its
// attributes, how each may change, what a change comes to. A type is declared
// once, as a Go struct; whoever needs an attribute's name reads it here.
package schema

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// A Type is one declared resource type.
type Type struct {
	Name    string
	Version int // of the declaration; stands in each record
	// Subject is the chapter of the manual that the type is in, such as Network.
	Subject string
	// Attributes in the order of the struct's fields.
	Attributes []*Attribute
	// DataOnly types can be read with a data block and never made.
	DataOnly bool
	Timeouts Timeouts
	// CreateFirst: a replacement is made before what it replaces goes, unless the
	// author says otherwise, because the system lets nothing go that is in use.
	CreateFirst bool
	// Precious objects hold data that goes with them.
	Precious bool
	// After names types: an object comes after those of them that refer to the same
	// objects as it does. A port comes after the subnets of its network.
	After []string
	// Before are the types whose objects come after those of this one.
	Before []string
	// GoesWith is the attribute that refers to an object which takes those of the type
	// along; "" for none.
	GoesWith string

	byName   map[string]*Attribute
	object   cty.Type
	goType   reflect.Type
	upgrades map[int]Upgrade
	docs     func() *docs
}

// An Attribute is one word of a type.
type Attribute struct {
	Name string
	// Type of the value, with the optional attributes of nested objects marked as such.
	Type cty.Type
	// Required must be written by the author; Settable may be.
	Required, Settable bool
	Source             Source
	Change             ChangeKind
	Sensitive          bool
	// MayHide: a text that authors put secrets into, such as user data. Who can't tell
	// whether there is one keeps it as if there were.
	MayHide bool
	Default cty.Value // cty.NilVal: none
	// Copies names an attribute of the same type whose value this one always has.
	Copies string
	// Refers is the Go type of what a Ref points to; nil for anything else.
	Refers reflect.Type
	// Hot is the property's name in Heat templates, where it differs.
	Hot string
	// Nested attributes of an object, or of the objects of a list, set or map.
	Nested []*Attribute

	field  []int
	doc    string // Struct.Field, where its doc comment stands
	codec  codec
	checks []check
}

// Source says who gives an attribute its value.
type Source byte

// The sources.
const (
	Author   Source = iota // the author, or the default
	Assigned               // cairn chooses it while planning, unless the author did, and keeps it
	Computed               // the system tells it after apply, for good
	Live                   // the system tells it, and may move it at any time: never drift
)

// ChangeKind says what a change of an attribute comes to.
type ChangeKind byte

// The kinds of change.
const (
	InPlace ChangeKind = iota
	Replace            // by a new object
	Stop               // in place, but the guest stops
	Grow               // in place when larger; smaller is an error
)

// Timeouts bound the calls of a driver. Zero means the default of 10 minutes.
type Timeouts struct{ Create, Read, Update, Delete time.Duration }

// DefaultTimeout is what a type without a word of its own gets.
const DefaultTimeout = 10 * time.Minute

// Bounds are the timeouts of the type where an author says none.
func (t *Type) Bounds() Timeouts {
	or := func(d time.Duration) time.Duration {
		if d > 0 {
			return d
		}
		return DefaultTimeout
	}
	return Timeouts{or(t.Timeouts.Create), or(t.Timeouts.Read), or(t.Timeouts.Update), or(t.Timeouts.Delete)}
}

// An Upgrade turns the attributes of an older version into those of the next one.
type Upgrade func(attrs map[string]any) error

// Object is the cty type of the whole resource.
func (t *Type) Object() cty.Type { return t.object }

// Go is the struct that declares the type.
func (t *Type) Go() reflect.Type { return t.goType }

// Attribute finds an attribute by its name, or nil.
func (t *Type) Attribute(name string) *Attribute { return t.byName[name] }

// New makes an empty struct of the type and returns a pointer to it.
func (t *Type) New() any { return reflect.New(t.goType).Interface() }

// Null is the object with every attribute null.
func (t *Type) Null() cty.Value {
	vals := make(map[string]cty.Value, len(t.Attributes))
	for _, a := range t.Attributes {
		vals[a.Name] = cty.NullVal(a.plain())
	}
	return cty.ObjectVal(vals)
}

func (a *Attribute) plain() cty.Type { return a.Type.WithoutOptionalAttributesDeep() }

// Types are the resource types that a program knows.
type Types struct {
	types  map[string]*Type
	data   map[string]*Type
	byGo   map[reflect.Type]*Type
	sorted []*Type
}

// NewTypes collects types. Two of one name are a bug of the program.
func NewTypes(types ...*Type) *Types {
	s := &Types{types: map[string]*Type{}, data: map[string]*Type{}, byGo: map[reflect.Type]*Type{}}
	for _, t := range types {
		if s.types[t.Name] != nil || s.data[t.Name] != nil {
			panic("schema: two types are named " + t.Name)
		}
		if t.DataOnly {
			s.data[t.Name] = t
		} else {
			s.types[t.Name] = t
			if d := t.asData(); d != nil {
				s.data[t.Name] = d
			}
		}
		if s.byGo[t.goType] == nil {
			s.byGo[t.goType] = t
		}
		s.sorted = append(s.sorted, t)
	}
	slices.SortFunc(s.sorted, func(a, b *Type) int { return compareStrings(a.Name, b.Name) })
	for _, t := range s.sorted {
		for _, a := range t.Attributes {
			if a.Refers != nil && s.byGo[a.Refers] == nil {
				panic(fmt.Sprintf("schema: %s.%s refers to %s, which is not in the list of types", t.Name, a.Name, a.Refers))
			}
		}
	}
	return s
}

// Resource finds a type that a resource block may have, or nil.
func (s *Types) Resource(name string) *Type { return s.types[name] }

// Data finds a type that a data block may have, or nil.
func (s *Types) Data(name string) *Type { return s.data[name] }

// ByGo finds the type that a struct declares, or nil.
func (s *Types) ByGo(t reflect.Type) *Type { return s.byGo[t] }

// All lists the types by name.
func (s *Types) All() []*Type { return s.sorted }

// asData is the data source of a resource type: every scalar attribute is a
// filter, and exactly one object must pass them all. Types without an id and a
// name have none.
func (t *Type) asData() *Type {
	if t.byName["id"] == nil || t.byName["name"] == nil {
		return nil
	}
	d := *t
	d.DataOnly = true
	d.Attributes = make([]*Attribute, len(t.Attributes))
	d.byName = make(map[string]*Attribute, len(t.Attributes))
	for i, a := range t.Attributes {
		c := *a
		c.Required = false
		c.Settable = (a.Type.IsPrimitiveType() || a.Type.Equals(cty.Set(cty.String))) && !a.Sensitive
		c.Source = Computed
		c.Default = cty.NilVal
		d.Attributes[i] = &c
		d.byName[c.Name] = &c
	}
	return &d
}

// Lookup reports whether a data type reads facts of the cloud itself, rather
// than objects of the resource type of its name.
func (t *Type) Lookup() bool { return t.DataOnly && implements[Lookuper](t.goType) }

func implements[I any](t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[I]())
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
