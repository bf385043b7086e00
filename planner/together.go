package planner

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
)

// together bounds how many steps are handed over at once: so many are under way
// when somebody interrupts.
const together = 1000

// manyCauses is how many steps of a batch another one may wait for to go with it.
const manyCauses = 64

// gather keeps a step whose system takes several at once, until nothing else is
// ready. It reports whether there is such a system.
func (e *execution) gather(v int, s *step) bool {
	sys := e.site.Systems.Of(s.change.Type.Name)
	if sys == nil || sys.Batch == nil {
		return false
	}
	if e.gathered == nil {
		e.gathered, e.joined = map[*providers.System][]int{}, map[int]bool{}
	}
	if len(e.gathered[sys]) == 0 {
		e.gatherers = append(e.gatherers, sys)
	}
	e.gathered[sys] = append(e.gathered[sys], v)
	return true
}

// handOver hands the steps that one system waits for to a worker, with those that
// wait for nothing but them. False: there are none, or nobody is free.
func (e *execution) handOver() bool {
	if len(e.gatherers) == 0 || e.busy >= e.opt.Parallelism && !e.halted {
		return false
	}
	sys := e.gatherers[0]
	all := e.gathered[sys]
	n := min(len(all), together)
	vs := all[:n:n]
	if e.gathered[sys] = all[n:]; len(all) == n {
		e.gatherers = e.gatherers[1:]
	}
	if e.halted {
		for _, v := range vs {
			e.skip(v, e.vertices[v].step)
		}
		return true
	}
	vs, causes := e.follow(sys, vs)
	k := call{system: sys, causes: causes}
	for _, v := range vs {
		s := e.vertices[v].step
		if slices.ContainsFunc(causes[v], func(u int) bool { return k.broken[u] }) {
			e.skip(v, s)
		} else if one, ok := e.asked(v, s); ok {
			k.batch = append(k.batch, one)
			continue
		}
		if k.broken == nil {
			k.broken = map[int]bool{}
		}
		k.broken[v] = true
	}
	if len(k.batch) > 0 {
		e.busy++
		e.calls <- k
	}
	return true
}

// follow adds the steps of the same system that wait for nothing but steps of the
// batch: in one transaction they need no step between. What they are was known
// when the plan was made.
func (e *execution) follow(sys *providers.System, vs []int) (all []int, causes map[int][]int) {
	pending := map[int]int{}
	causes = map[int][]int{}
	var pass func(v int)
	pass = func(v int) {
		for _, u := range e.next[v] {
			pending[u]++
			causes[u] = append(causes[u], causes[v]...)
			if e.vertices[v].step != nil {
				causes[u] = append(causes[u], v)
			}
			if pending[u] < e.waits[u] || e.poisoned[u] {
				continue
			}
			s := e.vertices[u].step
			switch {
			case s == nil && len(causes[u]) <= manyCauses:
				pass(u)
			case s == nil: // each of many waits for each of many: between them a batch ends
			case len(vs) < together && !s.change.late && !e.inline(s) && e.site.Systems.Of(s.change.Type.Name) == sys:
				e.joined[u] = true
				vs = append(vs, u)
			}
		}
	}
	for i := 0; i < len(vs); i++ {
		pass(vs[i])
	}
	return vs, causes
}

// carryOutTogether has a system make several changes.
func (e *execution) carryOutTogether(ctx context.Context, k call) answer {
	a := answer{call: k, batch: make([]answer, len(k.batch))}
	changes := make([]providers.Change, len(k.batch))
	var timeout time.Duration
	var world schema.World
	for i, one := range k.batch {
		a.batch[i].call = one
		changes[i] = providers.Change{Have: one.have, Want: one.want}
		timeout, world = max(timeout, one.timeout), one.world
	}
	if !e.lease.Good(leaseMargin) {
		for i := range a.batch {
			a.batch[i].err = errLease
		}
		return a
	}
	bounded, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	at := make(map[int]int, len(k.batch))
	for i, one := range k.batch {
		at[one.v] = i
		for _, v := range k.causes[one.v] {
			if j, ok := at[v]; ok && !slices.Contains(changes[i].After, j) {
				changes[i].After = append(changes[i].After, j)
			}
		}
	}
	began := time.Now()
	for i, r := range k.system.Batch(bounded, world, changes) {
		one := &a.batch[i]
		one.object, one.err, one.took = r.Object, r.Err, time.Since(began)
		e.look(ctx, one)
	}
	return a
}

// answeredTogether ends the steps of a batch. A step whose system did not try it,
// because one before it had failed, is not to blame.
func (e *execution) answeredTogether(all []answer) {
	for _, a := range all {
		if errors.Is(a.err, providers.ErrAfter) && a.object == nil {
			e.skip(a.v, a.step)
			continue
		}
		e.answered(a)
	}
}
