package placement_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/planner/placement"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

func host(name, zone string, vcpus, ram, disk int) placement.Host {
	return placement.Host{Name: name, Zone: zone, VCPUs: vcpus, RAMMB: ram, DiskGB: disk}
}

func three() []placement.Host {
	return []placement.Host{host("h1", "a", 16, 1000, 100), host("h2", "b", 16, 1000, 100), host("h3", "a", 16, 1000, 100)}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	small := schema.Demand{VCPUs: 1, RAMMB: 100, DiskGB: 1}
	with := func(f func(*schema.Demand)) schema.Demand { d := small; f(&d); return d }
	member := func(policy string) schema.Demand {
		return with(func(d *schema.Demand) { d.Group, d.Policy = "g", policy })
	}
	for _, c := range []struct {
		name, reason string
		there        map[string]string // of the demand of the case, or of small
		demand       schema.Demand
		want, why    string
	}{
		{"first", "equals are told apart by name", nil, small, "h1", ""},
		{"free", "the largest free part of memory wins", map[string]string{"x": "h1", "y": "h2"}, small, "h3", ""},
		{"zone", "only hosts of the zone", nil, with(func(d *schema.Demand) { d.Zone = "b" }), "h2", ""},
		{"no zone", "the reason names both zones", nil, with(func(d *schema.Demand) { d.Zone = "c" }), "", "h1: it is in zone a, not c"},
		{"pinned", "the author's host, however full the others are", map[string]string{"x": "h2"}, with(func(d *schema.Demand) { d.Host = "h2" }), "h2", ""},
		{"pinned nowhere", "a pinned host is never exchanged", nil, with(func(d *schema.Demand) { d.Host = "h9" }), "", "h1: the author chose host h9"},
		{"stays", "what is somewhere stays though others are freer", map[string]string{"x": "h2"}, with(func(d *schema.Demand) { d.Current = "h2" }), "h2", ""},
		{"can't stay", "and goes when it no longer fits", nil, with(func(d *schema.Demand) { d.Current, d.Zone = "h2", "a" }), "h1", ""},
		{"affinity", "with the group", map[string]string{"x": "h3"}, member("affinity"), "h3", ""},
		{"anti-affinity", "not where one is", map[string]string{"x": "h1", "y": "h2"}, member("anti-affinity"), "h3", ""},
		{"no room for anti-affinity", "the reason counts", map[string]string{"x": "h1", "y": "h2", "z": "h3"}, member("anti-affinity"), "", "h2: 1 of group g (anti-affinity) on it already"},
		{"two a host", "max_server_per_host", map[string]string{"x": "h1", "y": "h2", "z": "h3"}, with(func(d *schema.Demand) { d.Group, d.Policy, d.MaxPerHost = "g", "anti-affinity", 2 }), "h1", ""},
		{"soft anti-affinity", "where fewest are, even if all have one", map[string]string{"x": "h1", "y": "h1", "z": "h3", "u": "h2", "v": "h2"}, member("soft-anti-affinity"), "h3", ""},
		{"soft affinity", "where most are", map[string]string{"x": "h1", "y": "h2", "z": "h2"}, member("soft-affinity"), "h2", ""},
		{"except", "not where the demand says why not", nil, with(func(d *schema.Demand) { d.Except = map[string]string{"h1": "no ssd"} }), "h2", ""},
		{"except all", "in the demand's own words", nil, with(func(d *schema.Demand) { d.Except = map[string]string{"h1": "no ssd", "h2": "no ssd", "h3": "no ssd"} }), "", "h2: no ssd"},
		{"except but here", "what is there stays", nil, with(func(d *schema.Demand) {
			d.Except, d.Stays, d.Current = map[string]string{"h2": "no ssd"}, true, "h2"
		}), "h2", ""},
		{"except here", "and goes when it is asked for anew", nil, with(func(d *schema.Demand) {
			d.Except, d.Current = map[string]string{"h2": "no ssd"}, "h2"
		}), "h1", ""},
		{"same", "beside one of those named", map[string]string{"x": "h3"}, with(func(d *schema.Demand) { d.Same = []string{"x", "gone"} }), "h3", ""},
		{"same as nobody", "who is nowhere has no host", nil, with(func(d *schema.Demand) { d.Same = []string{"x"} }), "", "h1: none of x is on it"},
		{"different", "beside none of those named", map[string]string{"x": "h1", "y": "h2"}, with(func(d *schema.Demand) { d.Different = []string{"x", "y"} }), "h3", ""},
		{"vcpus", "more than any host has", nil, schema.Demand{VCPUs: 17, RAMMB: 1}, "", "h1: not enough vcpus: 16 free, 17 needed"},
		{"memory", "more than is left", map[string]string{"x": "h1"}, schema.Demand{RAMMB: 1001}, "", "h2: not enough memory: 1000 MiB free, 1001 MiB needed"},
		{"disk", "more than any host has", nil, schema.Demand{DiskGB: 101}, "", "h3: not enough disk: 100 GiB free, 101 GiB needed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := placement.New(three())
			for _, id := range slices.Sorted(maps.Keys(c.there)) {
				s.Put(id, c.there[id], c.demand)
			}
			got, refused := s.Choose("new", c.demand)
			if got != c.want {
				t.Errorf("%s: %q, want %q (%v)", c.reason, got, c.want, refused)
			}
			if c.why != "" && !slices.ContainsFunc(refused, func(r placement.Refusal) bool { return r.String() == c.why }) {
				t.Errorf("%s: no %q in %v", c.reason, c.why, refused)
			}
			if c.want == "" && len(refused) != 3 {
				t.Errorf("%d hosts have a reason, want all 3: %v", len(refused), refused)
			}
		})
	}
}

