package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/cloud"
)

// wiring is what OVN knows of the hosts, by their names in cloud.hcl; nil where the
// network is embedded.
type wiring map[string]*cloud.Chassis

// underlay asks the systems of a cloud how its hosts are wired.
func underlay(ctx context.Context, site *planner.Site) (wiring, error) {
	c := site.Cloud
	if len(c.OVN) == 0 {
		return nil, nil
	}
	if err := site.Systems.Learn(ctx, c); err != nil {
		return nil, err
	}
	all := wiring{}
	for _, h := range c.Hosts {
		all[h.Name] = nil
		for i, x := range c.Chassis {
			if x.Name == h.Chassis {
				all[h.Name] = &c.Chassis[i]
			}
		}
	}
	return all, nil
}

func (w wiring) head() string {
	if w == nil {
		return ""
	}
	return "\tCHASSIS\tPHYSNETS\tGATEWAYS"
}

func (w wiring) of(host string) string {
	x, known := w[host]
	switch {
	case !known:
		return ""
	case x == nil:
		return "\tnot registered\t\t"
	}
	gateway := "no"
	if x.Gateway {
		gateway = "yes"
	}
	return fmt.Sprintf("\t%s\t%s\t%s", x.Name, strings.Join(x.Physnets, ","), gateway)
}
