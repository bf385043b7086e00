package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/resources/world"
)

// site is a cloud and the world of a plan that has all objects.
type site struct {
	testing.TB
	cloud   *embedded.Cloud
	handles map[string]providers.Handle
	types   *schema.Types
	plan    *world.World
}

func newSite(t testing.TB, dir string, planned ...any) *site {
	t.Helper()
	c := open(t, dir)
	types := resources.All()
	return &site{t, c, c.System().Handles, types, world.New(types, providertest.Cloud(), planned...)}
}

func (s *site) of(o any) providers.Handle {
	return s.handles[s.types.ByGo(reflect.TypeOf(o).Elem()).Name]
}

func (s *site) try(o any) error {
	_, err := s.of(o).Create(context.Background(), s.plan, o)
	return err
}

func (s *site) create(objects ...any) {
	s.Helper()
	for _, o := range objects {
		if err := s.try(o); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *site) remove(objects ...any) {
	s.Helper()
	for _, o := range objects {
		if err := s.of(o).Delete(context.Background(), nil, o); err != nil {
			s.Fatal(err)
		}
	}
}

func (s *site) rows() []rows.Row {
	s.Helper()
	all, err := s.cloud.Rows(context.Background())
	if err != nil {
		s.Fatal(err)
	}
	return all
}

func TestRowsAreThoseOfTheDeclarations(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	s := newSite(t, t.TempDir(), app.Objects()...)
	s.create(app.Objects()...)
	s.same(app.Objects())
	back := app.Objects()
	slices.Reverse(back)
	s.remove(back...)
	if left := s.rows(); len(left) != 0 {
		t.Errorf("%d rows are left when all is gone", len(left))
	}
}

// same holds the cloud's rows to what the objects come to, and to the schema.
func (s *site) same(objects []any) {
	s.Helper()
	w := world.New(s.types, providertest.Cloud(), objects...)
	want := map[string]rows.Row{}
	for _, o := range objects {
		for _, r := range rows.Of(w, o) {
			want[r.ID] = r
		}
	}
	got := s.rows()
	for _, r := range got {
		if r.Columns["external_ids"].(rows.Map)["cairn:type"] == "base" {
			continue
		}
		delete(r.Columns, "up")
		if !r.Equal(want[r.ID]) {
			s.Errorf("a row is\n%v\nand not\n%v", r, want[r.ID])
		}
		delete(want, r.ID)
	}
	for _, r := range want {
		s.Errorf("a row is missing: %v", r)
	}
	if err := nbschema.Check(got); err != nil {
		s.Error(err)
	}
}

// Whatever is asked in whatever order, refused or not: the rows are those of
// the objects that are there, and the schema's.
func TestRowsFollowAnyOrderOfCalls(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		app := providertest.NewApp()
		all := app.Objects()
		for _, sample := range providertest.NetworkSamples() {
			all = append(all, sample.Changes...)
		}
		off := *app.Inside
		off.AdminStateUp, off.MTU = new(bool), 1300
		closed := *app.Router
		closed.ExternalNetworkID, closed.ExternalFixedIPs, closed.GatewayChassis = "", nil, nil
		gateway := *app.Public4
		gateway.GatewayIP = gateway.GatewayIP.Next()
		mute := *app.Inside4
		mute.EnableDHCP = new(bool)
		all = append(all, &off, &closed, &gateway, &mute)
		s := newSite(t, filepath.Join(dir, fmt.Sprint(n)), all...)
		there := map[string]any{}
		key := func(o any) string {
			typ := s.types.ByGo(reflect.TypeOf(o).Elem())
			return typ.Name + "/" + typ.Texts(o, "id")[0]
		}
		if rapid.Bool().Draw(rt, "begin whole") {
			for _, o := range app.Objects() {
				s.create(o)
				there[key(o)] = o
			}
		}
		for range rapid.IntRange(1, 25).Draw(rt, "calls") {
			o := rapid.SampledFrom(all).Draw(rt, "object")
			if rapid.IntRange(0, 2).Draw(rt, "delete") > 0 {
				if err := s.try(o); err == nil {
					there[key(o)] = o
				} else if !errors.Is(err, embedded.ErrRefused) {
					rt.Fatal(err)
				}
				continue
			}
			if err := s.of(o).Delete(context.Background(), nil, o); err != nil {
				if !errors.Is(err, embedded.ErrRefused) {
					rt.Fatal(err)
				}
				continue
			}
			delete(there, key(o))
		}
		var objects []any
		for _, o := range there {
			if _, err := s.of(o).Read(context.Background(), nil, o); err == nil { // not gone with its router or group
				objects = append(objects, o)
			}
		}
		s.same(objects)
		if t.Failed() {
			rt.FailNow()
		}
	})
}

