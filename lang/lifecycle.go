package lang

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// A condition is one that the author sets: of a variable, an object, an output
// or a check.
type condition struct {
	holds, message *expr
	header         hcl.Range
}

// A trigger is one reference of replace_triggered_by.
type trigger struct {
	decl *decl
	key  *expr // nil: without an index
	attr string
	rng  hcl.Range
}

var conditionShape = &shape{args: []string{"condition", "error_message"}}

// condition compiles a condition; ok is false when a part is missing.
func (l *loader) condition(f *folder, s *scope, b *block, may uses) (condition, bool) {
	c := l.contents(b.body, conditionShape, b.typ, nil)
	x := condition{header: b.header}
	holds, message := c.arg("condition"), c.arg("error_message")
	if holds == nil {
		l.bad(b.header, "condition is missing", fmt.Sprintf("%s needs condition, an expression that is true when all is well.", capital(article(b.typ))))
	} else {
		x.holds = l.expression(f, s, holds.expr, may)
	}
	if message == nil {
		l.bad(b.header, "error_message is missing", fmt.Sprintf("%s needs error_message, a sentence for whoever breaks the condition.", capital(article(b.typ))))
	} else {
		x.message = l.expression(f, s, message.expr, may)
	}
	return x, holds != nil && message != nil
}

func (l *loader) lifecycle(f *folder, d *decl, b *block, own uses) {
	if d.lifecycle != noLifecycle {
		l.bad(b.header, "Two lifecycle blocks", "Put all of it into one.")
		return
	}
	life := &Lifecycle{}
	d.lifecycle = life
	c := l.contents(b.body, lifecycleShape, "lifecycle", nil)
	if d.kind == KindData {
		for _, a := range c.args {
			l.bad(a.nameRange, fmt.Sprintf("%s means nothing for a data source", a.name), "Its lifecycle has precondition and postcondition only.")
		}
		c.args = nil
	}
	life.CreateBeforeDestroy, life.CreateBeforeDestroySet = l.flag(&c, "create_before_destroy")
	life.PreventDestroy, life.PreventDestroySet = l.flag(&c, "prevent_destroy")
	if a := c.arg("ignore_changes"); a != nil {
		life.IgnoreChanges = l.ignoreChanges(d, a)
	}
	if a := c.arg("replace_triggered_by"); a != nil {
		l.triggers(f, d, a, own)
	}
	for i := range c.blocks {
		x := &c.blocks[i]
		if x.typ == "precondition" {
			if cond, ok := l.condition(f, &d.scope, x, own); ok {
				d.pre = append(d.pre, cond)
				life.Preconditions = append(life.Preconditions, x.header)
			}
			continue
		}
		may := own
		may.self = true
		if cond, ok := l.condition(f, &d.scope, x, may); ok {
			d.post = append(d.post, cond)
			life.Postconditions = append(life.Postconditions, x.header)
		}
	}
}

func (l *loader) ignoreChanges(d *decl, a *arg) IgnoreChanges {
	if hcl.ExprAsKeyword(a.expr) == "all" {
		return IgnoreChanges{All: true}
	}
	var out IgnoreChanges
	list, diags := hcl.ExprList(a.expr)
	if diags.HasErrors() {
		l.bad(a.expr.Range(), "Unsuitable value for ignore_changes", "Write a list of attributes, such as [tags], or the word all.")
		return out
	}
	for _, x := range list {
		t, diags := hcl.RelTraversalForExpr(x)
		if diags.HasErrors() {
			if t, diags = hcl.AbsTraversalForExpr(x); diags.HasErrors() {
				l.bad(x.Range(), "Unsuitable value for ignore_changes", `Write attributes as you would refer to them, without quotes: tags, or tags["owner"].`)
				continue
			}
		}
		path, ok := l.attributePath(d.typ, t)
		if ok {
			out.Paths = append(out.Paths, path)
		}
	}
	return out
}

func (l *loader) attributePath(typ *schema.Type, t hcl.Traversal) (cty.Path, bool) {
	var p cty.Path
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			p = p.GetAttr(s.Name)
		case hcl.TraverseAttr:
			p = p.GetAttr(s.Name)
		case hcl.TraverseIndex:
			p = p.Index(s.Key)
		default:
			l.bad(t.SourceRange(), "Unsuitable attribute", "Name one attribute, without [*].")
			return nil, false
		}
	}
	if typ == nil || len(p) == 0 {
		return p, typ != nil
	}
	name := ""
	if s, ok := p[0].(cty.GetAttrStep); ok {
		name = s.Name
	}
	if typ.Attribute(name) == nil {
		l.bad(t.SourceRange(), fmt.Sprintf("Unknown attribute %q", name), fmt.Sprintf("%s has no such attribute.%s", capital(article(typ.Name)), meant(name, attributeNames(typ))))
		return nil, false
	}
	return p, true
}

