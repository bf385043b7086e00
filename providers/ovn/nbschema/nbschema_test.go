package nbschema_test

import (
	"strings"
	"testing"

	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
)

func TestSchemaIsThatOfOVN2303(t *testing.T) {
	t.Parallel()
	s := nbschema.Northbound()
	if s.Name != "OVN_Northbound" || s.Version != "7.0.0" || len(s.Tables) != 30 {
		t.Errorf("read %s %s with %d tables", s.Name, s.Version, len(s.Tables))
	}
	if c := s.Tables["Port_Group"].Columns; c["ports"].Type.Key.RefType != "weak" || c["acls"].Type.Key.RefType != "strong" {
		t.Errorf("references of Port_Group: %+v %+v", c["ports"], c["acls"])
	}
	if s.Tables["NAT"].Root || !s.Tables["DNS"].Root {
		t.Error("NAT is no root table, DNS is one")
	}
}

func acl(change func(map[string]any)) rows.Row {
	c := map[string]any{"priority": 1002, "direction": "to-lport", "match": "ip4", "action": "drop", "log": false, "label": 0}
	change(c)
	return rows.Row{Table: "ACL", ID: "acl", Columns: c, Into: []rows.Place{{Table: "Port_Group", ID: "pg", Column: "acls"}}}
}

func group(columns map[string]any) rows.Row {
	return rows.Row{Table: "Port_Group", ID: "pg", Columns: columns}
}

func lsp(columns map[string]any) rows.Row {
	return rows.Row{Table: "Logical_Switch_Port", ID: "lsp", Columns: columns, Into: []rows.Place{{Table: "Logical_Switch", ID: "ls", Column: "ports"}}}
}

func qos(bandwidth any) rows.Row {
	return rows.Row{Table: "QoS", ID: "qos", Columns: map[string]any{"priority": 1, "direction": "to-lport", "match": "ip4", "bandwidth": bandwidth},
		Into: []rows.Place{{Table: "Logical_Switch", ID: "ls", Column: "qos_rules"}}}
}

