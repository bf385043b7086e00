package placement

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// A Want is an object that needs a host.
type Want struct {
	ID     string
	Demand schema.Demand
}

// A NotFoundError says that no placement was found. There may be one all the same.
type NotFoundError struct {
	Tries int
	// ID is what could not be placed when each was put on the best host in turn, and
	// Refused why.
	ID      string
	Refused []Refusal
}

func (e *NotFoundError) Error() string {
	var why []string
	for _, r := range e.Refused {
		if why = append(why, r.String()); len(why) == 5 && len(e.Refused) > 5 {
			why = append(why, fmt.Sprintf("and %d more hosts", len(e.Refused)-5))
			break
		}
	}
	return fmt.Sprintf("no placement of all was found within %d tries; %s would be left over: %s", e.Tries, e.ID, strings.Join(why, "; "))
}

// Solve finds hosts for all wants together, the most constrained first: each on its
// best host where that works out, else by a search that puts an object
// somewhere at most budget times. It leaves the state as it was.
func Solve(s *State, wants []Want, budget int) (map[string]string, error) {
	order := arrange(wants)
	before := map[string]placed{}
	for _, w := range order {
		if p, ok := s.on[w.ID]; ok {
			before[w.ID] = p
			s.Remove(w.ID)
		}
	}
	defer func() {
		for _, w := range order {
			s.Remove(w.ID)
		}
		for _, w := range order {
			if p, ok := before[w.ID]; ok {
				s.put(w.ID, p.host, p.demand)
			}
		}
	}()
	left := &NotFoundError{}
	for _, pick := range []func(*State, Want) int{(*State).best, (*State).tightest} {
		n := greedy(s, order, pick, left)
		if n == len(order) {
			return s.answer(order), nil
		}
		for _, w := range order[:n] {
			s.Remove(w.ID)
		}
	}
	b := &search{State: s, order: order, budget: budget, excepted: s.excepted(order)}
	if b.from(0) {
		return s.answer(order), nil
	}
	left.Tries = b.tries
	return nil, left
}

// greedy puts each in turn where pick says, and answers how many found a place.
func greedy(s *State, order []Want, pick func(*State, Want) int, left *NotFoundError) int {
	for n, w := range order {
		i := pick(s, w)
		if i < 0 {
			if left.ID == "" {
				left.ID, left.Refused = w.ID, s.refusals(w)
			}
			return n
		}
		s.put(w.ID, i, w.Demand)
	}
	return len(order)
}

// tightest is the fitting host with the least memory free, so that large pieces
// of it are left elsewhere; or -1.
func (s *State) tightest(w Want) int {
	if i, ok := s.byName[w.Demand.Current]; ok && s.fits(i, w) {
		return i
	}
	best := -1
	for i := range s.hosts {
		if s.fits(i, w) && (best < 0 || s.hosts[i].ram < s.hosts[best].ram) {
			best = i
		}
	}
	return best
}

func (s *State) answer(order []Want) map[string]string {
	m := make(map[string]string, len(order))
	for _, w := range order {
		m[w.ID] = s.Host(w.ID)
	}
	return m
}

// arrange puts the most constrained first, and those that must be together
// behind each other: what is named by others as the same host before them.
func arrange(wants []Want) []Want {
	units := map[string][]Want{}
	unit := map[string]string{}
	for _, w := range wants {
		unit[w.ID] = w.ID
		if w.Demand.Policy == affinity && w.Demand.Group != "" {
			unit[w.ID] = "group " + w.Demand.Group
		}
	}
	for range 3 { // chains of the same host are short
		for _, w := range wants {
			for _, id := range w.Demand.Same {
				if u, ok := unit[id]; ok && u != unit[w.ID] {
					join(unit, unit[w.ID], u)
				}
			}
		}
	}
	for _, w := range wants {
		units[unit[w.ID]] = append(units[unit[w.ID]], w)
	}
	type sized struct {
		wants       []Want
		rank        int
		ram, vcpus  int
		first       string
		constraints int
	}
	var all []sized
	for _, u := range units {
		slices.SortFunc(u, func(a, b Want) int {
			return cmp.Or(cmp.Compare(rank(a.Demand), rank(b.Demand)), cmp.Compare(len(a.Demand.Same), len(b.Demand.Same)),
				-cmp.Compare(a.Demand.RAMMB, b.Demand.RAMMB), -cmp.Compare(a.Demand.VCPUs, b.Demand.VCPUs), strings.Compare(a.ID, b.ID))
		})
		x := sized{wants: u, rank: rank(u[0].Demand), first: u[0].ID}
		for _, w := range u {
			x.ram += w.Demand.RAMMB
			x.vcpus += w.Demand.VCPUs
			x.constraints += constraints(w.Demand)
		}
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b sized) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), -cmp.Compare(min(a.constraints, 1), min(b.constraints, 1)), -cmp.Compare(a.ram, b.ram), -cmp.Compare(a.vcpus, b.vcpus), strings.Compare(a.first, b.first))
	})
	order := make([]Want, 0, len(wants))
	for _, u := range all {
		order = append(order, inTurn(u.wants)...)
	}
	return order
}

