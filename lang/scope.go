package lang

import (
	"fmt"
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A scope is what the expressions of a block mention: no more than that is put
// into the context that they are evaluated in.
//
// References are flattened when they are compiled: network.erp.id becomes the
// one name "network.erp" and the step id, so that a context is a flat map and
// nobody builds an object of all networks.
type scope struct {
	needs []need
	refs  []ref
	byKey map[string]int
}

// A need is one name of a context.
type need struct {
	key  string
	decl *decl // variable, local, resource, data; of a call with call set: its output
	call *decl
	outs []*decl   // of a call that repeats: the outputs that are mentioned; nil: all
	fix  cty.Value // of what never changes
}

// A ref is one place where a block mentions another.
type ref struct {
	decl       *decl // in the same folder
	call, out  *decl // an output of a call; out nil: all of them
	attr       string
	rng        hcl.Range
	repetition bool
	depends    bool
}

// need adds a name once and returns where it stands.
func (s *scope) need(n need) int {
	if i, ok := s.byKey[n.key]; ok {
		return i
	}
	if s.byKey == nil {
		s.byKey = map[string]int{}
	}
	s.byKey[n.key] = len(s.needs)
	s.needs = append(s.needs, n)
	return len(s.needs) - 1
}

// uses says what an expression may speak of besides the folder's names.
type uses struct {
	count, each, self bool
	repetition        bool // the expression is a count or for_each
	owner             *decl
}

// An expr is a compiled expression.
type expr struct {
	x     hclsyntax.Expression
	fixed cty.Value // NilVal unless nothing in it can change
	own   bool      // speaks of each, count or self
}

func (e *expr) rng() hcl.Range { return e.x.Range() }

// eval gives the value of the expression in a context.
func (e *expr) eval(ctx *hcl.EvalContext) (cty.Value, hcl.Diagnostics) {
	if e.fixed != cty.NilVal {
		return e.fixed, nil
	}
	return e.x.Value(ctx)
}

// expression compiles an expression, and adds what it mentions to the scope.
func (l *loader) expression(f *folder, s *scope, raw hcl.Expression, may uses) *expr {
	e := &expr{x: l.native(raw), fixed: cty.NilVal}
	switch x := e.x.(type) {
	case *hclsyntax.LiteralValueExpr:
		if !l.bounded(x) {
			e.fixed = cty.DynamicVal
			return e
		}
		e.fixed = x.Val
		return e
	case *hclsyntax.TemplateExpr:
		if x.IsStringLiteral() {
			e.fixed, _ = x.Value(nil)
			return e
		}
	}
	before := len(l.diags)
	w := &walker{l: l, f: f, s: s, may: may, fixed: true}
	hclsyntax.Walk(e.x, w)
	e.own = w.own
	if len(l.diags) > before {
		e.fixed = cty.DynamicVal // it was complained about
		return e
	}
	if w.fixed {
		v, diags := e.x.Value(l.bare)
		l.diags = append(l.diags, diags...)
		e.fixed = v
		if diags.HasErrors() {
			e.fixed = cty.DynamicVal
		}
	}
	return e
}

// bounded refuses numbers that no computer can write out.
func (l *loader) bounded(x *hclsyntax.LiteralValueExpr) bool {
	if x.Val.IsNull() || !x.Val.IsKnown() || x.Val.Type() != cty.Number {
		return true
	}
	n := x.Val.AsBigFloat()
	if n.IsInf() || n.MantExp(new(big.Float)) > 1<<14 || n.MantExp(new(big.Float)) < -1<<14 {
		l.bad(x.SrcRange, "The number is too large or too small", "Its exponent must be within 4,900 decimal digits.")
		return false
	}
	return true
}

// A walker meets every node of an expression.
type walker struct {
	l      *loader
	f      *folder
	s      *scope
	may    uses
	locals []map[string]struct{}
	// after are the steps that enclosing nodes take from a reference.
	after map[hclsyntax.Node]hcl.Traversal
	fixed bool // neither names nor functions so far
	own   bool
}

var dynamicIndex = hcl.TraverseIndex{Key: cty.DynamicVal}

// Enter is hclsyntax.Walker's.
func (w *walker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch x := n.(type) {
	case hclsyntax.ChildScope:
		w.locals = append(w.locals, x.LocalNames)
	case *hclsyntax.LiteralValueExpr:
		w.l.bounded(x)
	case *hclsyntax.FunctionCallExpr:
		w.fixed = false
		w.function(x)
	case *hclsyntax.RelativeTraversalExpr:
		w.follow(x.Source, append(x.Traversal[:len(x.Traversal):len(x.Traversal)], w.after[x]...))
	case *hclsyntax.IndexExpr:
		w.follow(x.Collection, append(hcl.Traversal{dynamicIndex}, w.after[x]...))
	case *hclsyntax.SplatExpr:
		steps := hcl.Traversal{hcl.TraverseSplat{}}
		if each, ok := x.Each.(*hclsyntax.RelativeTraversalExpr); ok {
			if _, ok := each.Source.(*hclsyntax.AnonSymbolExpr); ok {
				steps = append(steps, each.Traversal...)
			}
		}
		w.follow(x.Source, steps)
	case *hclsyntax.ObjectConsKeyExpr:
		if t, ok := x.Wrapped.(*hclsyntax.ScopeTraversalExpr); ok && !x.ForceNonLiteral && len(t.Traversal) > 1 {
			w.l.bad(t.SrcRange, "Ambiguous key", "To use the value of the reference as the key, put it in parentheses; to use the words themselves, in quotes.")
		}
	case *hclsyntax.ScopeTraversalExpr:
		w.reference(x)
	}
	return nil
}

// Exit is hclsyntax.Walker's.
func (w *walker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	if _, ok := n.(hclsyntax.ChildScope); ok {
		w.locals = w.locals[:len(w.locals)-1]
	}
	return nil
}

// follow notes the steps that come after a node, if it can lead to a reference.
func (w *walker) follow(n hclsyntax.Expression, steps hcl.Traversal) {
	for {
		p, ok := n.(*hclsyntax.ParenthesesExpr)
		if !ok {
			break
		}
		n = p.Expression
	}
	switch n.(type) {
	case *hclsyntax.ScopeTraversalExpr, *hclsyntax.IndexExpr, *hclsyntax.RelativeTraversalExpr:
		if w.after == nil {
			w.after = map[hclsyntax.Node]hcl.Traversal{}
		}
		w.after[n] = steps[:min(len(steps), 4)] // nobody looks further
	}
}

func (w *walker) function(x *hclsyntax.FunctionCallExpr) {
	if _, ok := w.l.stack.funcs[x.Name]; ok {
		return
	}
	names := make([]string, 0, len(w.l.stack.funcs))
	for n := range w.l.stack.funcs {
		names = append(names, n)
	}
	w.l.bad(x.NameRange, fmt.Sprintf("Unknown function %q", x.Name), fmt.Sprintf("cairn has no such function.%s", meant(x.Name, sorted(names))))
}
