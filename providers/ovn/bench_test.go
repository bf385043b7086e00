package ovn

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/ovn-org/libovsdb/client"
	"github.com/ovn-org/libovsdb/model"
	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

// estate is networks with a subnet and ports each, and groups that the ports are
// spread over.
type estate struct {
	world  *indexed
	groups int
	base   []any // networks, subnets, groups
	ports  []any
}

func newEstate(networks, perNetwork, groups int) *estate {
	e := &estate{groups: groups, world: &indexed{World: world.New(resources.All(), providertest.Cloud()), types: resources.All(), by: map[string][]any{}}}
	for n := range networks {
		number := fmt.Sprintf("%04d-4000-8000-000000000000", n)
		network := &resources.Network{MTU: 1442, Segments: []resources.Segment{{NetworkType: resources.Geneve, SegmentationID: n + 1}}}
		network.ID, network.Name = "aaaaaaaa-"+number, "net"+strconv.Itoa(n)
		prefix := netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/16", n+1))
		subnet := &resources.Subnet{NetworkID: schema.Ref[resources.Network](network.ID), CIDR: prefix, GatewayIP: prefix.Addr().Next(), DHCPServerIP: prefix.Addr().Next()}
		subnet.ID, subnet.Name = "bbbbbbbb-"+number, "sub"+strconv.Itoa(n)
		e.base = append(e.base, network, subnet)
		for i := range perNetwork {
			e.ports = append(e.ports, e.port(n, i))
		}
	}
	for n := range groups {
		group := &resources.SecurityGroup{}
		group.ID, group.Name = fmt.Sprintf("cccccccc-%04d-4000-8000-000000000000", n), "group"+strconv.Itoa(n)
		e.base = append(e.base, group)
	}
	e.world.Put(e.base...)
	e.world.Put(e.ports...)
	return e
}

func (e *estate) port(n, i int) *resources.Port {
	number := fmt.Sprintf("%04d-4000-8000-000000000000", n)
	yes := true
	p := &resources.Port{NetworkID: schema.Ref[resources.Network]("aaaaaaaa-" + number), PortSecurityEnabled: &yes,
		SecurityGroupIDs: schema.Set[schema.Ref[resources.SecurityGroup]]{schema.Ref[resources.SecurityGroup](fmt.Sprintf("cccccccc-%04d-4000-8000-000000000000", (n+i)%e.groups))}}
	p.ID, p.Name = fmt.Sprintf("dddddddd-%04d-4000-8000-%012d", n, i), fmt.Sprintf("port%d", i)
	p.MACAddress, _ = resources.ParseMAC(fmt.Sprintf("fa:16:3e:%02x:%02x:%02x", n, i>>8, i&255))
	p.FixedIPs = []resources.FixedIP{{SubnetID: schema.Ref[resources.Subnet]("bbbbbbbb-" + number), IPAddress: netip.AddrFrom4([4]byte{10, byte(n + 1), byte((i + 10) >> 8), byte(i + 10)})}}
	return p
}

// indexed finds objects by what they hold, as a plan's world does.
type indexed struct {
	*world.World
	types *schema.Types
	by    map[string][]any
}

func (w *indexed) Put(objects ...any) {
	w.World.Put(objects...)
	for _, o := range objects {
		t := w.types.ByGo(typeOf(o))
		for _, a := range t.Attributes {
			if a.Refers == nil {
				continue
			}
			for _, text := range t.Texts(o, a.Name) {
				key := t.Name + "." + a.Name + "=" + text
				w.by[key] = append(w.by[key], o)
			}
		}
	}
}

func (w *indexed) Where(t reflect.Type, attribute, value string) iter.Seq[any] {
	return slices.Values(w.by[w.types.ByGo(t).Name+"."+attribute+"="+value])
}

// hand makes objects as an apply does: in calls of so many changes, several at once.
func hand(b testing.TB, d *Driver, w schema.World, objects []any) {
	b.Helper()
	var calls sync.WaitGroup
	for len(objects) > 0 {
		n := min(len(objects), 1000)
		changes := make([]providers.Change, n)
		for i, o := range objects[:n] {
			changes[i].Want = o
		}
		calls.Go(func() {
			for _, r := range d.Batch(context.Background(), w, changes) {
				if r.Err != nil {
					b.Error(r.Err)
				}
			}
		})
		objects = objects[n:]
	}
	calls.Wait()
}

