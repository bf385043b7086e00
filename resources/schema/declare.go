package schema

import (
	"fmt"
	"io/fs"
	"reflect"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// An Option says of a type what its struct can't.
type Option func(*Type)

// Version is the version of the declaration, with an upgrade from each older
// one: upgrades[i] turns version i into i+1.
func Version(upgrades ...Upgrade) Option {
	return func(t *Type) {
		t.Version = len(upgrades)
		t.upgrades = make(map[int]Upgrade, len(upgrades))
		for i, u := range upgrades {
			t.upgrades[i] = u
		}
	}
}

// WithTimeouts sets the default time that a driver's calls may take.
func WithTimeouts(d Timeouts) Option { return func(t *Type) { t.Timeouts = d } }

// Subject puts the type into a chapter of the manual.
func Subject(name string) Option { return func(t *Type) { t.Subject = name } }

// After puts objects of the type after those of the named types that refer to
// the same objects.
func After(types ...string) Option { return func(t *Type) { t.After = types } }

// Before puts objects of the type before those of the named types, whether they
// refer to each other or not, unless they hang on them.
func Before(types ...string) Option { return func(t *Type) { t.Before = types } }

// GoesWith names the attribute that refers to an object which takes those of the type
// along: when both go, they go after it.
func GoesWith(attribute string) Option { return func(t *Type) { t.GoesWith = attribute } }

// CreateFirst declares that replacements are made first, unless an author says
// create_before_destroy = false.
func CreateFirst(t *Type) { t.CreateFirst = true }

// HoldsData declares that data goes when an object of the type goes.
func HoldsData(t *Type) { t.Precious = true }

// Data declares a type that can only be read.
func Data(t *Type) { t.DataOnly = true }

// Source is the Go source that declares the types: doc comments are read from it
// when somebody asks for documentation.
func WithSource(files fs.FS) Option {
	return func(t *Type) { t.docs = docsOf(files) }
}

// Declare reads the declaration of a type from the struct T. A tag that makes no
// sense is a bug of the program: it panics.
//
// The tags: hcl:"name" or hcl:"name,optional"; plan:"replace", "stop", "grow",
// "assigned", "computed", "live", and combinations such as "assigned,replace";
// default:"..." in HCL's spelling of a literal; from:"attribute" for an assigned
// attribute that copies another one; check:"min=1,max=9,len=255,pattern=...";
// hot:"name"; secrets:"maybe" for a text that authors put secrets into.
func Declare[T any](name string, options ...Option) *Type {
	t := &Type{Name: name, goType: reflect.TypeFor[T](), byName: map[string]*Attribute{}}
	for _, o := range options {
		o(t)
	}
	bug := func(f reflect.StructField, why string) {
		panic(fmt.Sprintf("schema: %s.%s (%s): %s", t.goType.Name(), f.Name, name, why))
	}
	t.Attributes = attributes(t.goType, bug)
	types := make(map[string]cty.Type, len(t.Attributes))
	for _, a := range t.Attributes {
		t.byName[a.Name] = a
		types[a.Name] = a.plain()
	}
	for _, a := range t.Attributes {
		if a.Copies != "" && t.byName[a.Copies] == nil {
			panic(fmt.Sprintf("schema: %s.%s copies %s, which is no attribute", name, a.Name, a.Copies))
		}
	}
	t.object = cty.Object(types)
	return t
}

// attributes reads the fields of a struct: of a whole resource, or of a nested
// object, where only names, types, defaults and checks count.
func attributes(st reflect.Type, bug func(reflect.StructField, string)) []*Attribute {
	if st.Kind() != reflect.Struct {
		panic("schema: " + st.String() + " is no struct")
	}
	var all []*Attribute
	for i := range st.NumField() {
		f := st.Field(i)
		if f.Anonymous { // attributes that several types share
			for _, a := range attributes(f.Type, bug) {
				a.field = append([]int{i}, a.field...)
				all = append(all, a)
			}
			continue
		}
		tag, ok := f.Tag.Lookup("hcl")
		if !ok {
			if f.IsExported() {
				bug(f, "has no hcl tag")
			}
			continue
		}
		a := &Attribute{field: []int{i}, doc: st.Name() + "." + f.Name, Hot: f.Tag.Get("hot"), Copies: f.Tag.Get("from"), Default: cty.NilVal}
		name, option, _ := strings.Cut(tag, ",")
		a.Name = name
		if !validName(name) || option != "" && option != "optional" {
			bug(f, "hcl tag "+strconv.Quote(tag))
		}
		for word := range strings.SplitSeq(f.Tag.Get("plan"), ",") {
			switch word {
			case "":
			case "replace":
				a.Change = Replace
			case "stop":
				a.Change = Stop
			case "grow":
				a.Change = Grow
			case "assigned":
				a.Source = Assigned
			case "computed":
				a.Source = Computed
			case "live":
				// Alone: the system's. With assigned: a change by the author is live.
				if a.Source != Assigned {
					a.Source = Live
				}
			default:
				bug(f, "plan tag "+strconv.Quote(word))
			}
		}
		a.Required = a.Source == Author && option == ""
		a.Settable = a.Source == Author || option == "optional"
		if a.Copies != "" && a.Source != Assigned {
			bug(f, "from needs plan:\"assigned\"")
		}
		a.MayHide = f.Tag.Get("secrets") == "maybe"
		a.codec = codecOf(f.Type, func(why string) { bug(f, why) })
		a.Type, a.Nested, a.Sensitive, a.Refers = a.codec.typ, a.codec.nested, a.codec.secret, a.codec.refers
		if text, ok := f.Tag.Lookup("default"); ok {
			v, err := parseLiteral(text, a.plain())
			if err != nil {
				bug(f, "default "+text+": "+err.Error())
			}
			a.Default = v
			zero := a.codec.fromGo(reflect.Zero(f.Type))
			if f.Type.Kind() != reflect.Pointer && !zero.RawEquals(v) && zeroIsLegal(f.Type) {
				bug(f, "its zero is a legal value other than the default, so it must be a pointer")
			}
		}
		checks, err := parseChecks(f.Tag.Get("check"))
		if err != nil {
			bug(f, err.Error())
		}
		a.checks = append(checks, a.codec.checks...)
		all = append(all, a)
	}
	return all
}

// zeroIsLegal: an author may write false and 0, while an empty string, list or
// address says the same as nothing.
func zeroIsLegal(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return t != reflect.TypeFor[Duration]()
	}
	return false
}

func validName(s string) bool {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func parseLiteral(text string, t cty.Type) (cty.Value, error) {
	switch t {
	case cty.Bool:
		b, err := strconv.ParseBool(text)
		return cty.BoolVal(b), err
	case cty.Number:
		return cty.ParseNumberVal(text)
	case cty.String:
		return cty.StringVal(text), nil
	}
	return cty.NilVal, fmt.Errorf("only strings, numbers and bools can have one")
}
