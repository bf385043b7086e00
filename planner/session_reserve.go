package planner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// reserved finds what a plan has kept for an object that is to be made.
func (s *Session) reserved(ctx context.Context, a Asked) (*state.Reservation, error) {
	if s.opt.Reserve == 0 || !a.Prior.IsNull() || a.Config.IsNull() || schema.Text(knownOf(a), "id") == "" {
		return nil, nil
	}
	return s.reservation(ctx, keyOf(a.Type, a.Config))
}

// reservation finds what is kept under a key. All of them are read once, and kept up
// to date from then on.
func (s *Session) reservation(ctx context.Context, key string) (*state.Reservation, error) {
	if s.promises == nil {
		all, err := s.site.Store.Reservations(ctx, s.opt.Stack)
		if err != nil {
			return nil, err
		}
		s.promises = make(map[string]*state.Reservation, len(all))
		for i := range all {
			s.promises[all[i].Key] = &all[i]
		}
	}
	return s.promises[key], nil
}

// reserve chooses for an object that may never be made, and keeps that for it a
// while. The same plan made again gets the same.
func (s *Session) reserve(ctx context.Context, w *walk, a Asked, f Foreseen, key string) (Foreseen, error) {
	have, err := s.reservation(ctx, key)
	if err != nil {
		return f, err
	}
	want, err := wantHash(s.site, a.Type, a.Type.Fill(a.Config))
	if err != nil {
		return f, err
	}
	if have != nil && bytes.Equal(have.Object.Want, want) {
		return s.renew(ctx, w, a, f, have)
	}
	for try := 1; ; try++ {
		done := w.trying()
		w.ledger.overlook(have)
		c, problems := s.lay(w, a, "")
		var object *state.Record
		var err error
		if !serious(problems) {
			object, err = (&execution{site: s.site, plan: w.plan}).record(c, c.Planned)
		}
		if serious(problems) || err != nil || c.record != nil {
			done(false)
			f.Problems = w.certain(c, problems)
			if c == nil || c.record == nil || serious(problems) {
				return f.unchosen(a), err
			}
			return f.promised(a, c.Planned), err // one that an earlier call has made
		}
		if len(w.ledger.pending) > 0 { // what goes in the same apply has something of it
			done(false)
			return f, nil
		}
		claims := w.plan.claims()
		object.Want = want
		r := state.Reservation{Key: key, Front: s.opt.Front, Object: *object, Claims: held(claims, c.name), Expires: time.Now().Add(s.opt.Reserve)}
		err = s.site.Store.Reserve(ctx, s.opt.Stack, r)
		done(err == nil)
		if err == nil {
			s.promises[key] = &r
			if have != nil { // what an earlier plan of it was shown is no more
				w.world.drop(have.Object.Address, a.Type)
			}
			return f.promised(a, c.Planned), nil
		}
		s.readLedger(w)
		var claimed *state.ClaimedError
		if !errors.As(err, &claimed) {
			return f, err
		}
		if try == tries {
			f.Problems = schema.Problems{blame(a, claimed.Space, claimed.Key, claimed.Holder+" of stack "+claimed.Stack)}
			return f.unchosen(a), nil
		}
	}
}

// renew keeps for a plan what an earlier one has been shown. What somebody else
// got since it ran out is said: the plan that showed it can't be applied.
func (s *Session) renew(ctx context.Context, w *walk, a Asked, f Foreseen, have *state.Reservation) (Foreseen, error) {
	v, err := w.open(a.Type, &have.Object)
	if err != nil {
		return f, err
	}
	over := have.Expires
	have.Expires = time.Now().Add(s.opt.Reserve)
	err = s.site.Store.Reserve(ctx, s.opt.Stack, *have)
	var claimed *state.ClaimedError
	if errors.As(err, &claimed) {
		x := blame(a, claimed.Space, claimed.Key, claimed.Holder+" of stack "+claimed.Stack)
		x.Summary = fmt.Sprintf("What was reserved until %s is taken", over.Format(time.TimeOnly))
		x.Detail = fmt.Sprintf("A plan has shown %s %s for it, and %s of stack %s got it when the reservation had run out. Plan again: another one is chosen.", claimed.Space, claimed.Key, claimed.Holder, claimed.Stack)
		f.Problems = schema.Problems{x}
		err := s.site.Store.Unreserve(ctx, s.opt.Stack, have.Key)
		delete(s.promises, have.Key)
		s.readLedger(w)
		w.world.drop(have.Object.Address, a.Type)
		return f.unchosen(a), err
	}
	if err != nil {
		return f, err
	}
	// Others of the plan may refer to it.
	w.world.put(have.Object.Address, a.Type, have.Object.ID, func() (cty.Value, error) { return v, nil })
	return f.promised(a, v), nil
}

// promised shows of a reservation what the apply is bound by: the id, and what an
// author could have written. The rest is unknown, as in every plan.
func (f Foreseen) promised(a Asked, chosen cty.Value) Foreseen {
	vals := f.Planned.AsValueMap()
	for _, x := range a.Type.Attributes {
		v := chosen.GetAttr(x.Name)
		switch {
		case x.Source == schema.Assigned && v.IsNull(): // there was nothing to choose from, and there may be
		case x.Settable:
			vals[x.Name] = x.Unchosen(v, cty.NilVal)
		case x.Name == "id":
			vals[x.Name] = v
		}
	}
	for _, x := range a.Type.Attributes {
		if x.Copies != "" {
			vals[x.Name] = vals[x.Copies]
		}
	}
	f.Planned = cty.ObjectVal(vals)
	return f
}

// held are claims as the address that reserves holds them. Limits are no part of
// a plan that may never be applied.
func held(c state.Claims, address string) state.Claims {
	all := state.Claims{Take: slices.Clone(c.Take), Ranges: slices.Clone(c.Ranges)}
	for i := range all.Take {
		all.Take[i].Address, all.Take[i].From = address, ""
	}
	for i := range all.Ranges {
		all.Ranges[i].Address, all.Ranges[i].From = address, ""
	}
	sums := map[[2]string]int{}
	all.Shares = nil
	for _, x := range c.Shares {
		k := [2]string{x.Space, x.Key}
		if i, ok := sums[k]; ok {
			all.Shares[i].Amount += x.Amount
			continue
		}
		x.Address = address
		sums[k] = len(all.Shares)
		all.Shares = append(all.Shares, x)
	}
	return all
}

// blame finds the attribute that asks for what somebody else has.
func blame(a Asked, space, key, holder string) schema.Problem {
	x := schema.Problem{Summary: fmt.Sprintf("%s %s is taken", space, key), Detail: holder + " has it. Leave the choice to cairn, or choose another one."}
	for _, attribute := range a.Type.Attributes {
		v := plain(a.Config.GetAttr(attribute.Name))
		_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
			if v.Type() == cty.String && v.IsKnown() && !v.IsNull() && v.AsString() == key && x.Attribute == "" {
				x.Attribute = attribute.Name
			}
			return true, nil
		})
	}
	return x
}
