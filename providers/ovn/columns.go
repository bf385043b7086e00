package ovn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
)

// moving are the columns that OVN's daemons write: they are nobody's drift.
var moving = map[string][]string{
	"Logical_Switch_Port": {"up", "tag", "dynamic_addresses"},
	"BFD":                 {"status"},
}

// A layout is what cairn reads and writes of a table on the connected server.
type layout struct {
	own     []string // columns that a row's owner decides on
	members []string // columns that hold rows which have owners of their own
}

// layouts are the layouts of the tables whose rows can carry marks, and the
// columns of ours that the server does not have.
func layouts(s *nbschema.Schema, server ovsdb.DatabaseSchema) (all map[string]layout, missing map[string]bool) {
	all, missing = map[string]layout{}, map[string]bool{}
	for name, t := range s.Tables {
		if t.Columns["external_ids"] == nil {
			continue
		}
		have := server.Table(name)
		var l layout
		for column, c := range t.Columns {
			switch {
			case have == nil || have.Column(column) == nil:
				missing[name+"."+column] = true
			case slices.Contains(moving[name], column):
			case c.Type.Key.RefTable != "" && c.Type.Max != 1:
				l.members = append(l.members, column)
			default:
				l.own = append(l.own, column)
			}
		}
		if have == nil {
			continue
		}
		slices.Sort(l.own)
		slices.Sort(l.members)
		all[name] = l
	}
	return all, missing
}

// lacking names the columns that rows need and the server does not have.
func lacking(missing map[string]bool, wanted []rows.Row) []string {
	if len(missing) == 0 {
		return nil
	}
	var all []string
	for _, r := range wanted {
		for column := range r.Columns {
			if missing[r.Table+"."+column] {
				all = append(all, r.Table+"."+column)
			}
		}
		for _, p := range r.Into {
			if missing[p.Table+"."+p.Column] {
				all = append(all, p.Table+"."+p.Column)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// versionError says what an older server can't hold.
func versionError(columns []string, version string) error {
	return fmt.Errorf("the northbound database (schema %s) has no %s; cairn needs OVN 23.03 or newer for it", version, strings.Join(columns, ", "))
}
