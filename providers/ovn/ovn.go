// Package ovn makes networks real on OVN: it writes the rows of package rows
// into the northbound database, and reads them back. It changes no row but those
// that carry its marks. What a packet then does is OVN's business; what the
// hosts are, it reads from the southbound database.
package ovn

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// A Driver is the networks of one region. Nothing is connected before the first
// call needs it.
type Driver struct {
	cloud *cloud.Cloud
	conf  cloud.OVN
	types *schema.Types
	nb    *server
	sb    *server

	described sync.Mutex // guards tables, missing and version
	tables    map[string]layout
	missing   map[string]bool
	version   string

	writing sync.Mutex // held by who writes; guards index, largest
	index   *index
	largest int
	// sent hears of each transaction before it goes; nil: nobody
	sent func([]ovsdb.Operation)

	looking sync.Mutex // guards now
	now     *snapshot  // from which ReadAll answers
}

// Open answers with the driver of a region's networks.
func Open(c *cloud.Cloud, conf cloud.OVN) *Driver {
	return &Driver{cloud: c, conf: conf, types: resources.All(),
		nb: &server{database: northbound, endpoints: conf.Northbound, conf: conf},
		sb: &server{database: southbound, endpoints: conf.Southbound, conf: conf}}
}

// System is the driver as something to link.
func (d *Driver) System() providers.System {
	s := providers.System{Name: "ovn " + d.conf.Region, Handles: map[string]providers.Handle{},
		Batch: d.Batch, Look: d.Look, Fits: d.Fits, Watch: d.Watch, Close: d.Close, Purge: d.Purge}
	if len(d.conf.Southbound) > 0 {
		s.Learn, s.Follow = d.Learn, d.Follow
	}
	realise[resources.Network](d, s.Handles)
	realise[resources.Subnet](d, s.Handles)
	realise[resources.Port](d, s.Handles)
	realise[resources.Router](d, s.Handles)
	realise[resources.RouterInterface](d, s.Handles)
	realise[resources.Route](d, s.Handles)
	realise[resources.FloatingIP](d, s.Handles)
	realise[resources.FloatingIPAssociation](d, s.Handles)
	realise[resources.AddressGroup](d, s.Handles)
	realise[resources.SecurityGroup](d, s.Handles)
	realise[resources.SecurityGroupRule](d, s.Handles)
	realise[resources.QoSPolicy](d, s.Handles)
	realise[resources.SubnetPool](d, s.Handles)
	realise[resources.GatewayGroup](d, s.Handles)
	realise[resources.RouterPeering](d, s.Handles)
	realise[resources.PortForwarding](d, s.Handles)
	realise[resources.LoadBalancer](d, s.Handles)
	realise[resources.LBListener](d, s.Handles)
	realise[resources.LBPool](d, s.Handles)
	realise[resources.LBMember](d, s.Handles)
	realise[resources.LBHealthMonitor](d, s.Handles)
	return s
}

func realise[T any](d *Driver, all map[string]providers.Handle) {
	all[d.types.ByGo(reflect.TypeFor[T]()).Name] = providers.For[T](table[T]{d})
}

// Purge removes rows that carry the cloud's mark and belong to nothing any more.
func (d *Driver) Purge(ctx context.Context) error {
	s, err := d.look(ctx)
	if err != nil {
		return err
	}
	b := &batch{Driver: d, ctx: ctx, settled: map[string]bool{}}
	var jobs []*job
	for _, id := range slices.Sorted(maps.Keys(s.owned)) {
		jobs = append(jobs, &job{what: "rows of " + id, owners: []owner{{id: id}}})
	}
	d.writing.Lock()
	defer d.writing.Unlock()
	d.index = newIndex(s)
	b.run(jobs)
	var errs []error
	for _, j := range jobs {
		errs = append(errs, j.err)
	}
	return errors.Join(errs...)
}

// Close lets go of the connections.
func (d *Driver) Close() error {
	d.nb.close()
	d.sb.close()
	return nil
}

// Largest is how many operations the largest transaction had so far.
func (d *Driver) Largest() int {
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.largest
}

func (d *Driver) id(object any) string {
	return d.types.ByGo(reflect.TypeOf(object).Elem()).Texts(object, "id")[0]
}

// layouts finds out what the server's tables are, once.
func (d *Driver) layouts(ctx context.Context) (map[string]layout, map[string]bool, error) {
	d.described.Lock()
	defer d.described.Unlock()
	if d.tables != nil {
		return d.tables, d.missing, nil
	}
	c, err := d.nb.connection(ctx)
	if err != nil {
		return nil, nil, err
	}
	server := c.Schema()
	d.version = server.Version
	d.tables, d.missing = layouts(nbschema.Northbound(), server)
	return d.tables, d.missing, nil
}

