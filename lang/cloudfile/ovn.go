package cloudfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/gocty"

	"github.com/cairncloud/cairn/resources/cloud"
)

// ovn is the network databases of a region.
type ovn struct {
	Region      string         `hcl:"region,label"`
	Northbound  []string       `hcl:"northbound"`
	Southbound  []string       `hcl:"southbound,optional"`
	Wait        string         `hcl:"wait,optional"`
	WaitTimeout string         `hcl:"wait_timeout,optional"`
	VNIRange    string         `hcl:"vni_range,optional"`
	UnderlayMTU int            `hcl:"underlay_mtu,optional"`
	Physnets    hcl.Expression `hcl:"physnets,optional"`
	TLS         *tlsFiles      `hcl:"tls,block"`
}

type tlsFiles struct {
	CA   string `hcl:"ca"`
	Cert string `hcl:"cert,optional"`
	Key  string `hcl:"key,optional"`
}

func (o *ovn) add(c *cloud.Cloud) error {
	x := cloud.OVN{Region: o.Region, Northbound: o.Northbound, Southbound: o.Southbound, Wait: cloud.Wait(o.Wait)}
	if len(c.OVN) > 0 {
		return errors.New("the cloud has network databases already: a cloud has one ovn block so far")
	}
	if len(o.Northbound) == 0 {
		return errors.New("northbound names no server, such as \"tcp:10.0.1.1:6641\"")
	}
	for _, e := range slices.Concat(o.Northbound, o.Southbound) {
		if err := endpoint(e); err != nil {
			return err
		}
		if strings.HasPrefix(e, "ssl:") && o.TLS == nil {
			return fmt.Errorf("%s needs to know whom to trust: say tls { ca = \"file:FILE\" }", e)
		}
	}
	switch x.Wait {
	case "":
		x.Wait = cloud.WaitChassis
	case cloud.WaitNone, cloud.WaitSB, cloud.WaitChassis:
	default:
		return fmt.Errorf("wait = %q is not known; it is \"none\", \"sb\" or \"hv\"", o.Wait)
	}
	if o.WaitTimeout != "" {
		d, err := time.ParseDuration(o.WaitTimeout)
		if err != nil || d <= 0 {
			return fmt.Errorf("wait_timeout: %q is no time span such as 60s", o.WaitTimeout)
		}
		x.Patience = d
	}
	if t := o.TLS; t != nil {
		for _, f := range []struct{ from, to *string }{{&t.CA, &x.CA}, {&t.Cert, &x.Cert}, {&t.Key, &x.Key}} {
			*f.to = under(c.Dir, *f.from)
		}
		if (x.Cert == "") != (x.Key == "") {
			return errors.New("tls: cert and key go together")
		}
	}
	if err := (&tunnel{VNIRange: o.VNIRange, UnderlayMTU: o.UnderlayMTU}).add(c); err != nil {
		return err
	}
	if err := o.physnets(c); err != nil {
		return err
	}
	c.OVN = append(c.OVN, x)
	return nil
}

// physnets adds the physical networks, such as
// { physnet1 = { mtu = 1500, vlan_ranges = ["100:199"], zones = ["a"] } }.
func (o *ovn) physnets(c *cloud.Cloud) error {
	all, diags := o.Physnets.Value(nil)
	if diags.HasErrors() {
		return diags
	}
	if all.IsNull() {
		return nil
	}
	if !all.Type().IsObjectType() {
		return errors.New("physnets is no object; write physnets = { physnet1 = { mtu = 1500 } }")
	}
	for name, v := range all.AsValueMap() {
		if _, twice := c.Physnets[name]; twice {
			return fmt.Errorf("physnet %s is described twice", name)
		}
		p, err := newPhysnet(v)
		if err != nil {
			return fmt.Errorf("physnet %s: %w", name, err)
		}
		c.Physnets[name] = p
	}
	return nil
}

func newPhysnet(v cty.Value) (p cloud.Physnet, err error) {
	if v.IsNull() || !v.Type().IsObjectType() {
		return p, errors.New("write { mtu = 1500, vlan_ranges = [\"100:199\"] }")
	}
	var ranges []string
	for name, a := range v.AsValueMap() {
		var to any
		want := cty.List(cty.String)
		switch name {
		case "mtu":
			to, want = &p.MTU, cty.Number
		case "vlan_ranges":
			to = &ranges
		case "zones":
			to = &p.Zones
		default:
			return p, fmt.Errorf("there is no %q; it has mtu, vlan_ranges and zones", name)
		}
		a, err = convert.Convert(a, want)
		if err == nil {
			err = gocty.FromCtyValue(a, to)
		}
		if err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p, vlans(&p, ranges)
}

// endpoint holds a server's address to OVSDB's forms (ovsdb(7), Connection
// Methods).
func endpoint(e string) error {
	how, where, _ := strings.Cut(e, ":")
	switch how {
	case "unix":
		if where != "" {
			return nil
		}
	case "tcp", "ssl":
		if i := strings.LastIndex(where, ":"); i > 0 && i < len(where)-1 {
			return nil
		}
	}
	return fmt.Errorf("%q is no server's address; write tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH", e)
}

// under is a file that a cloud file names, with file: or without, relative to it.
func under(dir, name string) string {
	if name = strings.TrimPrefix(name, "file:"); name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
