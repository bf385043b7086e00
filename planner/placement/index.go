package placement

// index is hosts in a heap: the one with the largest part of its memory free is
// on top.
type index struct {
	hosts []host
	heap  []int
	at    map[int]int // place of a host in the heap
}

func newIndex(hosts []host) *index { return &index{hosts: hosts, at: map[int]int{}} }

// before orders hosts: the larger free part of memory first, then by name.
func (x *index) before(a, b int) bool {
	g, h := &x.hosts[a], &x.hosts[b]
	// g.ram/g.RAMMB > h.ram/h.RAMMB, without rounding
	l, r := int64(g.ram)*int64(max(h.RAMMB, 1)), int64(h.ram)*int64(max(g.RAMMB, 1))
	if l != r {
		return l > r
	}
	return a < b // hosts are sorted by name
}

func (x *index) add(i int) {
	x.at[i] = len(x.heap)
	x.heap = append(x.heap, i)
	x.up(len(x.heap) - 1)
}

// fix puts a host where it belongs after its free memory has changed.
func (x *index) fix(i int) {
	n := x.at[i]
	x.up(n)
	x.down(x.at[i])
}

func (x *index) up(n int) {
	for n > 0 && x.before(x.heap[n], x.heap[(n-1)/2]) {
		x.swap(n, (n-1)/2)
		n = (n - 1) / 2
	}
}

func (x *index) down(n int) {
	for {
		c := 2*n + 1
		if c >= len(x.heap) {
			return
		}
		if c+1 < len(x.heap) && x.before(x.heap[c+1], x.heap[c]) {
			c++
		}
		if !x.before(x.heap[c], x.heap[n]) {
			return
		}
		x.swap(n, c)
		n = c
	}
}

func (x *index) swap(a, b int) {
	x.heap[a], x.heap[b] = x.heap[b], x.heap[a]
	x.at[x.heap[a]], x.at[x.heap[b]] = a, b
}

// descend lists the hosts in their order. It costs what is listed; the index
// must not change meanwhile.
func (x *index) descend(yield func(int) bool) {
	if len(x.heap) == 0 {
		return
	}
	next := []int{0} // places in the heap, itself a heap by the order of their hosts
	before := func(a, b int) bool { return x.before(x.heap[next[a]], x.heap[next[b]]) }
	for len(next) > 0 {
		at := next[0]
		if !yield(x.heap[at]) {
			return
		}
		last := len(next) - 1
		next[0] = next[last]
		next = next[:last]
		for n := 0; 2*n+1 < len(next); {
			c := 2*n + 1
			if c+1 < len(next) && before(c+1, c) {
				c++
			}
			if !before(c, n) {
				break
			}
			next[c], next[n] = next[n], next[c]
			n = c
		}
		for c := 2*at + 1; c <= 2*at+2 && c < len(x.heap); c++ {
			next = append(next, c)
			for n := len(next) - 1; n > 0 && before(n, (n-1)/2); n = (n - 1) / 2 {
				next[n], next[(n-1)/2] = next[(n-1)/2], next[n]
			}
		}
	}
}
