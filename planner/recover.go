package planner

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// Recovered is what Recover found of a run that was killed.
type Recovered struct {
	Run                        int64
	Finished, Dropped, Removed int
}

// Recover ends a run that was killed, under its stack's lease. Of each intent it
// asks the system: what is complete is recorded, what is partial is made
// complete by the same call again, what is absent is dropped with its claims.
// Nil when there is no such run.
func Recover(ctx context.Context, site *Site, stack string, lease state.Lease) (*Recovered, error) {
	snap, err := site.Store.Snapshot(ctx, stack)
	if err != nil || snap.Open == nil {
		return nil, err
	}
	r := &recovery{ctx: ctx, site: site, records: map[state.Ref]*state.Record{}, out: &Recovered{Run: snap.Open.ID}}
	r.world = newWorld(ctx, site, stack)
	r.world.others = (&walk{site: site, snap: snap}).others
	for i := range snap.Records {
		x := &snap.Records[i]
		r.records[state.Ref{Address: x.Address, Deposed: x.Deposed}] = x
		r.show(x)
	}
	var ends []state.End
	for i := range snap.Intents {
		s := &snap.Intents[i]
		end, err := r.intent(s)
		if err != nil {
			return nil, fmt.Errorf("finish step %d of the killed run %d, %s %s: %w", s.Step, snap.Open.ID, s.Action, s.Address, err)
		}
		end.Step = s.Step
		ends = append(ends, end)
	}
	if err := lease.Commit(ctx, snap.Open.ID, ends); err != nil {
		return nil, err
	}
	return r.out, lease.Finish(ctx, snap.Open.ID, state.Finish{Status: state.RunInterrupted, Error: "killed"})
}

type recovery struct {
	ctx     context.Context
	site    *Site
	world   *world
	records map[state.Ref]*state.Record
	out     *Recovered
}

// show lets later steps see an object, for what drivers ask of the world.
func (r *recovery) show(x *state.Record) {
	if t := r.site.Types.Resource(x.Type); t != nil && x.Deposed == "" {
		r.world.put(x.Address, t, x.ID, func() (cty.Value, error) { return r.value(t, x) })
	}
}

func (r *recovery) value(t *schema.Type, x *state.Record) (cty.Value, error) {
	return (&walk{site: r.site}).open(t, x)
}

func (r *recovery) intent(s *state.Step) (state.End, error) {
	t, h := r.site.Types.Resource(s.Type), r.site.Systems.For(s.Type)
	if t == nil || h == nil {
		return state.End{}, fmt.Errorf("nothing in this cloud makes a %s", s.Type)
	}
	if h.Kept() || !s.Ready || part(s.Action) == partRecord {
		r.out.Dropped++
		return state.End{Drop: true}, nil
	}
	switch part(s.Action) {
	case partCreate:
		return r.creation(s, t, h)
	case partUpdate:
		return r.update(s, t, h)
	case partDelete:
		return r.deletion(s, t, h)
	}
	return state.End{}, fmt.Errorf("the action is not known to this cairn")
}

func (r *recovery) creation(s *state.Step, t *schema.Type, h providers.Handle) (state.End, error) {
	planned, want, err := r.object(t, s.Put)
	if err != nil {
		return state.End{}, err
	}
	if _, err := h.Read(r.ctx, r.world, want); errors.Is(err, providers.ErrNotFound) {
		r.out.Dropped++
		return state.End{Drop: true}, nil
	} else if !stands(err) {
		return state.End{}, err
	}
	object, err := h.Create(r.ctx, r.world, want)
	if err != nil {
		return state.End{}, err
	}
	old := r.records[state.Ref{Address: s.Address}]
	end, err := r.keep(s, t, t.FromGo(object, planned))
	if old != nil && old.ID != s.ID { // made before what it replaces goes
		deposed := *old
		deposed.Deposed = deposedMark(old)
		to := state.Ref{Address: s.Address, Deposed: deposed.Deposed}
		r.records[to] = &deposed
		end.Move = &state.Move{From: state.Ref{Address: s.Address}, To: to}
	}
	return end, err
}

func (r *recovery) update(s *state.Step, t *schema.Type, h providers.Handle) (state.End, error) {
	planned, want, err := r.object(t, s.Put)
	if err != nil {
		return state.End{}, err
	}
	have, err := h.Read(r.ctx, r.world, want)
	if errors.Is(err, providers.ErrNotFound) {
		r.out.Dropped++
		return state.End{Drop: true}, nil // the next plan makes it anew
	} else if !stands(err) {
		return state.End{}, err
	}
	if err == nil && bytes.Equal(hashOf(r.site, t, t.Stable(t.FromGo(have, planned))), s.Before) {
		r.out.Dropped++
		return state.End{Drop: true}, nil // not begun
	}
	object, err := h.Update(r.ctx, r.world, have, want)
	if err != nil {
		return state.End{}, err
	}
	return r.keep(s, t, t.FromGo(object, planned))
}

func (r *recovery) deletion(s *state.Step, t *schema.Type, h providers.Handle) (state.End, error) {
	record := r.records[state.Ref{Address: s.Address, Deposed: s.Deposed}]
	if record == nil || record.ID != s.ID { // create-before-destroy had deposed it
		record = r.records[state.Ref{Address: s.Address, Deposed: s.ID[:min(8, len(s.ID))]}]
	}
	if record == nil {
		r.out.Dropped++
		return state.End{Drop: true}, nil
	}
	_, have, err := r.object(t, record)
	if err != nil {
		return state.End{}, err
	}
	actual, err := h.Read(r.ctx, r.world, have)
	switch {
	case stands(err):
		v, _ := r.value(t, record)
		if err == nil && bytes.Equal(hashOf(r.site, t, t.Stable(t.FromGo(actual, v))), record.Seen) {
			r.out.Dropped++
			return state.End{Drop: true}, nil // not begun
		}
		back := r.forget(record, t)
		if err := h.Delete(r.ctx, r.world, have); err != nil {
			back()
			return state.End{}, err
		}
	case !errors.Is(err, providers.ErrNotFound):
		return state.End{}, err
	}
	r.out.Removed++
	end := state.End{Remove: &state.Ref{Address: record.Address, Deposed: record.Deposed}}
	if s.Last {
		end.Release = s.Address
	}
	delete(r.records, *end.Remove)
	r.forget(record, t)
	return end, nil
}

// forget takes an object out of the world, unless its successor is at its address.
func (r *recovery) forget(x *state.Record, t *schema.Type) (back func()) {
	if x.Deposed != "" {
		return func() {}
	}
	return r.world.drop(x.Address, t)
}

// stands reports whether a read found the object, as it was made or not.
func stands(err error) bool { return err == nil || errors.As(err, new(*providers.DiffersError)) }

func (r *recovery) object(t *schema.Type, x *state.Record) (cty.Value, any, error) {
	v, err := r.value(t, x)
	if err != nil {
		return cty.NilVal, nil, err
	}
	object, err := t.ToGo(v)
	return v, object, err
}

// keep records a step that is complete now.
func (r *recovery) keep(s *state.Step, t *schema.Type, v cty.Value) (state.End, error) {
	record := *s.Put
	var err error
	if record.Attrs, record.Secret, err = encode(r.site, t, record.ID, v); err != nil {
		return state.End{}, err
	}
	record.Seen = hashOf(r.site, t, t.Stable(v))
	r.records[state.Ref{Address: record.Address}] = &record
	r.show(&record)
	r.out.Finished++
	return state.End{Put: &record}, nil
}