func TestWrongRowsAreRefused(t *testing.T) {
	t.Parallel()
	ls := rows.Row{Table: "Logical_Switch", ID: "ls", Columns: map[string]any{"name": "a"}}
	pg := group(map[string]any{"name": "pg"})
	for _, c := range []struct {
		reason string
		rows   []rows.Row
		says   string // "" for rows that are right
	}{
		{"a group with a rule", []rows.Row{pg, acl(func(map[string]any) {})}, ""},
		{"a table that OVN does not have", []rows.Row{{Table: "ACLs", ID: "x"}}, "no table ACLs"},
		{"a column of a newer OVN", []rows.Row{pg, acl(func(c map[string]any) { c["tier"] = 1 })}, "no column tier"},
		{"an action of a newer OVN", []rows.Row{pg, acl(func(c map[string]any) { c["action"] = "pass" })}, `"pass" is none of`},
		{"a priority beyond the range", []rows.Row{pg, acl(func(c map[string]any) { c["priority"] = 32768 })}, "more than 32767"},
		{"a priority below zero", []rows.Row{pg, acl(func(c map[string]any) { c["priority"] = -1 })}, "less than 0"},
		{"a name that is too long", []rows.Row{pg, acl(func(c map[string]any) { c["name"] = strings.Repeat("n", 64) })}, "longer than 63"},
		{"a column that has no default", []rows.Row{pg, acl(func(c map[string]any) { delete(c, "direction") })}, "ACL.direction is not set"},
		{"text for a number", []rows.Row{pg, acl(func(c map[string]any) { c["priority"] = "high" })}, `"high" is no integer`},
		{"a number for text", []rows.Row{group(map[string]any{"name": 7})}, "7 is no string"},
		{"a truth for text", []rows.Row{group(map[string]any{"name": true})}, "true is no string"},
		{"a reference for text", []rows.Row{group(map[string]any{"name": rows.Ref("x")})}, "reference is no string"},
		{"a value that rows don't have", []rows.Row{group(map[string]any{"name": 1.5})}, "float64"},
		{"a set for a map", []rows.Row{group(map[string]any{"name": "pg", "external_ids": rows.Set{}})}, "is no map"},
		{"two values where one may be", []rows.Row{ls, lsp(map[string]any{"name": "p", "enabled": rows.Set{true, false}})}, "2 values are more than 1"},
		{"no value where one must be", []rows.Row{group(map[string]any{"name": rows.Set{}})}, "0 values are fewer than 1"},
		{"the same value twice", []rows.Row{ls, lsp(map[string]any{"name": "p", "addresses": rows.Set{"a", "a"}})}, "in the set twice"},
		{"a map of numbers", []rows.Row{ls, qos(rows.Numbers{"rate": 1000, "burst": 1})}, ""},
		{"a number beyond the range", []rows.Row{ls, qos(rows.Numbers{"rate": 0})}, "less than 1"},
		{"a name that the map does not have", []rows.Row{ls, qos(rows.Numbers{"rates": 1})}, `"rates" is none of`},
		{"texts for numbers", []rows.Row{ls, qos(rows.Map{"rate": "1"})}, "are no strings"},
		{"numbers for texts", []rows.Row{group(map[string]any{"name": "pg", "external_ids": rows.Numbers{"a": 1}})}, "is no string"},
		{"numbers for a text", []rows.Row{group(map[string]any{"name": rows.Numbers{"a": 1}})}, "is a map"},
		{"a tag that is no VLAN", []rows.Row{ls, lsp(map[string]any{"name": "p", "tag_request": 4096})}, "more than 4095"},
		{"a router port without networks", []rows.Row{{Table: "Logical_Router_Port", ID: "x", Columns: map[string]any{"name": "lrp", "mac": "m"}}}, "networks is not set"},
		{"a parent that is not there", []rows.Row{acl(func(map[string]any) {})}, "which is not there"},
		{"a parent of another kind", []rows.Row{ls, {Table: "ACL", ID: "x", Columns: acl(func(map[string]any) {}).Columns, Into: []rows.Place{{Table: "Logical_Switch", ID: "ls", Column: "ports"}}}}, "holds no references to a ACL"},
		{"a parent's column that is none", []rows.Row{ls, {Table: "ACL", ID: "x", Columns: acl(func(map[string]any) {}).Columns, Into: []rows.Place{{Table: "Logical_Switch", ID: "ls", Column: "rules"}}}}, "no column rules"},
		{"a reference that leads nowhere", []rows.Row{ls, lsp(map[string]any{"name": "p", "dhcpv4_options": rows.Ref("none")})}, "refers with dhcpv4_options to row none"},
		{"a reference to another table", []rows.Row{ls, lsp(map[string]any{"name": "p", "dhcpv4_options": rows.Ref("ls")})}, "refers with dhcpv4_options to a Logical_Switch"},
		{"a row that nothing refers to", []rows.Row{{Table: "NAT", ID: "nat", Columns: map[string]any{"type": "snat"}}}, "swept away"},
		{"a port that only a group refers to", []rows.Row{pg, {Table: "Logical_Switch_Port", ID: "x", Columns: map[string]any{"name": "p"}, Into: []rows.Place{{Table: "Port_Group", ID: "pg", Column: "ports"}}}}, "swept away"},
		{"two rows of one name", []rows.Row{pg, {Table: "Port_Group", ID: "other", Columns: pg.Columns}}, `have the same name="pg"`},
		{"one row twice", []rows.Row{ls, ls}, "there twice"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			err := nbschema.Check(c.rows)
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && err == nil:
				t.Error("accepted")
			case c.says != "" && !strings.Contains(err.Error(), c.says):
				t.Errorf("%v\ndoes not say %q", err, c.says)
			}
		})
	}
}