// What an object holds itself does not stand in its own way.
func TestChooseDoesNotCountItself(t *testing.T) {
	t.Parallel()
	s := placement.New([]placement.Host{host("h1", "a", 4, 100, 10)})
	d := schema.Demand{VCPUs: 4, RAMMB: 100, Group: "g", Policy: "anti-affinity"}
	s.Put("x", "h1", d)
	if got, refused := s.Choose("x", d); got != "h1" {
		t.Errorf("got %q: %v", got, refused)
	}
	if s.Host("x") != "h1" {
		t.Error("Choose has moved it")
	}
}

// Each on the freest host in the order given fails; a better order solves some,
// and only a search the others.
func TestSolveWhereGreedyFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, reason string
		hosts        []placement.Host
		sizes        []int
		searched     bool
	}{
		{"spread is wrong", "spreading the small ones leaves no room for the large one", []placement.Host{host("h1", "a", 99, 10, 99), host("h2", "a", 99, 10, 99)}, []int{5, 5, 10}, false},
		{"a search is needed", "neither the freest nor the tightest host is always right", []placement.Host{host("h1", "a", 99, 20, 99), host("h2", "a", 99, 20, 99)}, []int{7, 4, 4, 8, 4, 4, 9}, true},
		{"to the last byte", "three hosts are filled exactly", []placement.Host{host("h1", "a", 99, 12, 99), host("h2", "a", 99, 12, 99), host("h3", "a", 99, 12, 99)}, []int{7, 6, 6, 5, 4, 4, 4}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var wants []placement.Want
			greedy := placement.New(c.hosts)
			failed := false
			for i, n := range c.sizes {
				w := placement.Want{ID: fmt.Sprint("x", i), Demand: schema.Demand{RAMMB: n}}
				wants = append(wants, w)
				h, _ := greedy.Choose(w.ID, w.Demand)
				failed = failed || h == ""
				greedy.Put(w.ID, h, w.Demand)
			}
			if !failed {
				t.Error("greedy has solved it: the case shows nothing")
			}
			if _, err := placement.Solve(placement.New(c.hosts), wants, 0); (err != nil) != c.searched {
				t.Errorf("without a search: %v", err)
			}
			got, err := placement.Solve(placement.New(c.hosts), wants, 10000)
			if err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if why := broken(c.hosts, wants, got); why != "" {
				t.Error(why)
			}
		})
	}
}

func TestSolveGivesUp(t *testing.T) {
	t.Parallel()
	s := placement.New(three())
	var wants []placement.Want
	for i := range 31 {
		wants = append(wants, placement.Want{ID: fmt.Sprintf("x%02d", i), Demand: schema.Demand{RAMMB: 100, VCPUs: 1}})
	}
	_, err := placement.Solve(s, wants, 500)
	var none *placement.NotFoundError
	if !errors.As(err, &none) || none.Tries != 500 || len(none.Refused) != 3 {
		t.Fatalf("%v", err)
	}
	if strings.Contains(err.Error(), "impossible") || !strings.Contains(err.Error(), "500 tries") || !strings.Contains(err.Error(), "h1: not enough memory") {
		t.Errorf("%v", err)
	}
	if h, _ := s.Choose("y", schema.Demand{RAMMB: 1000}); h != "h1" {
		t.Error("Solve has left something behind")
	}
}

