package ovn

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/resources/cloud"
)

// Learn reads what the southbound database knows of the hosts: their names, what
// physical networks they are plugged into, and whether they may be gateways.
// The keys are those of ovn-controller(8).
func (d *Driver) Learn(ctx context.Context, c *cloud.Cloud) error {
	results, err := d.sb.transact(ctx, ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Chassis", Columns: []string{"name", "hostname", "external_ids", "other_config"}})
	if err != nil {
		return fmt.Errorf("read the chassis from the southbound database: %w", err)
	}
	var all []cloud.Chassis
	for _, r := range results[0].Rows {
		facts := canonMap(r["external_ids"])
		for k, v := range canonMap(r["other_config"]) {
			facts[k] = v
		}
		x := cloud.Chassis{Name: atom(r["name"]), Host: atom(r["hostname"])}
		for m := range strings.SplitSeq(facts["ovn-bridge-mappings"], ",") {
			if physnet, _, ok := strings.Cut(strings.TrimSpace(m), ":"); ok {
				x.Physnets = append(x.Physnets, physnet)
			}
		}
		for o := range strings.SplitSeq(facts["ovn-cms-options"], ",") {
			key, zones, _ := strings.Cut(strings.TrimSpace(o), "=")
			switch key {
			case "enable-chassis-as-gw":
				x.Gateway = true
			case "availability-zones":
				x.Zones = strings.Split(zones, ":")
			}
		}
		slices.Sort(x.Physnets)
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b cloud.Chassis) int { return compare(a.Name, b.Name) })
	c.Chassis = all
	return nil
}

func sorted(s []string) []string { slices.Sort(s); return s }
