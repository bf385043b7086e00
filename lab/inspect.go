//go:build linux

package lab

import (
	"context"
	"strings"
)

// Rows lists the rows of the northbound database in which a text occurs, as a cloud's
// id in the marks of its rows: the table's name, then the row.
func (l *Lab) Rows(ctx context.Context, text string) ([]string, error) {
	out, err := run(ctx, l.env(l.Dir), "ovsdb-client", "--timeout=20", "--format=csv", "dump", "unix:"+l.Northbound(), "OVN_Northbound")
	if err != nil {
		return nil, err
	}
	return rowsWith(out, text), nil
}

// rowsWith reads a dump: each table is a line with its name, one with its columns, and
// one a row.
func rowsWith(dump, text string) (rows []string) {
	table := ""
	for line := range strings.Lines(dump) {
		line = strings.TrimSpace(line)
		if name, ok := strings.CutSuffix(line, " table"); ok {
			table = name
			continue
		}
		if strings.Contains(line, text) {
			rows = append(rows, table+": "+line)
		}
	}
	return rows
}

// Flows says how many flows a host's br-int has.
func (l *Lab) Flows(ctx context.Context, host string) (string, error) {
	return run(ctx, l.env(l.path(host)), "ovs-ofctl", "--timeout=10", "dump-aggregate", "unix:"+l.path(host, "br-int.mgmt"))
}
