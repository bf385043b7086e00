package planner

import (
	"context"
	"errors"
	"fmt"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
)

// An Actor is a recorded object with what can be done to it.
type Actor struct {
	Type   *schema.Type
	Verbs  []providers.Verb
	handle providers.Handle
	world  *world
	object any
}

// Acts finds the object at an address of a stack, and what can be done to it.
func Acts(ctx context.Context, site *Site, stack, addr string) (*Actor, error) {
	if err := site.Facts(ctx); err != nil {
		return nil, err
	}
	snap, err := site.Store.Snapshot(ctx, stack)
	if err != nil {
		return nil, err
	}
	r := &recovery{ctx: ctx, site: site, world: newWorld(ctx, site, stack)}
	r.world.others = (&walk{site: site, snap: snap}).others
	a := &Actor{world: r.world}
	for i := range snap.Records {
		x := &snap.Records[i]
		r.show(x)
		if x.Address != addr || x.Deposed != "" {
			continue
		}
		if a.Type = site.Types.Resource(x.Type); a.Type == nil {
			return nil, fmt.Errorf("the type %s is not known to this cairn", x.Type)
		}
		v, err := r.value(a.Type, x)
		if err == nil {
			a.object, err = a.Type.ToGo(v)
		}
		if err != nil {
			return nil, err
		}
		if a.handle = site.Systems.For(x.Type); a.handle != nil {
			a.Verbs = a.handle.Verbs()
		}
	}
	if a.Type == nil {
		return nil, notRecorded(snap, addr)
	}
	return a, nil
}

// Do does one of the verbs. Of one that changes something, whoever asks holds the
// stack's lease.
func (a *Actor) Do(ctx context.Context, do providers.Act) error {
	if a.handle == nil {
		return errors.ErrUnsupported
	}
	ctx, cancel := context.WithTimeout(ctx, a.Type.Bounds().Update)
	defer cancel()
	return a.handle.Act(ctx, a.world, a.object, do)
}
