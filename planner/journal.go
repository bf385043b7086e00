package planner

import (
	"context"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/state"
)

func (e *execution) begin() (state.NewRun, error) {
	r := state.NewRun{Serial: e.plan.Serial, Command: e.opt.Command, Sources: e.opt.Sources}
	for _, m := range e.plan.priors.moves {
		r.Moves = append(r.Moves, state.Move{From: state.Ref{Address: m[0]}, To: state.Ref{Address: m[1]}})
	}
	r.Steps = make([]state.Step, 0, len(e.steps))
	for _, s := range e.steps {
		j, err := e.intent(s)
		if err != nil {
			return r, err
		}
		r.Steps = append(r.Steps, j)
	}
	r.Claims = e.plan.claims()
	return r, nil
}

// claims are what the plan takes from the ledger.
func (p *Plan) claims() state.Claims {
	var all state.Claims
	for _, x := range p.Changes {
		if x.claims == nil {
			continue
		}
		all.Take = append(all.Take, x.claims.Take...)
		all.Ranges = append(all.Ranges, x.claims.Ranges...)
		all.Shares = append(all.Shares, x.claims.Shares...)
		all.Limits = append(all.Limits, x.claims.Limits...)
	}
	return all
}

// intent is a step as the journal has it before it begins.
func (e *execution) intent(s *step) (state.Step, error) {
	x := s.change
	j := state.Step{Step: s.number, Action: string(s.part), Address: x.name, Deposed: x.Deposed, Type: x.Type.Name, ID: x.ID, Ready: true,
		Last: x.Action == Delete || x.Action == Forget}
	if s.part == partDelete && x.record != nil {
		j.ID = x.record.ID
	}
	if x.record != nil {
		j.Before = x.record.Seen
	}
	if s.part == partCreate || s.part == partUpdate {
		j.Ready = !x.late
		record, err := e.record(x, x.Planned)
		if err != nil {
			return j, err
		}
		j.Put = record
	}
	return j, nil
}

// record is what the state keeps of an object.
func (e *execution) record(x *Change, v cty.Value) (*state.Record, error) {
	clear, secret, err := encode(e.site, x.Type, x.ID, v)
	if err != nil {
		return nil, err
	}
	r := &state.Record{Address: x.name, Type: x.Type.Name, ID: x.ID, SchemaVersion: x.Type.Version, CreateBeforeDestroy: x.cbd,
		Want: x.want, Attrs: clear, Secret: secret, Serial: e.plan.Serial,
		// One that is taken over may be lost again before its front end has kept it.
		Unheard: e.unheard && x.parent == nil && (x.Action == Create || x.record != nil && x.record.Unheard)}
	if x.block != nil {
		r.Deps = e.deps(x.block)
		if len(x.follows) > 0 {
			r.Deps = e.followed(x, r.Deps)
		}
	} else if x.record != nil {
		r.Deps, r.Want, r.CreateBeforeDestroy = x.record.Deps, x.record.Want, x.record.CreateBeforeDestroy
	}
	if h := e.site.Systems.For(x.Type.Name); h != nil && !h.Kept() && v.IsWhollyKnown() {
		r.Seen = hashOf(e.site, x.Type, x.Type.Stable(v))
	}
	return r, nil
}

// followed adds the blocks of what a step comes after, so that what it made goes
// before them.
func (e *execution) followed(x *Change, deps []string) []string {
	all := slices.Clone(deps)
	for _, id := range x.follows {
		for _, k := range e.plan.world.kinds {
			if f := k.byID[id]; f != nil && f.stack == "" {
				if o, err := address.Parse(f.address); err == nil {
					all = append(all, o.Block().String())
				}
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (e *execution) deps(b *lang.Block) []string {
	if len(b.Mentions) == 0 {
		return nil
	}
	if d, ok := e.plan.deps[b]; ok {
		return d
	}
	if e.plan.deps == nil {
		e.plan.deps = map[*lang.Block][]string{}
	}
	d := e.plan.dependencies(b)
	e.plan.deps[b] = d
	return d
}

// commit writes the ends that wait, and only then lets others go on.
func (e *execution) commit() error {
	ends := make([]state.End, len(e.ends))
	for i, x := range e.ends {
		ends[i] = x.end
	}
	// A second interrupt must not keep what was made out of the state.
	if err := e.lease.Commit(context.WithoutCancel(e.ctx), e.run, ends); err != nil {
		return err
	}
	for _, x := range e.ends {
		e.tell(x)
		e.complete(x.v, x.err != nil)
	}
	e.ends = e.ends[:0]
	return nil
}

func (e *execution) tell(x ended) {
	s := x.step
	c := s.change
	event := Event{Kind: StepDone, Change: c, Part: string(s.part), Step: s.number, Elapsed: x.took, Err: x.err}
	switch {
	case x.err != nil:
		event.Kind = StepFailed
		e.out.Failures = append(e.out.Failures, Failure{Change: c, Part: string(s.part), Err: x.err})
	case s.part == partDelete:
		if c.Action == Delete {
			e.plan.world.drop(c.name, c.Type)
		}
		e.out.Deleted++
	case s.part == partCreate:
		e.out.Created++
	case s.part == partUpdate:
		e.out.Changed++
	default:
		e.out.Kept++
	}
	if x.err == nil && x.value != cty.NilVal && s.part != partDelete {
		value := x.value
		e.plan.world.put(c.name, c.Type, c.ID, func() (cty.Value, error) { return value, nil })
		if e.plan.eval != nil && c.block != nil && c.parent == nil && !c.Planned.IsWhollyKnown() {
			e.plan.eval.Set(c.inst, value)
			e.plan.eval.Done(c.block)
			e.revised[c.block] = true
		}
	}
	e.event(event)
}

func (e *execution) event(x Event) {
	if x.Kind != StepStarted {
		e.shown++
	}
	x.Done, x.Total = e.shown, len(e.steps)
	e.opt.Events(x)
}

// finish ends the run with its outputs.
func (e *execution) finish() error {
	f := state.Finish{Status: state.RunDone}
	switch {
	case e.out.Interrupted:
		f.Status, f.Error = state.RunInterrupted, "interrupted"
	case len(e.out.Failures) > 0:
		f.Status, f.Error = state.RunFailed, e.out.Failures[0].Err.Error()
	}
	if e.plan.Options.Destroy && e.plan.Options.Targets == nil {
		if f.Status == state.RunDone {
			f.Outputs = []state.Output{}
		}
	} else if e.plan.Options.Targets == nil && !e.plan.Options.RefreshOnly {
		f.Outputs = []state.Output{}
		for _, o := range e.plan.eval.Outputs() {
			if !o.Value.IsWhollyKnown() {
				continue // of a step that failed
			}
			out, err := encodeOutput(e.site, o.Name, o.Value, o.Sensitive)
			if err != nil {
				return err
			}
			f.Outputs = append(f.Outputs, out)
			e.out.Outputs = append(e.out.Outputs, OutputChange{Name: o.Name, After: o.Value, Sensitive: o.Sensitive})
		}
	}
	return e.lease.Finish(context.WithoutCancel(e.ctx), e.run, f)
}