// triggers compiles replace_triggered_by: references, whose values play no role.
func (l *loader) triggers(f *folder, d *decl, a *arg, own uses) {
	list, diags := hcl.ExprList(a.expr)
	if diags.HasErrors() {
		l.bad(a.expr.Range(), "Unsuitable value for replace_triggered_by", "Write a list of references to resources or their attributes.")
		return
	}
	for _, raw := range list {
		x := l.reparsed(raw)
		if x == nil {
			l.bad(raw.Range(), "Unsuitable value for replace_triggered_by", "Write references to resources or their attributes, such as value.version.input.")
			continue
		}
		l.trigger(f, d, x, own)
	}
}

// reparsed is a reference as native syntax: JSON writes it as a string.
func (l *loader) reparsed(raw hcl.Expression) hclsyntax.Expression {
	if n, ok := raw.(hclsyntax.Expression); ok {
		return n
	}
	v, diags := raw.Value(nil)
	if diags.HasErrors() || v.Type() != cty.String || v.IsNull() {
		return nil
	}
	if why, _ := excess(v.AsString(), false); why != "" {
		return nil
	}
	x, diags := hclsyntax.ParseExpression([]byte(v.AsString()), raw.Range().Filename, raw.Range().Start)
	if diags.HasErrors() {
		return nil
	}
	return x
}

func (l *loader) trigger(f *folder, d *decl, x hclsyntax.Expression, own uses) {
	// The index, if it is an expression, is all that is evaluated of a trigger.
	var key hclsyntax.Expression
	var after hcl.Traversal
	at := x.Range()
	if r, ok := x.(*hclsyntax.RelativeTraversalExpr); ok {
		after, x = r.Traversal, r.Source
	}
	if i, ok := x.(*hclsyntax.IndexExpr); ok {
		key, x = i.Key, i.Collection
		after = append(hcl.Traversal{dynamicIndex}, after...)
	}
	ref, ok := x.(*hclsyntax.ScopeTraversalExpr)
	if !ok {
		l.bad(at, "Unsuitable value for replace_triggered_by", "Write references to resources or their attributes, such as value.version.input.")
		return
	}
	before := len(d.scope.refs)
	w := &walker{l: l, f: f, s: &d.scope, may: own}
	t := slices.Clone(ref.Traversal)
	_, n := w.resolve(t, after)
	if n == 0 {
		return
	}
	if len(d.scope.refs) == before || d.scope.refs[before].decl == nil || d.scope.refs[before].decl.kind != KindResource {
		l.bad(at, "Only resources can trigger a replacement", "Put other values into a resource of the type value, and name that.")
		return
	}
	tr := trigger{decl: d.scope.refs[before].decl, attr: d.scope.refs[before].attr, rng: at}
	if key != nil {
		tr.key = l.expression(f, &d.scope, key, own)
	} else if n < len(t) {
		if i, ok := t[n].(hcl.TraverseIndex); ok && tr.decl.repeated {
			tr.key = &expr{x: &hclsyntax.LiteralValueExpr{Val: i.Key, SrcRange: i.SrcRange}, fixed: i.Key}
		}
	}
	d.triggers = append(d.triggers, tr)
	d.lifecycle.ReplaceTriggeredBy = append(d.lifecycle.ReplaceTriggeredBy, at)
}

// dependsOn adds what a depends_on list names to the scope.
func (l *loader) dependsOn(f *folder, s *scope, a *arg) {
	list, diags := hcl.ExprList(a.expr)
	if diags.HasErrors() {
		l.bad(a.expr.Range(), "Unsuitable value for depends_on", "Write a list of references to resources, data sources or modules.")
		return
	}
	for _, x := range list {
		t, diags := hcl.AbsTraversalForExpr(x)
		if diags.HasErrors() {
			l.bad(x.Range(), "Unsuitable value for depends_on", "Write references to resources, data sources or modules, without quotes: [network.erp].")
			continue
		}
		switch t.RootName() {
		case "var", "local", "each", "count", "path", "self":
			l.bad(x.Range(), "Unsuitable value for depends_on", "Only a resource, a data source or a module can be waited for.")
			continue
		}
		w := &walker{l: l, f: f, s: s}
		// Whatever is named of it, the whole block is waited for.
		if n := depth(t); len(t) > n {
			t = t[:n]
		}
		before, needs := len(s.refs), len(s.needs)
		if _, n := w.resolve(slices.Clone(t), nil); n == 0 || len(s.refs) == before {
			continue
		}
		s.refs[before].depends, s.refs[before].attr = true, ""
		for _, n := range s.needs[needs:] { // no value is asked for
			delete(s.byKey, n.key)
		}
		s.needs = s.needs[:needs]
	}
}

func depth(t hcl.Traversal) int {
	if t.RootName() == "data" || t.RootName() == "resource" {
		return 3
	}
	return 2
}
