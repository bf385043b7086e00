package planner

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
)

// part is the half of a change that one step makes.
type part string

const (
	partCreate part = "create"
	partUpdate part = "update"
	partDelete part = "delete"
	partRecord part = "record" // no driver call: forget, import, adopt
)

// step is one driver call, or one change of a record.
type step struct {
	change *Change
	part   part
	number int64 // in the journal
}

// vertex is a step, or a joint: a block whose steps all wait for the same, or
// whose value is evaluated again when what it mentions became known.
type vertex struct {
	step  *step
	block *lang.Block // of a joint; nil for a joint that only gathers
}

// course is the graph of one apply. Its size is that of the blocks, their
// mentions and the steps: dependencies are never multiplied out.
type course struct {
	*web
	vertices []vertex
	steps    []*step
	start    map[*lang.Block]int
	done     map[*lang.Block]int
	used     map[*lang.Block]int
	gone     map[string]int // block: its users that go are gone
	soft     [][2]int       // edges that are given up rather than have no order
	makes    map[*Change]int
	deletes  map[*Change]int
}

// course lays out the steps of a plan.
func (p *Plan) course() (*course, error) {
	c := &course{web: newWeb(0), start: map[*lang.Block]int{}, done: map[*lang.Block]int{}, used: map[*lang.Block]int{},
		gone: map[string]int{}, makes: map[*Change]int{}, deletes: map[*Change]int{}}
	of := map[*lang.Block][]*Change{}
	for _, x := range p.Changes {
		if x.block != nil && x.makes() {
			of[x.block] = append(of[x.block], x)
		}
	}
	if !p.Options.Destroy && !p.Options.RefreshOnly {
		c.forward(p, of)
	}
	for _, x := range p.Changes {
		if _, made := c.makes[x]; x.makes() && !made { // without a block: an adopted record
			c.makes[x] = c.vertex(vertex{step: &step{change: x, part: x.forward()}})
		}
		if x.deletes() {
			c.deletes[x] = c.vertex(vertex{step: &step{change: x, part: partDelete}})
		}
	}
	c.backward(p)
	if err := c.settle(); err != nil {
		return nil, err
	}
	return c, nil
}

// makes reports whether a change has a step that leaves an object standing or
// changes its record.
func (x *Change) makes() bool { return x.forward() != "" }

func (x *Change) forward() part {
	switch x.Action {
	case Create, DeleteCreate, CreateDelete:
		return partCreate
	case Update:
		return partUpdate
	case NoOp, Forget, UpdateRecord:
		return partRecord
	}
	return ""
}

func (x *Change) deletes() bool {
	return x.Action == Delete || x.Action == DeleteDeposed || x.Action.Replaces()
}

func (c *course) vertex(v vertex) int {
	c.vertices = append(c.vertices, v)
	return c.add()
}

// forward lays out what makes and changes: a block's steps come after all that
// the block mentions.
func (c *course) forward(p *Plan, of map[*lang.Block][]*Change) {
	for _, b := range p.conf.Blocks {
		changes := of[b]
		if len(changes) == 1 {
			v := c.vertex(vertex{step: &step{change: changes[0], part: changes[0].forward()}, block: b})
			c.makes[changes[0]], c.start[b], c.done[b] = v, v, v
			continue
		}
		c.start[b] = c.vertex(vertex{block: b})
		c.done[b] = c.start[b]
		if len(changes) == 0 {
			continue
		}
		c.done[b] = c.vertex(vertex{})
		for _, x := range changes {
			v := c.vertex(vertex{step: &step{change: x, part: x.forward()}})
			c.makes[x] = v
			c.before(c.start[b], v)
			c.before(v, c.done[b])
		}
	}
	for _, b := range p.conf.Blocks {
		for _, m := range b.Mentions {
			if !p.order.together(b, m.Block) {
				c.before(c.done[m.Block], c.start[b])
			}
		}
	}
}

// backward lays out what goes: an object after those that depend on it, by the
// dependencies that were recorded when they were made.
func (c *course) backward(p *Plan) {
	byName, byID := map[string]*Change{}, map[string]*Change{}
	for _, x := range p.Changes {
		if x.Deposed == "" {
			byName[x.name] = x
			byID[x.ID] = x
		}
	}
	orphans := map[string]bool{} // blocks with an instance that goes for good
	for _, x := range p.Changes {
		if x.Action == Delete {
			orphans[x.Address.Block().String()] = true
		}
	}
	left := map[string]int{}
	for _, x := range p.Changes {
		if x.record == nil {
			continue
		}
		d, deletes := c.deletes[x]
		m, makes := c.makes[x]
		with := x.goesWith(byID)
		if with != nil && deletes {
			c.soft = append(c.soft, [2]int{c.deletes[with], d}) // what else refers to it may say otherwise
		}
		for _, dep := range x.record.Deps {
			if deletes && (with == nil || dep != with.Address.Block().String()) {
				c.before(d, c.joint(c.gone, dep))
			}
			// Who is changed lets go of what goes for good, before it goes.
			if makes && orphans[dep] {
				c.soft = append(c.soft, [2]int{m, c.joint(left, dep)})
			}
		}
	}
	// What an object will claim whose configuration is known only in apply, the plan
	// can't tell: it comes after those of its type that go, and give back theirs.
	freed := map[string]int{}
	for _, x := range p.Changes {
		if x.Action == Delete {
			c.before(c.deletes[x], c.joint(freed, x.Type.Name))
		}
	}
	for _, x := range p.Changes {
		if v, ok := freed[x.Type.Name]; ok && x.late && x.makes() {
			c.soft = append(c.soft, [2]int{v, c.makes[x]})
		}
	}
	for _, x := range p.Changes {
		block := x.Address.Block().String()
		d, deletes := c.deletes[x]
		if deletes {
			if g, ok := c.gone[block]; ok {
				c.before(g, d)
			}
			if l, ok := left[block]; ok && x.Action == Delete {
				c.before(l, d)
			}
		}
		switch x.Action {
		case DeleteCreate:
			c.before(d, c.makes[x])
		case CreateDelete:
			c.before(c.makes[x], d)
			c.before(c.usedUp(p, x.block), d)
		case DeleteDeposed:
			// Its users move on before it goes, unless they wait for what it hung on.
			if b := p.conf.Find(x.Address.Block()); b != nil && !p.Options.Destroy {
				c.soft = append(c.soft, [2]int{c.usedUp(p, b), d})
			}
		case Update:
			// An update waits for the end of what used the old form, unless that is made
			// anew first and so waits for the update.
			if g, ok := c.gone[block]; ok {
				c.soft = append(c.soft, [2]int{g, c.makes[x]})
			}
		}
		if x.Address.Owned != "" {
			c.owned(x, byName[x.Address.Parent().String()])
		}
		for _, id := range x.follows {
			if v, ok := c.makes[byID[id]]; ok {
				c.soft = append(c.soft, [2]int{v, c.makes[x]})
			}
		}
		for _, from := range x.edges {
			y := byName[from]
			if v, ok := c.deletes[y]; ok {
				c.before(v, c.makes[x])
			} else if v, ok := c.makes[y]; ok {
				c.before(v, c.makes[x])
			}
		}
	}
}