// Two groups that name each other can be made and unmade, though no order of
// one by one has each end there.
func TestGroupsThatNameEachOther(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	s := newSite(t, t.TempDir(), app.WebGroup, app.AppGroup)
	s.create(app.WebGroup, app.AppGroup)
	s.remove(app.WebGroup)
	s.create(app.WebGroup) // as in a replacement
	s.remove(app.AppGroup, app.WebGroup)
	if err := newSite(t, t.TempDir(), app.WebGroup).try(app.WebGroup); !errors.Is(err, embedded.ErrRefused) {
		t.Errorf("a group that names one that nobody plans: %v", err)
	}
}

func TestReplacementsBeforeTheOldIsGone(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	s := newSite(t, t.TempDir(), app.Objects()...)
	s.create(app.Objects()...)
	group := *app.DBGroup
	group.ID = "d0000000-0000-4000-8000-000000000001"
	rule := *app.DBFromApp
	rule.ID, rule.SecurityGroupID = "d0000000-0000-4000-8000-000000000002", schema.Ref[resources.SecurityGroup](group.ID)
	port := *app.DB
	port.SecurityGroupIDs = schema.Set[schema.Ref[resources.SecurityGroup]]{rule.SecurityGroupID}
	s.create(&group, &rule, &port)
	s.remove(app.DBFromApp, app.DBGroup)
	// An interface is made anew although a floating address and a route need it.
	s.remove(app.Interface4)
	if n := nats(s.rows()); n != 1 {
		t.Errorf("%d addresses are translated without an interface, and not the other router's subnet alone", n)
	}
	s.create(app.Interface4)
	if n := nats(s.rows()); n != 5 {
		t.Errorf("%d addresses are translated, not those of both subnets, the web server, the application and the load balancer", n)
	}
}

func nats(all []rows.Row) int {
	n := 0
	for _, r := range all {
		if r.Table == "NAT" {
			n++
		}
	}
	return n
}

func TestRulesAndRoutesGoWithTheirOwners(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	s := newSite(t, t.TempDir(), app.Objects()...)
	s.create(app.Public, app.Inside, app.Public4, app.Inside4, app.WebGroup, app.AppGroup, app.DBGroup, app.DBFromApp, app.Router, app.Interface4, app.Route)
	s.remove(app.DBGroup, app.Interface4, app.Router)
	for _, o := range []any{app.DBFromApp, app.Route} {
		if _, err := s.of(o).Read(t.Context(), nil, o); !errors.Is(err, providers.ErrNotFound) {
			t.Errorf("%T is still there: %v", o, err)
		}
		s.remove(o)
	}
}

