// Package placement chooses hosts for what needs one. It knows hosts, what is on
// them and what is demanded; it knows no resource type, asks nobody, and answers
// the same to the same.
package placement

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
)

// The policies of a group about its members.
const (
	affinity         = "affinity"
	antiAffinity     = "anti-affinity"
	softAffinity     = "soft-affinity"
	softAntiAffinity = "soft-anti-affinity"
)

// A Host is what may be promised of one: allocation ratios are applied.
type Host struct {
	Name, Zone           string
	VCPUs, RAMMB, DiskGB int
	// Closed says why nothing more is put on the host; "" where it may be.
	Closed string
}

// Hosts are those of a cloud, with its ratios applied.
func Hosts(c *cloud.Cloud) []Host {
	all := make([]Host, len(c.Hosts))
	for i, h := range c.Hosts {
		all[i] = Host{Name: h.Name, Zone: h.Zone, VCPUs: times(h.VCPUs, c.CPURatio), RAMMB: times(h.RAMMB, c.RAMRatio), DiskGB: times(h.DiskGB, c.DiskRatio), Closed: h.Closed}
		if h.Away != "" {
			all[i].Closed = "it can't be reached: " + h.Away
		}
	}
	return all
}

func times(n int, ratio float64) int { return int(float64(n) * ratio) }

// A Refusal says why something can't be on a host.
type Refusal struct{ Host, Why string }

func (r Refusal) String() string { return r.Host + ": " + r.Why }

// State is hosts, and what is on them. It is not safe for use by several
// goroutines at a time.
type State struct {
	hosts  []host // by name
	byName map[string]int
	on     map[string]placed // by id
	// groups counts the members of a group on each host, apart the objects there that
	// are not to be with the one whose id it is.
	groups, apart map[string]map[int]int
	all           *index
	zones         map[string]*index
}

type host struct {
	Host
	vcpus, ram, disk int // free; below 0 when more is on it than fits
}

type placed struct {
	host   int
	demand schema.Demand
}

// New is a state with nothing on the hosts.
func New(hosts []Host) *State {
	s := &State{byName: make(map[string]int, len(hosts)), on: map[string]placed{}, groups: map[string]map[int]int{}, apart: map[string]map[int]int{}, zones: map[string]*index{}}
	for _, h := range hosts {
		s.hosts = append(s.hosts, host{Host: h, vcpus: h.VCPUs, ram: h.RAMMB, disk: h.DiskGB})
	}
	slices.SortFunc(s.hosts, func(a, b host) int { return strings.Compare(a.Name, b.Name) })
	s.all = newIndex(s.hosts)
	for i, h := range s.hosts {
		s.byName[h.Name] = i
		if s.zones[h.Zone] == nil {
			s.zones[h.Zone] = newIndex(s.hosts)
		}
		s.zones[h.Zone].add(i)
		s.all.add(i)
	}
	return s
}

// Put says that an object is on a host, whether it fits or not: reality is not
// argued with. A host that the state doesn't know is passed over.
func (s *State) Put(id, name string, d schema.Demand) {
	if i, ok := s.byName[name]; ok {
		s.Remove(id)
		s.put(id, i, d)
	}
}

func (s *State) put(id string, i int, d schema.Demand) {
	s.on[id] = placed{i, d}
	h := &s.hosts[i]
	h.vcpus, h.ram, h.disk = h.vcpus-d.VCPUs, h.ram-d.RAMMB, h.disk-d.DiskGB
	if d.Group != "" {
		count(s.groups, d.Group, i, 1)
	}
	for _, other := range d.Different {
		count(s.apart, other, i, 1)
	}
	s.moved(i)
}

// Remove says that an object is on no host any more.
func (s *State) Remove(id string) {
	p, ok := s.on[id]
	if !ok {
		return
	}
	delete(s.on, id)
	h, d := &s.hosts[p.host], p.demand
	h.vcpus, h.ram, h.disk = h.vcpus+d.VCPUs, h.ram+d.RAMMB, h.disk+d.DiskGB
	if d.Group != "" {
		count(s.groups, d.Group, p.host, -1)
	}
	for _, other := range d.Different {
		count(s.apart, other, p.host, -1)
	}
	s.moved(p.host)
}

