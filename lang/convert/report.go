package convert

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// What became of a block or an argument.
const (
	Converted = "converted"
	Dropped   = "dropped" // cairn does without
	Left      = "left"    // the author has something to do
	Kept      = "kept"    // another provider's: it stays as it is
)

// An Item is one thing that a report tells.
type Item struct {
	Status string `json:"status"`
	// Block is the address as it was, such as openstack_compute_instance_v2.web.
	Block string `json:"block,omitempty"`
	// Type is the foreign type, and To is cairn's.
	Type string `json:"type,omitempty"`
	To   string `json:"to,omitempty"`
	// Argument, unless the item is about the whole block.
	Argument string `json:"argument,omitempty"`
	// Detail says why, and what to do instead.
	Detail string `json:"detail,omitempty"`
	File   string `json:"file"`
	Line   int    `json:"line"`
}

// A Report says what became of everything.
type Report struct {
	Items []Item `json:"items"`
	// Arguments that were carried over are counted only.
	Arguments int `json:"arguments"`
}

// Complete reports whether nothing is left to do.
func (r *Report) Complete() bool {
	return !slices.ContainsFunc(r.Items, func(i Item) bool { return i.Status == Left })
}

// Count counts the blocks, or the arguments, of one status.
func (r *Report) Count(status string, arguments bool) int {
	n := 0
	for _, i := range r.Items {
		if i.Status == status && (i.Argument != "") == arguments {
			n++
		}
	}
	if status == Converted && arguments {
		n += r.Arguments
	}
	return n
}

func (r *Report) add(at hcl.Range, i Item) {
	i.File, i.Line = at.Filename, at.Start.Line
	r.Items = append(r.Items, i)
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Items, func(a, b Item) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	r.Items = slices.Compact(r.Items)
}
