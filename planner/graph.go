package planner

import (
	"container/heap"
	"errors"
	"slices"

	"github.com/dominikbraun/graph"
)

// A web is vertices 0 to n-1 and what each waits for. It is put in order with a
// ready queue: the library's own sorts are quadratic. In the library vertices
// count from 1, because its search for components passes a zero vertex over.
type web struct {
	g graph.Graph[int, int]
	n int
}

func newWeb(n int) *web {
	w := &web{g: graph.New(graph.IntHash, graph.Directed())}
	for range n {
		w.add()
	}
	return w
}

func (w *web) add() int {
	w.n++
	_ = w.g.AddVertex(w.n) // the numbers are all new
	return w.n - 1
}

// before says that from comes first, and whether that is news.
func (w *web) before(from, to int) bool {
	if from == to {
		return false
	}
	err := w.g.AddEdge(from+1, to+1)
	if err != nil && !errors.Is(err, graph.ErrEdgeAlreadyExists) {
		panic("planner: " + err.Error())
	}
	return err == nil
}

func (w *web) remove(from, to int) {
	if err := w.g.RemoveEdge(from+1, to+1); err != nil {
		panic("planner: " + err.Error())
	}
}

// links lists for each vertex who waits for it, and for how many it waits itself.
func (w *web) links() (next [][]int, waits []int) {
	adjacency, err := w.g.AdjacencyMap()
	if err != nil {
		panic("planner: " + err.Error())
	}
	next, waits = make([][]int, w.n), make([]int, w.n)
	for from, to := range adjacency {
		if len(to) == 0 {
			continue
		}
		after := make([]int, 0, len(to))
		for v := range to {
			after = append(after, v-1)
			waits[v-1]++
		}
		slices.Sort(after)
		next[from-1] = after
	}
	return next, waits
}

// order lists the vertices so that nobody comes before what it waits for,
// smaller numbers first; left are those that wait for each other.
func (w *web) order() (sorted, left []int) {
	next, waits := w.links()
	ready := &queue{}
	for v := range w.n {
		if waits[v] == 0 {
			heap.Push(ready, v)
		}
	}
	sorted = make([]int, 0, w.n)
	for ready.Len() > 0 {
		v := heap.Pop(ready).(int)
		sorted = append(sorted, v)
		for _, u := range next[v] {
			if waits[u]--; waits[u] == 0 {
				heap.Push(ready, u)
			}
		}
	}
	for v := range w.n {
		if waits[v] > 0 {
			left = append(left, v)
		}
	}
	return sorted, left
}

// loops are the sets of vertices that reach each other, each set sorted.
func (w *web) loops() [][]int {
	all, err := graph.StronglyConnectedComponents(w.g)
	if err != nil {
		panic("planner: " + err.Error())
	}
	var loops [][]int
	for _, c := range all {
		if len(c) > 1 {
			for i := range c {
				c[i]--
			}
			slices.Sort(c)
			loops = append(loops, c)
		}
	}
	slices.SortFunc(loops, func(a, b []int) int { return a[0] - b[0] })
	return loops
}

// loop is one way round through a set of vertices that reach each other.
func (w *web) loop(set []int) []int {
	next, _ := w.links()
	in := make(map[int]bool, len(set))
	for _, v := range set {
		in[v] = true
	}
	// Breadth first from the smallest, back to it: the shortest way round.
	start := set[0]
	from := map[int]int{}
	for todo := []int{start}; len(todo) > 0; todo = todo[1:] {
		for _, u := range next[todo[0]] {
			if u == start {
				var way []int
				for v := todo[0]; v != start; v = from[v] {
					way = append(way, v)
				}
				way = append(way, start)
				slices.Reverse(way)
				return way
			}
			if _, seen := from[u]; in[u] && !seen {
				from[u] = todo[0]
				todo = append(todo, u)
			}
		}
	}
	return set
}

type queue []int

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i] < q[j] }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(v any)        { *q = append(*q, v.(int)) }
func (q *queue) Pop() any {
	old := *q
	v := old[len(old)-1]
	*q = old[:len(old)-1]
	return v
}
