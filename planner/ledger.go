package planner

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// ledger is what is promised, as this plan sees it: the database's claims and
// its own on top. The database decides in the end, when apply begins.
type ledger struct {
	ctx    context.Context
	store  ledgerReader
	stack  string
	cloud  string
	stream func(label string) io.Reader
	// moved are addresses that the plan renames, for what the database says until
	// the apply begins: there, what they hold moves with their records.
	moved  map[string]string
	spaces map[string]map[string]holder
	held   map[state.Claim]bool           // by this stack, before the plan
	heldBy map[string][]state.Claim       // the same, by address
	ranges map[string]*[]state.OwnedRange // sorted by Lo; held ranges never overlap
	sums   map[[2]string]*sum
	// settled are the addresses that this plan has asked what they hold.
	settled map[string]*state.Claims
	// kept are the addresses that the plan leaves as they are, claims and all.
	kept map[string]bool
	// taken over from objects of the same stack that are still to be met in the
	// plan: fine if they go, or let go of it.
	pending []takeover
	// refused are claims that another stack holds.
	refused []schema.TakenError
	// undo collects how to take back what is promised from now on; nil: nobody will.
	undo *cleanup
}

type ledgerReader interface {
	Claims(ctx context.Context, space string) ([]state.OwnedClaim, error)
	Ranges(ctx context.Context, space string) ([]state.OwnedRange, error)
	Sum(ctx context.Context, space, key string) (state.Sum, error)
}

type holder struct{ stack, address string }

func (h holder) String() string {
	if h.stack == "" {
		return h.address
	}
	return fmt.Sprintf("%s of stack %s", h.address, h.stack)
}

type takeover struct {
	space, key string
	from, to   string
}

// sum is a counter: who holds how much of it.
type sum struct {
	used, max int64
	shares    map[holder]int64
}

func newLedger(ctx context.Context, store ledgerReader, cloudID, stack string, stream func(string) io.Reader) *ledger {
	return &ledger{ctx: ctx, store: store, cloud: cloudID, stack: stack, stream: stream,
		spaces: map[string]map[string]holder{}, held: map[state.Claim]bool{}, heldBy: map[string][]state.Claim{}, ranges: map[string]*[]state.OwnedRange{},
		sums: map[[2]string]*sum{}, settled: map[string]*state.Claims{}, kept: map[string]bool{}}
}

// id of the object that is made for an address at a serial of its stack.
func (l *ledger) id(address string, serial int64) string {
	space, err := uuid.Parse(l.cloud)
	if err != nil {
		space = uuid.NewSHA1(uuid.NameSpaceOID, []byte(l.cloud))
	}
	return uuid.NewSHA1(space, fmt.Appendf(nil, "%s\n%s\n%d", l.stack, address, serial)).String()
}

// object is the ledger for one object. What it held before stays its own until
// the run that lets go of it is done.
func (l *ledger) object(address, id string) *claimant {
	c := &claimant{ledger: l, address: address, id: id, claims: &state.Claims{}}
	replace(l.undo, l.settled, address, c.claims)
	return c
}

func (l *ledger) space(name string) (map[string]holder, error) {
	if s := l.spaces[name]; s != nil {
		return s, nil
	}
	claims, err := l.store.Claims(l.ctx, name)
	if err != nil {
		return nil, err
	}
	s := make(map[string]holder, len(claims))
	for _, c := range claims {
		c.Address = l.now(c.Stack, c.Address)
		s[c.Key] = l.holder(c.Stack, c.Address)
		if c.Stack == l.stack {
			l.held[c.Claim] = true
			l.heldBy[c.Address] = append(l.heldBy[c.Address], c.Claim)
		}
	}
	l.spaces[name] = s
	return s, nil
}

// now is where the holder of something that was read is in this plan.
func (l *ledger) now(stack, address string) string {
	if to, ok := l.moved[address]; ok && stack == l.stack {
		return to
	}
	return address
}

func (l *ledger) holder(stack, address string) holder {
	if stack == l.stack {
		stack = ""
	}
	return holder{stack, address}
}

// holds reports whether an address that the plan has met already keeps a claim.
func (l *ledger) holds(address, space, key string) bool {
	c := l.settled[address]
	return c != nil && slices.ContainsFunc(c.Take, func(x state.Claim) bool { return x.Space == space && x.Key == key })
}

// claimant is schema.Ledger for one object.
type claimant struct {
	*ledger
	address, id string
	claims      *state.Claims
	names       map[string]bool // spaces of names
	across      bool            // a range lies across one that the address held before
}

func (c *claimant) ID(role string) string {
	if role == "" {
		return c.id
	}
	return uuid.NewSHA1(uuid.MustParse(c.id), []byte(role)).String()
}

func (c *claimant) Stream(label string) io.Reader { return c.stream(c.id + "/" + label) }