// A move within a full cloud: what is to be placed anew is not counted where it was.
func TestSolveMoves(t *testing.T) {
	t.Parallel()
	s := placement.New(three())
	full := schema.Demand{RAMMB: 1000}
	for i, h := range []string{"h1", "h2", "h3"} {
		s.Put(fmt.Sprint("x", i), h, full)
	}
	pinned := full
	pinned.Host = "h2"
	got, err := placement.Solve(s, []placement.Want{{ID: "x0", Demand: pinned}, {ID: "x1", Demand: full}}, 100)
	if err != nil || got["x0"] != "h2" || got["x1"] != "h1" {
		t.Errorf("%v %v", got, err)
	}
	if s.Host("x0") != "h1" || s.Host("x1") != "h2" {
		t.Error("Solve has left the state otherwise")
	}
}

// broken says which law a placement breaks, or "".
func broken(hosts []placement.Host, wants []placement.Want, at map[string]string) string {
	type use struct{ vcpus, ram, disk int }
	used, groups := map[string]use{}, map[string]map[string]int{}
	byName := map[string]placement.Host{}
	for _, h := range hosts {
		byName[h.Name] = h
	}
	for _, w := range wants {
		h, d := at[w.ID], w.Demand
		if _, ok := byName[h]; !ok {
			return w.ID + " is on no host"
		}
		u := used[h]
		used[h] = use{u.vcpus + d.VCPUs, u.ram + d.RAMMB, u.disk + d.DiskGB}
		if d.Zone != "" && byName[h].Zone != d.Zone || d.Host != "" && d.Host != h {
			return w.ID + " is where it must not be"
		}
		for _, o := range d.Different {
			if at[o] == h {
				return w.ID + " is with " + o
			}
		}
		if len(d.Same) > 0 && !slices.ContainsFunc(d.Same, func(o string) bool { return at[o] == h }) {
			return w.ID + " is without " + strings.Join(d.Same, ", ")
		}
		if groups[d.Group] == nil {
			groups[d.Group] = map[string]int{}
		}
		groups[d.Group][h]++
	}
	for _, w := range wants {
		g, d := groups[w.Demand.Group], w.Demand
		if d.Policy == "affinity" && len(g) > 1 || d.Policy == "anti-affinity" && slices.Max(slices.Collect(maps.Values(g))) > max(1, d.MaxPerHost) {
			return "policy of " + w.ID
		}
	}
	for n, u := range used {
		if h := byName[n]; u.vcpus > h.VCPUs || u.ram > h.RAMMB || u.disk > h.DiskGB {
			return n + " is over its capacity"
		}
	}
	return ""
}

var policies = []string{"affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"}

