package planner

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
)

// refresh looks at what is real: one bulk read a type, and where a driver has
// none, one read an object if the plan is to be full.
func (w *walk) refresh() hcl.Diagnostics {
	if w.opt.Refresh == RefreshNone {
		return nil
	}
	byType := map[*schema.Type][]*prior{}
	var order []*schema.Type
	for _, p := range w.priors.sorted {
		if byType[p.typ] == nil {
			order = append(order, p.typ)
		}
		byType[p.typ] = append(byType[p.typ], p)
	}
	done, diags := w.oneLook(order)
	defer done()
	if diags.HasErrors() {
		return diags
	}
	for _, t := range order {
		h := w.site.Systems.For(t.Name)
		if h == nil {
			diags = append(diags, problem(fmt.Sprintf("Nothing in this cloud makes a %s", t.Name), "Name a system that does in cloud.hcl.", nil))
			continue
		}
		if h.Kept() {
			continue
		}
		if !h.CanReadAll() {
			if w.opt.Refresh == RefreshFull {
				diags = append(diags, w.look(byType[t], func(o any) (any, error) { return h.Read(w.ctx, w.world, o) })...)
			}
			continue
		}
		read, err := h.ReadAll(w.ctx, w.world)
		if w.ctx.Err() != nil {
			return hcl.Diagnostics{problem("Interrupted", "Nothing was changed.", nil)}
		}
		if err != nil {
			diags = append(diags, unreadable(t.Name+" objects", err))
			continue
		}
		diags = append(diags, w.look(byType[t], read)...)
	}
	slices.SortFunc(w.plan.Drift, func(a, b Drift) int { return a.Address.Compare(b.Address) })
	return diags
}

// oneLook has each system that can look at all of it at once do so, until done.
func (w *walk) oneLook(types []*schema.Type) (done func(), diags hcl.Diagnostics) {
	var all cleanup
	met := map[*providers.System]bool{}
	for _, t := range types {
		s := w.site.Systems.Of(t.Name)
		if s == nil || s.Look == nil || met[s] {
			continue
		}
		met[s] = true
		end, err := s.Look(w.ctx)
		if err != nil {
			diags = append(diags, unreadable("objects of "+s.Name, err))
			continue
		}
		all.add(end)
	}
	return all.run, diags
}

func unreadable(what string, err error) *hcl.Diagnostic {
	says := strings.TrimSuffix(err.Error(), ".")
	if !strings.HasSuffix(says, "?") {
		says += "."
	}
	return problem(fmt.Sprintf("The %s can't be read", what), says+"\n\nUntil that works, cairn does not know what is there: nothing is planned. `-refresh=false` plans from the records.", nil)
}

// lookers bounds how many objects are read at once where each is a call.
const lookers = 10

func (w *walk) look(objects []*prior, read func(any) (any, error)) hcl.Diagnostics {
	type answer struct {
		actual  cty.Value
		gone    bool
		differs []providers.Difference
		err     error
	}
	answers := make([]answer, len(objects))
	work := make(chan int)
	var wait sync.WaitGroup
	for _, p := range objects { // decode before the workers start: records are not for sharing
		if _, err := w.priors.recorded(p); err != nil {
			return hcl.Diagnostics{problem(fmt.Sprintf("%s can't be read from the state", p.addr), err.Error()+".", nil)}
		}
	}
	for range min(lookers, len(objects)) {
		wait.Go(func() {
			for i := range work {
				p := objects[i]
				object, err := p.typ.ToGo(p.decoded)
				if err == nil {
					object, err = read(object)
				}
				var differs *providers.DiffersError
				switch {
				case errors.Is(err, providers.ErrNotFound):
					answers[i].gone = true
				case errors.As(err, &differs):
					answers[i].actual, answers[i].differs = p.typ.FromGo(object, p.decoded), differs.Differences
				case err != nil:
					answers[i].err = err
				default:
					answers[i].actual = p.typ.FromGo(object, p.decoded)
				}
			}
		})
	}
	for i := range objects {
		work <- i
	}
	close(work)
	wait.Wait()
	var diags hcl.Diagnostics
	for i, p := range objects {
		a := answers[i]
		switch {
		case a.err != nil:
			diags = append(diags, problem(fmt.Sprintf("%s can't be read", p.addr),
				fmt.Sprintf("%s. It may still be there, so nothing is planned; `-refresh=false` plans from the records.", a.err), nil))
		case a.gone:
			p.gone = true
			w.world.drop(p.addr.String(), p.typ)
			w.plan.Drift = append(w.plan.Drift, Drift{Address: p.addr, Type: p.typ, Before: p.decoded})
		case len(a.differs) > 0, !bytes.Equal(p.record.Seen, hashOf(w.site, p.typ, p.typ.Stable(a.actual))):
			p.actual, p.differs = a.actual, a.differs
			w.plan.Drift = append(w.plan.Drift, Drift{Address: p.addr, Type: p.typ, Before: p.decoded, After: a.actual, Differs: a.differs})
		}
	}
	return diags
}

// adopt plans to change the records to what is real. What no attribute can tell no
// record can keep.
func (w *walk) adopt() {
	for _, d := range w.plan.Drift {
		p := w.priors.at[d.Address]
		if len(d.Differs) > 0 && bytes.Equal(p.record.Seen, hashOf(w.site, p.typ, p.typ.Stable(d.After))) {
			continue
		}
		c := &Change{Address: d.Address, Type: d.Type, Action: UpdateRecord, Prior: d.Before, Planned: d.After,
			name: d.Address.String(), record: p.record, ID: p.record.ID}
		if p.gone {
			c.Action, c.Reason = Forget, "gone"
		}
		w.plan.Changes = append(w.plan.Changes, c)
	}
}