// exclusive reports whether the object takes anything that the one before it at the
// address still holds, and of which the system has only one.
func (c *claimant) exclusive() bool {
	return c.across || slices.ContainsFunc(c.claims.Take, func(x state.Claim) bool {
		return !c.names[x.Space] && c.held[state.Claim{Space: x.Space, Key: x.Key, Address: c.address}]
	})
}

func (c *claimant) take(space, key string) {
	replace(c.undo, c.spaces[space], key, holder{"", c.address})
	c.claims.Take = append(c.claims.Take, state.Claim{Space: space, Key: key, Address: c.address})
}

func (c *claimant) Claim(space, key string) error {
	s, err := c.space(space)
	if err != nil {
		return err
	}
	h, held := s[key]
	switch {
	case !held || h.stack == "" && h.address == c.address:
	case h.stack != "" || c.kept[h.address]:
		if h.stack != "" {
			c.refused = append(c.refused, schema.TakenError{Space: space, Key: key, Holder: h.String()})
		}
		return &schema.TakenError{Space: space, Key: key, Holder: h.String()}
	case c.settled[h.address] == nil:
		c.pending = append(c.pending, takeover{space, key, h.address, c.address})
	case c.holds(h.address, space, key):
		return &schema.TakenError{Space: space, Key: key, Holder: h.String()}
	default: // let go of earlier in this plan
		c.pending = append(c.pending, takeover{space, key, h.address, c.address})
	}
	c.take(space, key)
	return nil
}

func (c *claimant) Name(space, key string) error {
	if c.names == nil {
		c.names = map[string]bool{}
	}
	c.names[space] = true
	return c.Claim(space, key)
}

func (c *claimant) Choose(space string, n uint64, at func(uint64) string) (string, error) {
	s, err := c.space(space)
	if err != nil {
		return "", err
	}
	if n == 0 {
		return "", schema.ErrNoneLeft
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, c.id+space)
	start := h.Sum64() % n
	for i := range n {
		key := at((start + i) % n)
		if key == "" {
			continue
		}
		// What it took earlier in this plan it may take again; what the object that it
		// replaces still holds it may not.
		if h, taken := s[key]; taken && (h != holder{"", c.address} || c.held[state.Claim{Space: space, Key: key, Address: c.address}]) {
			continue
		}
		c.take(space, key)
		return key, nil
	}
	return "", schema.ErrNoneLeft
}

func (c *claimant) Range(space string, lo, hi []byte) error {
	held := c.ranges[space]
	if held == nil {
		l, err := c.store.Ranges(c.ctx, space)
		if err != nil {
			return err
		}
		for i := range l {
			l[i].Address = c.now(l[i].Stack, l[i].Address)
		}
		slices.SortFunc(l, func(a, b state.OwnedRange) int { return bytes.Compare(a.Lo, b.Lo) })
		held = &l
		c.ranges[space] = held
	}
	own := func(r state.OwnedRange) bool { return r.Stack == c.stack && r.Address == c.address }
	if c.undo != nil {
		before := slices.Clone(*held)
		c.undo.add(func() { *held = before })
	}
	// Ranges are disjoint, but what this address held before may lie across.
	for _, r := range *held {
		c.across = c.across || own(r) && bytes.Compare(r.Lo, hi) <= 0 && bytes.Compare(lo, r.Hi) <= 0
	}
	*held = slices.DeleteFunc(*held, own)
	i, _ := slices.BinarySearchFunc(*held, lo, func(r state.OwnedRange, lo []byte) int { return bytes.Compare(r.Hi, lo) })
	for j := i; j < len(*held) && bytes.Compare((*held)[j].Lo, hi) <= 0; j++ {
		r := (*held)[j]
		if h := c.holder(r.Stack, r.Address); h.stack != "" || c.kept[h.address] || c.settled[h.address] != nil {
			if h.stack != "" {
				c.refused = append(c.refused, schema.TakenError{Space: space, Key: rangeText(r.Lo, r.Hi), Holder: h.String()})
			}
			return &schema.TakenError{Space: space, Key: rangeText(r.Lo, r.Hi), Holder: h.String()}
		}
		c.pending = append(c.pending, takeover{space, rangeText(r.Lo, r.Hi), r.Address, c.address})
	}
	mine := state.Range{Space: space, Lo: lo, Hi: hi, Address: c.address}
	*held = slices.Insert(*held, i, state.OwnedRange{Stack: c.stack, Range: mine})
	c.claims.Ranges = append(c.claims.Ranges, mine)
	return nil
}

func rangeText(lo, hi []byte) string {
	if strings.TrimFunc(string(lo)+string(hi), func(r rune) bool { return r >= ' ' && r < 127 }) == "" {
		return string(lo) + " to " + string(hi)
	}
	return fmt.Sprintf("%x to %x", lo, hi)
}