func drawCase(t *rapid.T) ([]placement.Host, []placement.Want) {
	var hosts []placement.Host
	for i := range rapid.IntRange(1, 6).Draw(t, "hosts") {
		hosts = append(hosts, host(fmt.Sprint("h", i), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone"), rapid.IntRange(1, 16).Draw(t, "vcpus"), rapid.IntRange(1, 64).Draw(t, "ram"), 100))
	}
	groups := []string{policies[rapid.IntRange(0, 3).Draw(t, "g0")], policies[rapid.IntRange(0, 3).Draw(t, "g1")]}
	var wants []placement.Want
	for i := range rapid.IntRange(0, 10).Draw(t, "wants") {
		d := schema.Demand{VCPUs: rapid.IntRange(0, 6).Draw(t, "cpu"), RAMMB: rapid.IntRange(0, 24).Draw(t, "mem"), DiskGB: rapid.IntRange(0, 40).Draw(t, "disk"),
			Zone: rapid.SampledFrom([]string{"", "", "a"}).Draw(t, "in"), Current: rapid.SampledFrom([]string{"", "", "h0", "h1"}).Draw(t, "current")}
		if g := rapid.IntRange(-2, 1).Draw(t, "group"); g >= 0 {
			d.Group, d.Policy = fmt.Sprint("g", g), groups[g]
		}
		if i > 0 && rapid.IntRange(0, 4).Draw(t, "different") == 0 {
			d.Different = []string{fmt.Sprint("x", rapid.IntRange(0, i-1).Draw(t, "from"))}
		}
		if i > 0 && rapid.IntRange(0, 6).Draw(t, "same") == 0 {
			d.Same = []string{fmt.Sprint("x", rapid.IntRange(0, i-1).Draw(t, "with"))}
		}
		wants = append(wants, placement.Want{ID: fmt.Sprint("x", i), Demand: d})
	}
	return hosts, wants
}

func TestLaws(t *testing.T) {
	t.Parallel()
	solved := 0
	rapid.Check(t, func(t *rapid.T) {
		hosts, wants := drawCase(t)
		// One by one: what was chosen never breaks a law at that moment.
		s, at := placement.New(hosts), map[string]string{}
		var there []placement.Want
		for _, w := range wants {
			h, refused := s.Choose(w.ID, w.Demand)
			if (h == "") != (len(refused) == len(hosts)) {
				t.Fatalf("%q and %v", h, refused)
			}
			if h == "" {
				continue
			}
			if again, _ := s.Choose(w.ID, w.Demand); again != h {
				t.Fatalf("%s, then %s", h, again)
			}
			s.Put(w.ID, h, w.Demand)
			at[w.ID] = h
			there = append(there, w)
			if why := broken(hosts, there, at); why != "" {
				t.Fatal(why)
			}
		}
		// All together: the same answer whatever the order, and none that breaks a law.
		one, err1 := placement.Solve(placement.New(hosts), wants, 2000)
		turned := slices.Clone(wants)
		slices.Reverse(turned)
		other := slices.Clone(hosts)
		slices.Reverse(other)
		two, err2 := placement.Solve(placement.New(other), turned, 2000)
		if (err1 == nil) != (err2 == nil) || !maps.Equal(one, two) {
			t.Fatalf("%v %v, then %v %v", one, err1, two, err2)
		}
		if err1 != nil {
			if len(there) == len(wants) {
				t.Fatalf("one by one works, and together: %v", err1)
			}
			return
		}
		solved++
		if why := broken(hosts, wants, one); why != "" {
			t.Fatal(why)
		}
	})
	if solved == 0 {
		t.Error("nothing was ever solved: the law was not tried")
	}
}

func TestHostsApplyRatios(t *testing.T) {
	t.Parallel()
	c := &cloud.Cloud{Hosts: []cloud.Host{{Name: "h", Zone: "a", VCPUs: 16, RAMMB: 1000, DiskGB: 10}}, CPURatio: 4, RAMRatio: 1.5, DiskRatio: 1}
	if got := placement.Hosts(c)[0]; got != host("h", "a", 64, 1500, 10) {
		t.Errorf("%+v", got)
	}
}

func large() ([]placement.Host, []placement.Want) {
	var hosts []placement.Host
	for i := range 3000 {
		hosts = append(hosts, host(fmt.Sprintf("h%04d", i), fmt.Sprint("z", i%3), 256, 524288, 4000))
	}
	var wants []placement.Want
	for i := range 10000 {
		d := schema.Demand{VCPUs: 1 << (i % 5), RAMMB: 2048 << (i % 5), DiskGB: 20}
		switch i % 4 {
		case 0:
			d.Zone = fmt.Sprint("z", i%3)
		case 1:
			d.Group, d.Policy = fmt.Sprint("g", i/100), "anti-affinity"
		case 2:
			d.Group, d.Policy = fmt.Sprint("s", i/500), "soft-anti-affinity"
		}
		wants = append(wants, placement.Want{ID: fmt.Sprintf("x%05d", i), Demand: d})
	}
	return hosts, wants
}

func BenchmarkSolve3000x10000(b *testing.B) {
	hosts, wants := large()
	for b.Loop() {
		if _, err := placement.Solve(placement.New(hosts), wants, 100000); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChooseOf3000(b *testing.B) {
	hosts, wants := large()
	s := placement.New(hosts)
	for i := 0; b.Loop(); i++ {
		w := wants[i%len(wants)]
		h, refused := s.Choose(w.ID, w.Demand)
		if h == "" {
			b.Fatal(refused)
		}
		s.Put(w.ID, h, w.Demand)
	}
}

// What can't work costs a bounded search, not more.
func BenchmarkGiveUp3000x10000(b *testing.B) {
	hosts, wants := large()
	for i := range wants { // three fit on each host: the last thousand have no place
		wants[i].Demand = schema.Demand{RAMMB: 150000 + i%7}
	}
	for b.Loop() {
		if _, err := placement.Solve(placement.New(hosts), wants, 20000); err == nil {
			b.Fatal("it found a place")
		}
	}
}