func count(in map[string]map[int]int, key string, i, n int) {
	m := in[key]
	if m == nil {
		m = map[int]int{}
		in[key] = m
	}
	if m[i] += n; m[i] == 0 {
		delete(m, i)
	}
}

func (s *State) moved(i int) {
	s.all.fix(i)
	s.zones[s.hosts[i].Zone].fix(i)
}

// Host is where an object is, or "".
func (s *State) Host(id string) string {
	if p, ok := s.on[id]; ok {
		return s.hosts[p.host].Name
	}
	return ""
}

// Choose finds a host for an object: where it is already when it can stay, else
// that with the largest part of its memory free, the first by name among equals.
// Soft policies come before memory. What the object holds itself is not counted,
// and nothing is put anywhere. When there is no host, refused says of each why.
func (s *State) Choose(id string, d schema.Demand) (name string, refused []Refusal) {
	if p, ok := s.on[id]; ok {
		s.Remove(id)
		defer s.put(id, p.host, p.demand)
	}
	if i := s.best(Want{id, d}); i >= 0 {
		return s.hosts[i].Name, nil
	}
	return "", s.refusals(Want{id, d})
}

// Explain says of every host, by name, why an object can't be on it; Why is empty
// where it can.
func (s *State) Explain(id string, d schema.Demand) []Refusal {
	all := make([]Refusal, len(s.hosts))
	for i := range s.hosts {
		all[i] = Refusal{s.hosts[i].Name, s.refuses(i, Want{id, d})}
	}
	return all
}

// refusals says of each host that can't take an object why not.
func (s *State) refusals(w Want) []Refusal {
	var all []Refusal
	for i := range s.hosts {
		if why := s.refuses(i, w); why != "" {
			all = append(all, Refusal{s.hosts[i].Name, why})
		}
	}
	return all
}

// refuses says which filter a host fails first, or "".
func (s *State) refuses(i int, w Want) string {
	h, d := &s.hosts[i], w.Demand
	switch {
	case h.Closed != "" && h.Name != d.Current:
		return h.Closed
	case d.Host != "" && h.Name != d.Host:
		return "the author chose host " + d.Host
	case d.Zone != "" && h.Zone != d.Zone:
		return fmt.Sprintf("it is in zone %s, not %s", h.Zone, d.Zone)
	case excepted(h, d):
		return d.Except[h.Name]
	}
	if why := s.keepsCompany(i, w); why != "" {
		return why
	}
	for _, x := range []struct {
		what       string
		needs, has int
		unit       string
	}{{"vcpus", d.VCPUs, h.vcpus, ""}, {"memory", d.RAMMB, h.ram, " MiB"}, {"disk", d.DiskGB, h.disk, " GiB"}} {
		if x.needs > 0 && x.needs > x.has {
			return fmt.Sprintf("not enough %s: %d%s free, %d%s needed", x.what, max(x.has, 0), x.unit, x.needs, x.unit)
		}
	}
	return ""
}

func excepted(h *host, d schema.Demand) bool {
	return d.Except[h.Name] != "" && !(d.Stays && h.Name == d.Current)
}

// keepsCompany says what the objects that are on a host already, or elsewhere,
// have against another one there.
func (s *State) keepsCompany(i int, w Want) string {
	d := w.Demand
	if len(d.Same) > 0 && !slices.ContainsFunc(d.Same, func(id string) bool { p, ok := s.on[id]; return ok && p.host == i }) {
		return "none of " + strings.Join(d.Same, ", ") + " is on it"
	}
	for _, id := range d.Different {
		if p, ok := s.on[id]; ok && p.host == i {
			return id + " is on it"
		}
	}
	members := s.groups[d.Group]
	switch {
	case s.apart[w.ID][i] > 0:
		return "something is on it that must not be with it"
	case d.Group == "":
	case d.Policy == affinity && len(members) > 0 && members[i] == 0:
		return fmt.Sprintf("group %s (affinity) is on another host", d.Group)
	case d.Policy == antiAffinity && members[i] >= max(d.MaxPerHost, 1):
		return fmt.Sprintf("%d of group %s (anti-affinity) on it already", members[i], d.Group)
	}
	return ""
}