func TestPortIsInUseWhileSomethingIsPlugged(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	s := newSite(t, t.TempDir(), app.Objects()...)
	s.create(app.Objects()[:13]...)
	s.create(app.DB)
	status := func() string {
		t.Helper()
		one, err := s.of(app.DB).Read(t.Context(), nil, app.DB)
		if err != nil {
			t.Fatal(err)
		}
		read, err := s.of(app.DB).ReadAll(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := read(app.DB)
		if err != nil {
			t.Fatal(err)
		}
		if a, b := one.(*resources.Port).Status, all.(*resources.Port).Status; a != b {
			t.Errorf("read says %s, read all says %s", a, b)
		}
		up := slices.ContainsFunc(s.rows(), func(r rows.Row) bool { return r.String("name") == app.DB.ID && r.Columns["up"] == true })
		if up != (one.(*resources.Port).Status == "ACTIVE") {
			t.Errorf("the row's up is %v", up)
		}
		return one.(*resources.Port).Status
	}
	if got := status(); got != "DOWN" {
		t.Errorf("a port that nobody uses is %s", got)
	}
	for range 2 {
		if err := s.cloud.Plug(t.Context(), app.DB.ID, "instance db"); err != nil {
			t.Fatal(err)
		}
	}
	if got := status(); got != "ACTIVE" {
		t.Errorf("a port that is used is %s", got)
	}
	if err := s.of(app.DB).Delete(t.Context(), nil, app.DB); !errors.Is(err, embedded.ErrRefused) || !strings.Contains(err.Error(), "instance db") {
		t.Errorf("delete of a port in use: %v", err)
	}
	for range 2 {
		if err := s.cloud.Unplug(t.Context(), app.DB.ID, "instance db"); err != nil {
			t.Fatal(err)
		}
	}
	if got := status(); got != "DOWN" {
		t.Errorf("a port that nobody uses any more is %s", got)
	}
	s.remove(app.DB)
	if err := s.cloud.Plug(t.Context(), app.DB.ID, "instance db"); !errors.Is(err, providers.ErrNotFound) {
		t.Errorf("plug into a port that is gone: %v", err)
	}
}

func TestAssociationOfAPortThatIsGone(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	s := newSite(t, t.TempDir(), app.Objects()...)
	s.create(app.Objects()...)
	s.remove(app.App)
	if err := s.try(app.Leads); !errors.Is(err, embedded.ErrRefused) {
		t.Errorf("an association with a port that is gone: %v", err)
	}
	s.remove(app.Leads)
}

func TestFaults(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	for _, c := range []struct {
		op    string
		there bool // the call had its effect
	}{{"create network " + app.Inside.ID, false}, {"created network " + app.Inside.ID, true}} {
		s := newSite(t, t.TempDir(), app.Inside)
		broken := errors.New("broken on demand")
		s.cloud.Fail = func(op string) error {
			if op == c.op {
				return broken
			}
			return nil
		}
		if err := s.try(app.Inside); !errors.Is(err, broken) {
			t.Errorf("%s: %v", c.op, err)
		}
		_, err := s.of(app.Inside).Read(t.Context(), nil, app.Inside)
		if errors.Is(err, providers.ErrNotFound) == c.there {
			t.Errorf("%s, then read: %v", c.op, err)
		}
		s.cloud.Fail = nil
		s.create(app.Inside)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	s := newSite(t, t.TempDir(), app.Inside)
	s.cloud.Latency = 20 * time.Millisecond
	begin := time.Now()
	s.create(app.Inside)
	if took := time.Since(begin); took < s.cloud.Latency {
		t.Errorf("a call took %s", took)
	}
	s.cloud.Latency = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := s.of(app.Inside).Read(ctx, nil, app.Inside); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that waits, broken off: %v", err)
	}
}

func TestNothingIsMadeBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	newSite(t, dir)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is there: %v", err)
	}
}

// Two clouds on one folder stand for two processes.
func TestManyAtATime(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	dir := t.TempDir()
	one, two := newSite(t, dir, app.Objects()...), newSite(t, dir, app.Objects()...)
	one.create(app.Public, app.Inside, app.Inside4)
	var calls sync.WaitGroup
	var mu sync.Mutex
	got := map[string]int{}
	for i := range 40 {
		calls.Go(func() {
			s := []*site{one, two}[i%2]
			p := *app.Open
			p.ID = fmt.Sprintf("e0000000-0000-4000-8000-%012d", i)
			m, err := resources.ParseMAC(fmt.Sprintf("fa:16:3e:10:00:%02x", i))
			if err != nil {
				t.Error(err)
			}
			p.MACAddress = m
			p.FixedIPs = []resources.FixedIP{{SubnetID: app.Open.FixedIPs[0].SubnetID, IPAddress: app.Inside4.GatewayIP.Next()}}
			err = s.try(&p) // all want one address: one gets it
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				got["made"]++
			case errors.Is(err, embedded.ErrRefused):
				got["refused"]++
			default:
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if got["made"] != 1 || got["refused"] != 39 {
		t.Errorf("of 40 ports of one address: %v", got)
	}
}

func BenchmarkCreatePort(b *testing.B) {
	app := providertest.NewApp()
	s := newSite(b, b.TempDir(), app.Objects()...)
	s.create(app.Public, app.Inside, app.Inside4, app.WebGroup)
	for i := 0; b.Loop(); i++ {
		s.create(port(app, i))
	}
}