// Fits reports columns that an object needs and the connected server has not.
func (d *Driver) Fits(ctx context.Context) (func(w schema.World, object any) error, error) {
	_, missing, err := d.layouts(ctx)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return func(w schema.World, object any) error { return d.fits(rows.Of(w, object)) }, nil
}

func (d *Driver) fits(wanted []rows.Row) error {
	if columns := lacking(d.missing, wanted); len(columns) > 0 {
		return schema.Problem{Code: "CRN-VER", Summary: "The connected OVN is too old for it", Detail: versionError(columns, d.version).Error() + "."}
	}
	return nil
}

// Look takes one look at all that is ours, from which ReadAll answers until done.
func (d *Driver) Look(ctx context.Context) (done func(), err error) {
	d.writing.Lock() // what is written meanwhile would be missing in the index
	defer d.writing.Unlock()
	s, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	d.index = newIndex(s)
	d.looking.Lock()
	defer d.looking.Unlock()
	d.now = s
	return func() {
		d.looking.Lock()
		defer d.looking.Unlock()
		if d.now == s {
			d.now = nil
		}
	}, nil
}

// table is the driver of one type.
type table[T any] struct{ *Driver }

// Create makes want, or what is there already into it.
func (t table[T]) Create(ctx context.Context, w schema.World, want T) (T, error) {
	return t.put(ctx, w, "create", want, providers.Change{Want: &want})
}

// Update makes what is there into want.
func (t table[T]) Update(ctx context.Context, w schema.World, have, want T) (T, error) {
	return t.put(ctx, w, "update", want, providers.Change{Have: &have, Want: &want})
}

func (t table[T]) put(ctx context.Context, w schema.World, verb string, want T, c providers.Change) (T, error) {
	r := t.Batch(ctx, w, []providers.Change{c})[0]
	if r.Err != nil {
		return want, fmt.Errorf("%s %w", verb, r.Err)
	}
	return *r.Object.(*T), nil
}

// Delete removes have.
func (t table[T]) Delete(ctx context.Context, w schema.World, have T) error {
	if err := t.Batch(ctx, w, []providers.Change{{Have: &have}})[0].Err; err != nil {
		return fmt.Errorf("delete %w", err)
	}
	return nil
}

// Read holds the rows of an object to what it comes to. What has no rows is
// there as long as its record is.
func (t table[T]) Read(ctx context.Context, w schema.World, have T) (T, error) {
	if err := ctx.Err(); err != nil {
		return have, err
	}
	wanted := rows.Of(w, &have)
	if len(wanted) == 0 {
		return have, nil
	}
	s, err := t.fetch(ctx, wanted, t.marked(t.id(&have)))
	if err == nil {
		err = t.besides(ctx, s, wanted)
	}
	if err != nil {
		return have, fmt.Errorf("read %s %s: %w", t.name(), t.id(&have), err)
	}
	return t.told(s, wanted, have)
}

// ReadAll reads every row in one look; objects are held to it when they are asked
// for.
func (t table[T]) ReadAll(ctx context.Context, w schema.World) (func(T) (T, error), error) {
	t.looking.Lock()
	s := t.now
	t.looking.Unlock()
	if s == nil {
		var err error
		if s, err = t.look(ctx); err != nil {
			return nil, fmt.Errorf("read all %s: %w", t.name(), err)
		}
	}
	return func(have T) (T, error) {
		wanted := rows.Of(w, &have)
		if len(wanted) == 0 && len(s.owned[t.id(&have)]) == 0 {
			return have, nil
		}
		return t.told(s, wanted, have)
	}, nil
}

// marked are the rows that are known to carry an object's mark.
func (d *Driver) marked(id string) map[string]string {
	d.writing.Lock()
	defer d.writing.Unlock()
	all := map[string]string{}
	if d.index != nil {
		for _, row := range d.index.owned[id] {
			all[row] = d.index.rows[row].table
		}
	}
	return all
}

func (t table[T]) name() string { return t.types.ByGo(reflect.TypeFor[T]()).Name }

func (t table[T]) told(s *snapshot, wanted []rows.Row, have T) (T, error) {
	differences, there := s.compare(t.tables, t.name(), wanted, t.id(&have))
	switch {
	case !there && len(wanted) > 0:
		return have, providers.ErrNotFound
	case len(differences) > 0:
		return have, &providers.DiffersError{Differences: differences}
	}
	if p, ok := any(&have).(*resources.Port); ok {
		p.Status = status(s.rows[wanted[0].ID].up())
	}
	return have, nil
}

// status is what a port is called whose plug is in use, or not.
func status(up bool) string {
	if up {
		return "ACTIVE"
	}
	return "DOWN"
}

var errNorthd = errors.New("northd has not translated the change: is ovn-northd running?")