// cpu is what a process has used so far; 0 is this one.
func cpu(b testing.TB, pid int) time.Duration {
	b.Helper()
	if pid == 0 {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid)) // nanoseconds first
	if err != nil {
		b.Skipf("the server's CPU can't be read here: %v", err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(n)
}

func (d *database) pid() int {
	d.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "nb.pid"))
	if err != nil {
		d.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		d.Fatal(err)
	}
	return n
}

// raw is a bare client of the library, with the models that are given.
func (d *database) raw(models map[string]model.Model) client.Client {
	d.Helper()
	m, err := model.NewClientDBModel(northbound, models)
	if err != nil {
		d.Fatal(err)
	}
	quiet := logr.Discard()
	c, err := client.NewOVSDBClient(m, client.WithEndpoint(d.remote), client.WithLogger(&quiet))
	if err == nil {
		err = c.Connect(context.Background())
	}
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(c.Close)
	return c
}

// rawInsert writes rows as somebody would who knows them already: a hundred
// objects a transaction.
func rawInsert(b testing.TB, c client.Client, w schema.World, objects []any) time.Duration {
	b.Helper()
	var batches [][]ovsdb.Operation
	for len(objects) > 0 {
		n := min(len(objects), 100)
		var ops []ovsdb.Operation
		joins := map[rows.Place][]string{}
		for _, o := range objects[:n] {
			for _, r := range rows.Of(w, o) {
				row := ovsdb.Row{}
				for name, v := range r.Columns {
					row[name] = wire(v)
				}
				ops = append(ops, ovsdb.Operation{Op: ovsdb.OperationInsert, Table: r.Table, UUID: r.ID, Row: row})
				for _, p := range r.Into {
					joins[p] = append(joins[p], r.ID)
				}
			}
		}
		for p, ids := range joins {
			ops = append(ops, mutate(p, ovsdb.MutateOperationInsert, ids))
		}
		batches, objects = append(batches, ops), objects[n:]
	}
	began := time.Now()
	for _, ops := range batches {
		results, err := c.Transact(context.Background(), ops...)
		if err == nil {
			_, err = ovsdb.CheckOperationResults(results, ops)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

const (
	benchNetworks = 100
	benchPorts    = 100 // on each
)

// The same rows through the driver, rendering and all, and through the bare
// library, rendered before.
func BenchmarkApply10000Ports(b *testing.B) {
	e := newEstate(benchNetworks, benchPorts, 100)
	all := append(append([]any{}, e.base...), e.ports...)
	var ours, bare time.Duration
	for range b.N {
		d := startDatabase(b)
		drv := d.driver()
		began := time.Now()
		hand(b, drv, e.world, e.base)
		hand(b, drv, e.world, e.ports)
		ours += time.Since(began)
		d.stop()
		d = startDatabase(b)
		bare += rawInsert(b, d.raw(nil), e.world, all)
		b.ReportMetric(float64(drv.Largest()), "largest-batch")
		d.stop()
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "ms")
	b.ReportMetric(float64(bare.Milliseconds())/float64(b.N), "bare-ms")
	b.ReportMetric(float64(ours)/float64(bare), "x-bare")
	b.ReportMetric(0, "ns/op")
}

type lsRow struct {
	UUID        string            `ovsdb:"_uuid"`
	Name        string            `ovsdb:"name"`
	Ports       []string          `ovsdb:"ports"`
	OtherConfig map[string]string `ovsdb:"other_config"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

type lspRow struct {
	UUID          string            `ovsdb:"_uuid"`
	Name          string            `ovsdb:"name"`
	Type          string            `ovsdb:"type"`
	Enabled       *bool             `ovsdb:"enabled"`
	Up            *bool             `ovsdb:"up"`
	Addresses     []string          `ovsdb:"addresses"`
	PortSecurity  []string          `ovsdb:"port_security"`
	DHCPv4Options *string           `ovsdb:"dhcpv4_options"`
	Options       map[string]string `ovsdb:"options"`
	ExternalIDs   map[string]string `ovsdb:"external_ids"`
}

type pgRow struct {
	UUID        string            `ovsdb:"_uuid"`
	Name        string            `ovsdb:"name"`
	Ports       []string          `ovsdb:"ports"`
	ACLs        []string          `ovsdb:"acls"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

type aclRow struct {
	UUID        string            `ovsdb:"_uuid"`
	Direction   string            `ovsdb:"direction"`
	Match       string            `ovsdb:"match"`
	Action      string            `ovsdb:"action"`
	Priority    int               `ovsdb:"priority"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

type dhcpRow struct {
	UUID        string            `ovsdb:"_uuid"`
	CIDR        string            `ovsdb:"cidr"`
	Options     map[string]string `ovsdb:"options"`
	ExternalIDs map[string]string `ovsdb:"external_ids"`
}

// What a plan does to know how 10,000 ports are, beside a bare monitor and list.
func BenchmarkRefresh10000Ports(b *testing.B) {
	e := newEstate(benchNetworks, benchPorts, 100)
	d := startDatabase(b)
	drv := d.driver()
	hand(b, drv, e.world, e.base)
	hand(b, drv, e.world, e.ports)
	types := resources.All()
	var ours, bare time.Duration
	for range b.N {
		drv := d.driver()
		handles := drv.System().Handles
		began := time.Now()
		done, err := drv.Look(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		for _, set := range [][]any{e.base, e.ports} {
			reads := map[string]func(any) (any, error){}
			for _, o := range set {
				name := types.ByGo(typeOf(o)).Name
				if reads[name] == nil {
					if reads[name], err = handles[name].ReadAll(context.Background(), e.world); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := reads[name](o); err != nil {
					b.Fatal(err)
				}
			}
		}
		done()
		ours += time.Since(began)
		_ = drv.Close()

		began = time.Now()
		c := d.raw(map[string]model.Model{"Logical_Switch": &lsRow{}, "Logical_Switch_Port": &lspRow{}, "Port_Group": &pgRow{}, "ACL": &aclRow{}, "DHCP_Options": &dhcpRow{}})
		if _, err := c.MonitorAll(context.Background()); err != nil {
			b.Fatal(err)
		}
		var switches []lsRow
		var ports []lspRow
		var groups []pgRow
		var acls []aclRow
		var dhcp []dhcpRow
		for _, list := range []any{&switches, &ports, &groups, &acls, &dhcp} {
			if err := c.List(context.Background(), list); err != nil {
				b.Fatal(err)
			}
		}
		bare += time.Since(began)
		if len(ports) != len(e.ports) {
			b.Fatalf("%d ports", len(ports))
		}
		c.Close()
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "ms")
	b.ReportMetric(float64(bare.Milliseconds())/float64(b.N), "bare-ms")
	b.ReportMetric(float64(ours)/float64(bare), "x-bare")
	b.ReportMetric(0, "ns/op")
}

// One more port, on an empty network and on one of 10,000 ports.
func BenchmarkOneMorePort(b *testing.B) {
	const more = 200
	measure := func(ports int) (ours, server time.Duration) {
		e := newEstate(1, ports, 100)
		d := startDatabase(b)
		drv := d.driver()
		hand(b, drv, e.world, e.base)
		hand(b, drv, e.world, e.ports)
		extra := make([]any, more)
		for i := range extra {
			extra[i] = e.port(0, ports+i)
		}
		e.world.Put(extra...)
		mine, its := cpu(b, 0), cpu(b, d.pid())
		for _, o := range extra {
			hand(b, drv, e.world, []any{o})
		}
		ours, server = (cpu(b, 0)-mine)/more, (cpu(b, d.pid())-its)/more
		d.stop()
		return ours, server
	}
	var small, large, smallServer, largeServer time.Duration
	for range b.N {
		o, s := measure(0)
		small, smallServer = small+o, smallServer+s
		o, s = measure(10000)
		large, largeServer = large+o, largeServer+s
	}
	n := float64(b.N) * 1000
	b.ReportMetric(float64(small)/n, "empty-µs")
	b.ReportMetric(float64(large)/n, "10k-µs")
	b.ReportMetric(float64(large)/float64(small), "x-cairn")
	b.ReportMetric(float64(smallServer)/n, "server-empty-µs")
	b.ReportMetric(float64(largeServer)/n, "server-10k-µs")
	b.ReportMetric(float64(largeServer)/float64(smallServer), "x-server")
	b.ReportMetric(float64(large+largeServer)/float64(small+smallServer), "x-both")
	b.ReportMetric(0, "ns/op")
}
func typeOf(o any) reflect.Type { return reflect.TypeOf(o).Elem() }