// inTurn puts behind it what is to be with another one of the same unit.
func inTurn(wants []Want) []Want {
	waits := make(map[string]bool, len(wants))
	for _, w := range wants {
		waits[w.ID] = true
	}
	order := make([]Want, 0, len(wants))
	for len(order) < len(wants) {
		before := len(order)
		for _, w := range wants {
			if waits[w.ID] && !slices.ContainsFunc(w.Demand.Same, func(id string) bool { return waits[id] }) {
				waits[w.ID] = false
				order = append(order, w)
			}
		}
		if len(order) == before { // they wait for each other
			for _, w := range wants {
				if waits[w.ID] {
					order = append(order, w)
				}
			}
		}
	}
	return order
}

func join(unit map[string]string, from, to string) {
	for id, u := range unit {
		if u == from {
			unit[id] = to
		}
	}
}

// rank puts first what has no choice, then what would like to stay.
func rank(d schema.Demand) int {
	switch {
	case d.Host != "":
		return 0
	case d.Current != "":
		return 1
	}
	return 2
}

func constraints(d schema.Demand) int {
	n := len(d.Same) + len(d.Different)
	if d.Zone != "" || len(d.Except) > 0 {
		n++
	}
	if d.Policy == affinity || d.Policy == antiAffinity {
		n++
	}
	return n
}

// search is depth first, with every choice taken back that leads nowhere.
type search struct {
	*State
	order         []Want
	budget, tries int
	excepted      map[int]string // which of the wants a host is out of the question for
}

// excepted tells apart hosts that some of the wants can't be on.
func (s *State) excepted(order []Want) map[int]string {
	all := map[int]string{}
	for n, w := range order {
		for name := range w.Demand.Except {
			if i, ok := s.byName[name]; ok {
				all[i] += fmt.Sprint(n, " ")
			}
		}
	}
	return all
}

func (b *search) from(n int) bool {
	if n == len(b.order) {
		return true
	}
	w := b.order[n]
	first := b.best(w)
	if first < 0 {
		return false
	}
	if b.try(n, first) {
		return true
	}
	if b.tries >= b.budget {
		return false
	}
	// Only now is the whole list worth its price.
	tried := map[alike]bool{}
	b.note(tried, first)
	for _, i := range b.every(w) {
		if b.tries >= b.budget {
			return false
		}
		if i == first || !b.note(tried, i) {
			continue
		}
		if b.try(n, i) {
			return true
		}
	}
	return false
}

func (b *search) try(n, i int) bool {
	if b.tries >= b.budget {
		return false
	}
	b.tries++
	w := b.order[n]
	b.put(w.ID, i, w.Demand)
	if b.from(n + 1) {
		return true
	}
	b.Remove(w.ID)
	return false
}

// alike is what two hosts have in common that are as good as each other.
type alike struct {
	zone, excepted                    string
	vcpus, ram, disk, vcpusOf, ramsOf int
}

// note reports whether a host differs from all that were tried. Hosts with
// something on them that a demand may be about differ from any other.
func (b *search) note(tried map[alike]bool, i int) bool {
	h := &b.hosts[i]
	if h.vcpus != h.VCPUs || h.ram != h.RAMMB || h.disk != h.DiskGB { // who is there may matter
		return true
	}
	k := alike{h.Zone, b.excepted[i], h.vcpus, h.ram, h.disk, h.VCPUs, h.RAMMB}
	if tried[k] {
		return false
	}
	tried[k] = true
	return true
}