// goesWith is the change by which an object goes that takes x along; nil: none.
func (x *Change) goesWith(byID map[string]*Change) *Change {
	if x.Type.GoesWith == "" || x.Prior == cty.NilVal {
		return nil
	}
	v, _ := x.Prior.GetAttr(x.Type.GoesWith).Unmark()
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	with := byID[v.AsString()]
	if with == nil || with.Action != Delete && with.Action != DeleteCreate {
		return nil
	}
	return with
}

// owned puts an object that another one brings along before it, and its end after
// the other's.
func (c *course) owned(x, parent *Change) {
	if parent == nil {
		return
	}
	made, makes := c.makes[parent]
	goes, deletes := c.deletes[parent]
	if v, ok := c.makes[x]; ok && makes {
		c.before(v, made)
	}
	if v, ok := c.deletes[x]; ok {
		switch {
		case deletes:
			c.before(goes, v)
		case makes && x.Action != DeleteCreate: // else its successor comes before the parent, and it before that
			c.before(made, v)
		}
	}
}

func (c *course) joint(m map[string]int, block string) int {
	v, ok := m[block]
	if !ok {
		v = c.vertex(vertex{})
		m[block] = v
	}
	return v
}

// usedUp is when everything that mentions a block has been changed to what the
// block is now.
func (c *course) usedUp(p *Plan, b *lang.Block) int {
	if v, ok := c.used[b]; ok {
		return v
	}
	v := c.vertex(vertex{})
	c.used[b] = v
	for _, user := range p.users(b) {
		if p.order.together(user, b) {
			continue
		}
		c.before(c.done[user], v)
		if user.Kind != lang.KindResource {
			c.before(c.usedUp(p, user), v)
		}
	}
	return v
}

func (p *Plan) users(b *lang.Block) []*lang.Block {
	if p.mentioned == nil {
		p.mentioned = map[*lang.Block][]*lang.Block{}
		for _, x := range p.conf.Blocks {
			for _, m := range x.Mentions {
				p.mentioned[m.Block] = append(p.mentioned[m.Block], x)
			}
		}
	}
	return p.mentioned[b]
}

// settle adds the edges that can be given up, takes those back that close a
// circle, and numbers the steps in the order that is left.
func (c *course) settle() error {
	var added [][2]int
	for _, e := range c.soft {
		if c.before(e[0], e[1]) {
			added = append(added, e)
		}
	}
	sorted, left := c.order()
	if len(left) > 0 && len(added) > 0 {
		set := map[int]int{}
		for n, loop := range c.loops() {
			for _, v := range loop {
				set[v] = n + 1
			}
		}
		for _, e := range added {
			if set[e[0]] > 0 && set[e[0]] == set[e[1]] {
				c.remove(e[0], e[1])
			}
		}
		sorted, left = c.order()
	}
	if len(left) > 0 {
		return c.circle(left)
	}
	for _, v := range sorted {
		if s := c.vertices[v].step; s != nil {
			c.steps = append(c.steps, s)
			s.number = int64(len(c.steps))
		}
	}
	return nil
}

func (c *course) circle(left []int) error {
	var names []string
	for _, v := range left {
		if s := c.vertices[v].step; s != nil {
			names = append(names, fmt.Sprintf("%s %s", s.part, s.change.Address))
		}
	}
	return fmt.Errorf("no order for these steps, each waits for another: %s", quoted(names[:min(len(names), 8)]))
}

// dependencies are the blocks of resources that a block depends on directly:
// what it mentions, through locals, variables and outputs.
func (p *Plan) dependencies(b *lang.Block) []string {
	var all []string
	met := map[*lang.Block]bool{}
	var visit func(x *lang.Block)
	visit = func(x *lang.Block) {
		for _, m := range x.Mentions {
			if met[m.Block] || p.order.together(b, m.Block) {
				continue
			}
			met[m.Block] = true
			if m.Block.Kind == lang.KindResource {
				all = append(all, m.Block.Addr.String())
			} else {
				visit(m.Block)
			}
		}
	}
	visit(b)
	slices.Sort(all)
	return all
}
