// Package rows says which rows of OVN's northbound database a declared object
// comes to. It is pure: a row hangs on the object and on what the World knows
// of its neighbours, and on nothing else, so that whoever writes rows and
// whoever only thinks about them have the same. What a column means is in
// ovn-nb(5).
package rows

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/google/uuid"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// A Row is one row of the northbound database.
type Row struct {
	Table string
	// ID is a UUID that follows from the object and the row's part in it: rendered
	// again, the row is the same row.
	ID      string
	Columns map[string]any // string, int, bool, Set, Map, Numbers or Ref
	// Into lists the columns of other rows that hold a reference to this one.
	Into []Place
}

// A Ref is a reference to a row, by its ID.
type Ref string

// A Set is a column of several strings or references. Its order means nothing.
type Set []any

// A Map is a column of names and values.
type Map map[string]string

// Numbers is a column of names and numbers.
type Numbers map[string]int

// A Place is a column of a row.
type Place struct{ Table, ID, Column string }

// Of renders an object: a pointer to the struct that declares its type. Types
// that are no part of a network have no rows, nor have those that only say
// something of others' rows: pools, members and monitors of listeners, policies of
// ports, load balancers of their listeners and their port, ranges of subnets. The
// rows come in a fixed order.
func Of(w schema.World, object any) []Row {
	switch o := object.(type) {
	case *resources.Network:
		return network(w, o)
	case *resources.Subnet:
		return subnet(w, o)
	case *resources.Port:
		return port(w, o)
	case *resources.Router:
		return router(w, o)
	case *resources.RouterInterface:
		return routerInterface(w, o)
	case *resources.Route:
		return route(w, o)
	case *resources.FloatingIP:
		return floatingIP(w, o)
	case *resources.FloatingIPAssociation:
		return association(w, o)
	case *resources.GatewayGroup:
		return gatewayGroup(w, o)
	case *resources.RouterPeering:
		return routerPeering(w, o)
	case *resources.PortForwarding:
		return forwarding(w, o)
	case *resources.LBListener:
		return listener(w, o)
	case *resources.AddressGroup:
		return addressGroup(w, o)
	case *resources.SecurityGroup:
		return securityGroup(w, o)
	case *resources.SecurityGroupRule:
		return securityGroupRule(w, o)
	}
	return nil
}

// space is the namespace of the rows' UUIDs (RFC 9562, section 5.5).
var space = uuid.MustParse("6d1f3a52-6c0e-4b8e-9d0c-3f1f8f0a7c11")

// ID is the UUID of the row that plays a part in an object.
func ID(object, table, part string) string {
	return uuid.NewSHA1(space, []byte(object+"\x00"+table+"\x00"+part)).String()
}

// Marks begin the external_ids that are cairn's. CloudMark and IDMark say whose a
// row is.
const (
	Marks     = "cairn:"
	CloudMark = Marks + "cloud"
	IDMark    = Marks + "id"
)

// stacked is a World that knows which stack an object belongs to.
type stacked interface {
	StackOf(typ, id string) string
}

// newRow starts a row that carries the marks of whose it is.
func newRow(w schema.World, typ, object, table, part string) Row {
	marks := Map{Marks + "type": typ, IDMark: object}
	if c := w.Cloud(); c != nil && c.ID != "" {
		marks[CloudMark] = c.ID
	}
	if s, ok := w.(stacked); ok {
		if stack := s.StackOf(typ, object); stack != "" {
			marks[Marks+"stack"] = stack
		}
	}
	return Row{Table: table, ID: ID(object, table, part), Columns: map[string]any{"external_ids": marks}}
}

// mark adds a fact for people and tools to the row, unless it is empty.
func (r Row) mark(key, value string) {
	if value != "" {
		r.Columns["external_ids"].(Map)[Marks+key] = value
	}
}

// in says which column of another object's row holds the row.
func (r *Row) in(table, object, part, column string) {
	r.Into = append(r.Into, Place{table, ID(object, table, part), column})
}

// String is the value of a column that holds at most one string, or "".
func (r Row) String(column string) string {
	s, _ := r.Columns[column].(string)
	return s
}

// Map is the value of a column of names and values.
func (r Row) Map(column string) Map {
	m, _ := r.Columns[column].(Map)
	return m
}

// Strings is the value of a column of strings.
func (r Row) Strings(column string) []string {
	var all []string
	set, _ := r.Columns[column].(Set)
	for _, v := range set {
		if s, ok := v.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// Equal reports whether two rows say the same.
func (r Row) Equal(o Row) bool {
	return r.Table == o.Table && r.ID == o.ID && slices.Equal(r.Into, o.Into) && reflect.DeepEqual(r.Columns, o.Columns)
}

func on(p *bool) bool { return p == nil || *p }

func set[T any](values ...T) Set {
	all := make(Set, len(values))
	for i, v := range values {
		all[i] = v
	}
	return all
}

// collect sorts what a World lists, so that rows do not hang on its order.
func collect[T any](objects func(func(*T) bool), id func(*T) string) []*T {
	var all []*T
	for o := range objects {
		all = append(all, o)
	}
	slices.SortFunc(all, func(a, b *T) int { return cmp.Compare(id(a), id(b)) })
	return all
}