func (c *claimant) sum(space, key string) (*sum, error) {
	s := c.sums[[2]string{space, key}]
	if s == nil {
		have, err := c.store.Sum(c.ctx, space, key)
		if err != nil {
			return nil, err
		}
		s = &sum{used: have.Used, max: have.Max, shares: map[holder]int64{}}
		for _, x := range have.Shares {
			s.shares[c.holder(x.Stack, c.now(x.Stack, x.Address))] += x.Amount
		}
		c.sums[[2]string{space, key}] = s
	}
	return s, nil
}

func (c *claimant) Share(space, key string, amount int64) error {
	s, err := c.sum(space, key)
	if err != nil {
		return err
	}
	h := holder{"", c.address}
	before := s.used
	c.undo.add(func() { s.used = before })
	s.used += amount - s.shares[h]
	replace(c.undo, s.shares, h, amount)
	c.claims.Shares = append(c.claims.Shares, state.Share{Space: space, Key: key, Address: c.address, Amount: amount})
	return nil
}

func (c *claimant) Limit(space, key string, limit int64) {
	if s, err := c.sum(space, key); err == nil {
		before := s.max
		c.undo.add(func() { s.max = before })
		s.max = limit
	}
	c.claims.Limits = append(c.claims.Limits, state.Limit{Space: space, Key: key, Max: limit})
}

// free lets others take what an address holds that the plan deletes. What it has
// of counters counts until it is gone: the plan claims before it deletes.
func (l *ledger) free(address string) { l.settled[address] = &state.Claims{} }

// over lists the counters that are asked for more than there is.
func (l *ledger) over() [][2]string {
	var all [][2]string
	for k, s := range l.sums {
		if s.max >= 0 && s.used > s.max {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return all
}

// keep lets go of all that an address held but these claims, once they are what
// the database says too.
func (l *ledger) keep(address string, keep *state.Claims) {
	h := holder{"", address}
	delete(l.kept, address)
	before := l.heldBy[address]
	if c := l.settled[address]; c != nil {
		before = append(before, c.Take...)
	}
	for _, c := range before {
		if l.spaces[c.Space][c.Key] == h {
			delete(l.spaces[c.Space], c.Key)
		}
		delete(l.held, state.Claim{Space: c.Space, Key: c.Key, Address: address})
	}
	delete(l.heldBy, address)
	for _, c := range keep.Take {
		if s := l.spaces[c.Space]; s != nil {
			s[c.Key] = h
			c.From = ""
			l.held[c] = true
			l.heldBy[address] = append(l.heldBy[address], c)
		}
	}
	for space, held := range l.ranges {
		*held = slices.DeleteFunc(*held, func(r state.OwnedRange) bool {
			return r.Stack == l.stack && r.Address == address && !slices.ContainsFunc(keep.Ranges, func(k state.Range) bool {
				return k.Space == space && bytes.Equal(k.Lo, r.Lo) && bytes.Equal(k.Hi, r.Hi)
			})
		})
	}
	for k, s := range l.sums {
		if have, ok := s.shares[h]; ok && !slices.ContainsFunc(keep.Shares, func(x state.Share) bool { return x.Space == k[0] && x.Key == k[1] }) {
			s.used -= have
			delete(s.shares, h)
		}
	}
	l.settled[address] = keep
}

// overlook takes what was reserved for an object as free, for it to choose again.
func (l *ledger) overlook(r *state.Reservation) {
	if r == nil {
		return
	}
	h := holder{"", r.Object.Address}
	for _, c := range r.Claims.Take {
		if s, err := l.space(c.Space); err == nil && s[c.Key] == h {
			l.undo.add(func() { s[c.Key] = h })
			delete(s, c.Key)
			delete(l.held, c)
		}
	}
	for space, held := range l.ranges {
		before := slices.Clone(*held)
		l.undo.add(func() { *l.ranges[space] = before })
		*held = slices.DeleteFunc(*held, func(x state.OwnedRange) bool { return x.Stack == l.stack && x.Address == h.address })
	}
	for _, s := range l.sums {
		if have, ok := s.shares[h]; ok {
			l.undo.add(func() { s.used, s.shares[h] = s.used+have, have })
			s.used -= have
			delete(s.shares, h)
		}
	}
}

// cleanup is a list of what undoes what was done. A nil one keeps nothing.
type cleanup []func()

func (c *cleanup) add(undo func()) {
	if c != nil {
		*c = append(*c, undo)
	}
}

// run undoes everything, the last first.
func (c *cleanup) run() {
	for i := len(*c) - 1; i >= 0; i-- {
		(*c)[i]()
	}
	*c = nil
}

// replace puts a value into a map so that it can be undone.
func replace[K comparable, V any](undo *cleanup, m map[K]V, k K, v V) {
	if undo != nil {
		before, had := m[k]
		undo.add(func() {
			if had {
				m[k] = before
			} else {
				delete(m, k)
			}
		})
	}
	m[k] = v
}