// fits is refuses without words.
func (s *State) fits(i int, w Want) bool {
	h, d := &s.hosts[i], w.Demand
	return (h.Closed == "" || h.Name == d.Current) && (d.VCPUs <= 0 || d.VCPUs <= h.vcpus) && (d.RAMMB <= 0 || d.RAMMB <= h.ram) && (d.DiskGB <= 0 || d.DiskGB <= h.disk) &&
		(d.Host == "" || h.Name == d.Host) && (d.Zone == "" || h.Zone == d.Zone) && !excepted(h, d) && s.keepsCompany(i, w) == ""
}

// best is the host that Choose answers with, or -1.
func (s *State) best(w Want) int {
	d := w.Demand
	if i, ok := s.byName[d.Current]; ok && s.fits(i, w) {
		return i
	}
	if few, ok := s.few(d); ok {
		return s.bestOf(few, w)
	}
	members := s.groups[d.Group]
	if d.Group != "" && d.Policy == softAffinity && len(members) > 0 {
		near := make([]int, 0, len(members))
		for i := range members {
			near = append(near, i)
		}
		if i := s.bestOf(near, w); i >= 0 {
			return i
		}
	}
	best := -1
	for i := range s.index(d).descend {
		if !s.fits(i, w) {
			continue
		}
		if d.Group == "" || d.Policy != softAntiAffinity || members[i] == 0 {
			return i
		}
		if best < 0 || members[i] < members[best] {
			best = i
		}
	}
	return best
}

// few are the only hosts that come into question, where a demand says so.
func (s *State) few(d schema.Demand) ([]int, bool) {
	var all []int
	switch {
	case d.Host != "":
		if i, ok := s.byName[d.Host]; ok {
			all = append(all, i)
		}
	case len(d.Same) > 0:
		for _, id := range d.Same {
			if p, ok := s.on[id]; ok {
				all = append(all, p.host)
			}
		}
	case d.Group != "" && d.Policy == affinity && len(s.groups[d.Group]) > 0:
		for i := range s.groups[d.Group] {
			all = append(all, i)
		}
	default:
		return nil, false
	}
	return all, true
}

func (s *State) bestOf(hosts []int, w Want) int {
	best := -1
	for _, i := range hosts {
		if s.fits(i, w) && (best < 0 || s.prefers(i, best, w.Demand)) {
			best = i
		}
	}
	return best
}

// prefers reports whether a demand would rather be on host a than on b.
func (s *State) prefers(a, b int, d schema.Demand) bool {
	if d.Current != "" && (s.hosts[a].Name == d.Current) != (s.hosts[b].Name == d.Current) {
		return s.hosts[a].Name == d.Current
	}
	if m := s.groups[d.Group]; d.Group != "" && m[a] != m[b] {
		switch d.Policy {
		case softAffinity:
			return m[a] > m[b]
		case softAntiAffinity:
			return m[a] < m[b]
		}
	}
	return s.all.before(a, b)
}

// every lists the hosts that fit, the best first.
func (s *State) every(w Want) []int {
	d := w.Demand
	var all []int
	if few, ok := s.few(d); ok {
		slices.Sort(few)
		for _, i := range slices.Compact(few) {
			if s.fits(i, w) {
				all = append(all, i)
			}
		}
	} else {
		for _, i := range s.index(d).heap {
			if s.fits(i, w) {
				all = append(all, i)
			}
		}
	}
	slices.SortFunc(all, func(a, b int) int {
		if s.prefers(a, b, d) {
			return -1
		}
		return 1
	})
	return all
}

func (s *State) index(d schema.Demand) *index {
	if d.Zone == "" {
		return s.all
	}
	if x := s.zones[d.Zone]; x != nil {
		return x
	}
	return newIndex(s.hosts)
}
