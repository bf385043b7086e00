package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// Outputs are the root outputs of a stack as its last run left them.
func Outputs(ctx context.Context, site *Site, stack string) ([]OutputChange, error) {
	snap, err := site.Store.Snapshot(ctx, stack)
	if err != nil {
		return nil, err
	}
	all := make([]OutputChange, 0, len(snap.Outputs))
	for _, o := range snap.Outputs {
		v, err := decodeOutput(site, o)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", o.Name, err)
		}
		all = append(all, OutputChange{Name: o.Name, After: v, Sensitive: o.Sensitive})
	}
	return all, nil
}

// Recorded is what is known about the object at an address.
func Recorded(ctx context.Context, site *Site, stack, addr string) (*schema.Type, cty.Value, error) {
	snap, err := site.Store.Snapshot(ctx, stack)
	if err != nil {
		return nil, cty.NilVal, err
	}
	for i := range snap.Records {
		r := &snap.Records[i]
		if r.Address != addr || r.Deposed != "" {
			continue
		}
		t := site.Types.Resource(r.Type)
		if t == nil {
			return nil, cty.NilVal, fmt.Errorf("the type %s is not known to this cairn", r.Type)
		}
		v, err := (&walk{site: site}).open(t, r)
		return t, v, err
	}
	return nil, cty.NilVal, notRecorded(snap, addr)
}

func notRecorded(snap *state.Snapshot, addr string) error {
	names := make([]string, 0, len(snap.Records))
	for _, r := range snap.Records {
		names = append(names, r.Address)
	}
	if near := schema.Nearest(addr, names); near != "" {
		return fmt.Errorf("nothing is recorded at %s; did you mean %s?", addr, near)
	}
	return fmt.Errorf("nothing is recorded at %s: `cairn state list` shows what is", addr)
}

// MoveRecord is the edit that renames the record of one object.
func MoveRecord(ctx context.Context, site *Site, stack, from, to string) ([]state.End, error) {
	source, err := address.Parse(from)
	if err != nil {
		return nil, err
	}
	target, err := address.Parse(to)
	if err != nil {
		return nil, err
	}
	if source.Type != target.Type {
		return nil, fmt.Errorf("%s is a %s and can't become a %s", from, source.Type, target.Type)
	}
	snap, err := site.Store.Snapshot(ctx, stack)
	if err != nil {
		return nil, err
	}
	found := false
	for _, r := range snap.Records {
		if r.Address == target.String() {
			return nil, fmt.Errorf("something is recorded at %s already", to)
		}
		found = found || r.Address == source.String() && r.Deposed == ""
	}
	if !found {
		return nil, notRecorded(snap, from)
	}
	return []state.End{{Move: &state.Move{From: state.Ref{Address: source.String()}, To: state.Ref{Address: target.String()}}}}, nil
}

// ForgetRecords is the edit that forgets all objects at an address.
func ForgetRecords(ctx context.Context, site *Site, stack, addr string) ([]state.End, error) {
	target, err := address.ParseTarget(addr)
	if err != nil {
		return nil, err
	}
	snap, err := site.Store.Snapshot(ctx, stack)
	if err != nil {
		return nil, err
	}
	var ends []state.End
	for _, r := range snap.Records {
		if o, err := address.Parse(r.Address); err == nil && target.Covers(o) {
			ends = append(ends, state.End{Remove: &state.Ref{Address: r.Address, Deposed: r.Deposed}, Release: r.Address})
		}
	}
	if ends == nil {
		return nil, notRecorded(snap, addr)
	}
	return ends, nil
}

// WasDestroy reports whether a run took its stack down.
func WasDestroy(r *state.Run) bool { return strings.HasPrefix(r.Command, "destroy") }

// Before is the configuration that stood before a run, and how to plan it: the
// one of the newest earlier run that applied one, or the end of everything.
func Before(ctx context.Context, site *Site, stack string, run int64) (*lang.Stack, Options, error) {
	runs, err := site.Store.Runs(ctx, stack, 0)
	if err != nil {
		return nil, Options{}, err
	}
	for i := range runs {
		r := &runs[i]
		if r.ID >= run || r.Status != state.RunDone {
			continue
		}
		sources, err := site.Store.Sources(ctx, stack, r.ID)
		if err != nil {
			return nil, Options{}, err
		}
		if len(sources) > 0 {
			return unpacked(site, sources, Options{Destroy: WasDestroy(r)})
		}
	}
	sources, err := site.Store.Sources(ctx, stack, run)
	if err != nil {
		return nil, Options{}, err
	}
	return unpacked(site, sources, Options{Destroy: true})
}

// Applied is the configuration that the newest run of a stack which was done has
// applied.
func Applied(ctx context.Context, site *Site, stack string) (*lang.Stack, error) {
	runs, err := site.Store.Runs(ctx, stack, 0)
	if err != nil {
		return nil, err
	}
	for i := range runs {
		if runs[i].Status != state.RunDone {
			continue
		}
		sources, err := site.Store.Sources(ctx, stack, runs[i].ID)
		if err != nil {
			return nil, err
		}
		if len(sources) > 0 {
			s, _, err := unpacked(site, sources, Options{})
			return s, err
		}
	}
	return nil, fmt.Errorf("no run of it was done whose configuration is kept: apply it first")
}

func unpacked(site *Site, sources []byte, opt Options) (*lang.Stack, Options, error) {
	s, diags := Unpack(site, sources)
	if diags.HasErrors() {
		return nil, opt, errors.New(diags.Error())
	}
	return s, opt, nil
}

// RecordFacts are what a record says besides the object.
type RecordFacts struct {
	Deposed string
	Tainted bool
	Deps    []string
}

// EachRecord hands over every recorded object of a stack.
func EachRecord(ctx context.Context, site *Site, stack string, each func(address.Object, *schema.Type, cty.Value, RecordFacts) error) error {
	snap, err := site.Store.Snapshot(ctx, stack)
	if err != nil {
		return err
	}
	w := &walk{site: site}
	for i := range snap.Records {
		r := &snap.Records[i]
		o, err := address.Parse(r.Address)
		if err != nil {
			return err
		}
		t := site.Types.Resource(r.Type)
		if t == nil {
			return fmt.Errorf("%s: the type %s is not known to this cairn", r.Address, r.Type)
		}
		v, err := w.open(t, r)
		if err != nil {
			return err
		}
		if err := each(o, t, v, RecordFacts{r.Deposed, r.Tainted, r.Deps}); err != nil {
			return err
		}
	}
	return nil
}

// EachObject hands over every object as it will be after the plan, by address.
func (p *Plan) EachObject(each func(address.Object, *schema.Type, cty.Value) error) error {
	type object struct {
		o address.Object
		t *schema.Type
		v cty.Value
	}
	planned := map[address.Object]*Change{}
	var all []object
	for _, c := range p.Changes {
		if c.Deposed != "" {
			continue
		}
		planned[c.Address] = c
		if c.Planned != cty.NilVal && c.Action != Forget {
			all = append(all, object{c.Address, c.Type, c.Planned})
		}
	}
	for _, x := range p.priors.sorted {
		if c := planned[x.addr]; c != nil && !c.silent() {
			continue
		}
		v, err := p.priors.value(x)
		if err != nil {
			return err
		}
		all = append(all, object{x.addr, x.typ, v})
	}
	slices.SortFunc(all, func(a, b object) int { return a.o.Compare(b.o) })
	for _, x := range all {
		if err := each(x.o, x.t, x.v); err != nil {
			return err
		}
	}
	return nil
}
