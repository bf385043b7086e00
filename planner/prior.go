package planner

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// prior is what stands at one address before the plan.
type prior struct {
	addr    address.Object
	typ     *schema.Type
	record  *state.Record
	moved   address.Object // where it was; zero when it did not move
	actual  cty.Value      // what refresh found instead of the record; NilVal: as recorded
	gone    bool           // refresh found nothing
	differs []providers.Difference
	met     bool // by the walk over the configuration
	decoded cty.Value
}

// priors are all of them. Deposed objects stand apart: nobody refers to them.
type priors struct {
	at      map[address.Object]*prior
	sorted  []*prior // in the order of the records
	deposed []*prior
	owned   map[address.Object][]*prior // by the object that brought them along
	moves   [][2]string                 // records that are renamed, in an order that never meets a taken address
	open    func(t *schema.Type, r *state.Record) (cty.Value, error)
}

// readPriors takes the records of a stack, moved to where the configuration
// says they are now.
func readPriors(records []state.Record, types *schema.Types, conf *lang.Stack, open func(*schema.Type, *state.Record) (cty.Value, error)) (*priors, hcl.Diagnostics) {
	ps := &priors{at: make(map[address.Object]*prior, len(records)), owned: map[address.Object][]*prior{}, open: open}
	var diags hcl.Diagnostics
	for i := range records {
		r := &records[i]
		addr, err := address.Parse(r.Address)
		t := types.Resource(r.Type)
		if err != nil || t == nil {
			diags = append(diags, problem(fmt.Sprintf("%s can't be read from the state", r.Address),
				fmt.Sprintf("Its type %s is not known to this cairn. Use the version that made it, or remove it from the state with `cairn state rm`.", r.Type), nil))
			continue
		}
		p := &prior{addr: addr, typ: t, record: r}
		if r.Deposed != "" {
			ps.deposed = append(ps.deposed, p)
			continue
		}
		ps.at[addr] = p
		ps.sorted = append(ps.sorted, p)
	}
	if conf != nil {
		for _, m := range conf.Moved {
			diags = append(diags, ps.move(m, types)...)
		}
	}
	for _, p := range ps.sorted {
		if p.addr.Owned != "" {
			ps.owned[p.addr.Parent()] = append(ps.owned[p.addr.Parent()], p)
		}
	}
	if conf != nil {
		ps.implied(conf)
	}
	return ps, diags
}

// value is the object as it is: refreshed, else recorded.
func (ps *priors) value(p *prior) (cty.Value, error) {
	if p.actual != cty.NilVal {
		return p.actual, nil
	}
	return ps.recorded(p)
}

func (ps *priors) recorded(p *prior) (cty.Value, error) {
	if p.decoded == cty.NilVal {
		v, err := ps.open(p.typ, p.record)
		if err != nil {
			return cty.NilVal, err
		}
		p.decoded = v
	}
	return p.decoded, nil
}

// move carries records from one address to another, in the order of the moved
// blocks; chains work because each block sees what the ones before it did.
func (ps *priors) move(m lang.Moved, types *schema.Types) hcl.Diagnostics {
	if m.From.IsModule() {
		return ps.moveModule(m)
	}
	var diags hcl.Diagnostics
	for _, p := range ps.sorted {
		from := m.From
		if m.From.Module == address.StaticModule(p.addr.Module) {
			from.Module = p.addr.Module // a move inside a module counts for each instance of it
		}
		if p.addr.Module != from.Module || !from.Covers(p.addr) {
			continue
		}
		to := p.addr // what an object brought along moves with it
		to.Data, to.Type, to.Name = m.To.Data, m.To.Type, m.To.Name
		if m.To.Module != m.From.Module || from.Module == m.From.Module {
			to.Module = m.To.Module
		}
		switch {
		case !m.To.Whole:
			to.Key = m.To.Key
		case !m.From.Whole:
			to.Key = address.NoKey
		}
		diags = append(diags, ps.carry(p, to, types, m.Range)...)
	}
	return diags
}

func (ps *priors) moveModule(m lang.Moved) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, p := range ps.sorted {
		if module, ok := address.Rebase(p.addr.Module, m.From.Module, m.To.Module); ok {
			to := p.addr
			to.Module = module
			diags = append(diags, ps.carry(p, to, nil, m.Range)...)
		}
	}
	return diags
}

func (ps *priors) carry(p *prior, to address.Object, types *schema.Types, at hcl.Range) hcl.Diagnostics {
	if to == p.addr {
		return nil
	}
	if other := ps.at[to]; other != nil {
		return hcl.Diagnostics{warning(fmt.Sprintf("%s can't be moved", p.addr),
			fmt.Sprintf("%s stands at that address already, so %s stays where it is and is planned from there. Remove one of them, or take the moved block out.", to, p.addr), &at)}
	}
	if to.Type != p.addr.Type && to.Owned == "" {
		t := types.Resource(to.Type)
		if t == nil || t.Go() != p.typ.Go() {
			return hcl.Diagnostics{problem("A moved object can't change its type",
				fmt.Sprintf("%s is a %s and can't become a %s. Take the moved block out: the one is destroyed and the other created.", p.addr, p.addr.Type, to.Type), &at)}
		}
		p.typ = t
	}
	if p.moved == (address.Object{}) {
		p.moved = p.addr
	}
	delete(ps.at, p.addr)
	ps.moves = append(ps.moves, [2]string{p.addr.String(), to.String()})
	p.addr = to
	ps.at[to] = p
	return nil
}

// implied moves objects between no key and key 0 whose block gained or lost a count.
func (ps *priors) implied(conf *lang.Stack) {
	for _, p := range ps.sorted {
		b := conf.Find(p.addr.Block())
		if b == nil || p.addr.Owned != "" {
			continue
		}
		from, to := p.addr, p.addr
		switch n, numbered := from.Key.Index(); {
		case b.Count && from.Key == address.NoKey:
			to.Key = address.Int(0)
		case !b.Count && !b.ForEach && numbered && n == 0:
			to.Key = address.NoKey
		default:
			continue
		}
		if ps.at[to] != nil {
			continue
		}
		for _, o := range ps.owned[from] {
			child := to
			child.Owned = o.addr.Owned
			ps.carry(o, child, nil, hcl.Range{})
		}
		ps.carry(p, to, nil, hcl.Range{})
		ps.owned[to] = ps.owned[from]
		delete(ps.owned, from)
	}
}

// renamed are the addresses of the records that moved, and where they are now.
func (ps *priors) renamed() map[string]string {
	m := map[string]string{}
	for _, p := range ps.sorted {
		if p.moved != (address.Object{}) {
			m[p.record.Address] = p.addr.String()
		}
	}
	return m
}

// orphans are what the walk did not meet, in a stable order.
func (ps *priors) orphans() []*prior {
	var all []*prior
	for _, p := range ps.sorted {
		if !p.met {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *prior) int { return a.addr.Compare(b.addr) })
	return all
}

func problem(summary, detail string, at *hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: at}
}

func warning(summary, detail string, at *hcl.Range) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: detail, Subject: at}
}
