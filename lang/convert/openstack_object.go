package convert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// A scope is where an expression of a foreign configuration stands.
type scope struct {
	folder *foreignFolder
	file   *foreignFile
	block  *hclsyntax.Block // at the top of the file
	about  Item             // what to report on
	// iterators are those of dynamic blocks, with true where the key is used.
	iterators map[string]bool
	each      *rule // of the objects that for_each goes over
}

func (c *converter) note(s *scope, at hcl.Range, status, argument, detail string) {
	i := s.about
	i.Status, i.Argument, i.Detail = status, argument, detail
	c.report.add(at, i)
}

// object converts a resource or data block.
func (c *converter) object(f *foreignFolder, x *foreignFile, b *hclsyntax.Block) {
	address := objectAddress(b)
	if address == "" {
		return
	}
	s := &scope{folder: f, file: x, block: b, about: Item{Block: address, Type: b.Labels[0]}}
	if !strings.HasPrefix(b.Labels[0], foreign) {
		if c.Native && c.Types.Resource(b.Labels[0]) == nil {
			x.comment(b.Range(), "cairn has no such type")
			c.note(s, b.DefRange(), Left, "", "cairn has no such type")
			return
		}
		c.note(s, b.DefRange(), Kept, "", "it is another provider's")
		c.rest(f, x, b)
		return
	}
	r, why := c.table.of(b.Labels[0], b.Type == "data")
	if r == nil {
		x.comment(b.Range(), why)
		c.note(s, b.DefRange(), Left, "", why)
		return
	}
	typ := c.Types.Resource(r.To)
	if b.Type == "data" {
		typ = c.Types.Data(r.To)
	}
	s.about.To = c.typeName(r.To)
	c.note(s, b.DefRange(), Converted, "", "")
	x.replace(b.LabelRanges[0], strconv.Quote(c.typeName(r.To)))
	if a := b.Body.Attributes["for_each"]; a != nil {
		s.each = c.objectsOf(a.Expr)
	}
	given := c.body(s, b.Body, r, typ.Attributes, true)
	var missing []string
	for _, a := range typ.Attributes {
		if a.Required && !given[a.Name] {
			missing = append(missing, a.Name)
		}
	}
	if len(missing) > 0 {
		c.note(s, b.DefRange(), Left, strings.Join(missing, ", "), "cairn needs it: write it in")
	}
}

func find(all []*schema.Attribute, name string) *schema.Attribute {
	i := slices.IndexFunc(all, func(a *schema.Attribute) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	return all[i]
}

// body converts the arguments and blocks of a block, and tells what was set.
func (c *converter) body(s *scope, body *hclsyntax.Body, r *rule, attrs []*schema.Attribute, top bool) map[string]bool {
	given := map[string]bool{}
	for _, a := range inOrder(body) {
		if to := c.table.target(r, a.Name); to != "" && find(attrs, to) != nil {
			given[to] = true
		}
	}
	for _, a := range inOrder(body) {
		c.argument(s, a, r, attrs, given, top)
	}
	for _, name := range sortedKeys(r.Set) {
		given[name] = true
	}
	c.blocks(s, body, r, attrs, given, top)
	return given
}

// target is the attribute that an argument becomes with its value as it is.
func (t *table) target(r *rule, name string) string {
	switch {
	case r.Rename[name] != "":
		return r.Rename[name]
	case r.same(name):
		return name
	}
	return t.everywhere.Rename[name]
}

func (c *converter) argument(s *scope, a *hclsyntax.Attribute, r *rule, attrs []*schema.Attribute, given map[string]bool, top bool) {
	x := s.file
	drop := func(why string) {
		x.remove(a.SrcRange)
		c.note(s, a.NameRange, Dropped, a.Name, why)
	}
	lose := func(why string) {
		x.comment(a.SrcRange, why)
		c.note(s, a.NameRange, Left, a.Name, why)
	}
	if top {
		switch a.Name {
		case "depends_on":
			c.dependsOn(s, a)
			return
		case "count", "for_each":
			c.expression(s, a.Expr)
			return
		case "provider":
			drop("there is one provider of cairn")
			return
		}
	}
	any := c.table.everywhere
	switch to := c.table.target(r, a.Name); {
	case r.Drop[a.Name] != "":
		drop(r.Drop[a.Name])
	case r.Lose[a.Name] != "":
		lose(r.Lose[a.Name])
	case r.Lookup[a.Name] != "":
		c.lookupArgument(s, a, r.Lookup[a.Name], attrs, given, lose)
	case r.First[a.Name] != "":
		c.expression(s, a.Expr)
		text := x.text(a.Expr.Range().Start.Byte, a.Expr.Range().End.Byte)
		if t, ok := a.Expr.(*hclsyntax.TupleConsExpr); ok && len(t.Exprs) > 0 {
			text = x.text(t.Exprs[0].Range().Start.Byte, t.Exprs[0].Range().End.Byte)
		} else {
			text = "element(" + text + ", 0)"
		}
		x.replace(a.SrcRange, r.First[a.Name]+" = "+text)
		given[r.First[a.Name]] = true
		c.report.Arguments++
	case r.Follow[a.Name] != "":
		c.expression(s, a.Expr)
		to, path, _ := strings.Cut(r.Follow[a.Name], " ")
		object := x.objectOf(a.Expr, "id")
		if object == "" {
			lose("write " + to)
			return
		}
		x.replace(a.SrcRange, to+" = "+object+"."+path)
		given[to] = true
		c.report.Arguments++
	case to != "":
		if t := find(attrs, to); t == nil || !t.Settable {
			drop("cairn finds it by itself")
			return
		}
		if to != a.Name {
			x.replace(a.NameRange, to)
		}
		c.expression(s, a.Expr)
		c.report.Arguments++
	case any.Drop[a.Name] != "":
		drop(any.Drop[a.Name])
	case any.Lose[a.Name] != "":
		lose(any.Lose[a.Name])
	default:
		lose(fmt.Sprintf("%s has no such attribute", orThis(s.about.To)))
	}
}

func orThis(s string) string {
	if s == "" {
		return "cairn"
	}
	return s
}

// objectOf is the object whose attribute an expression reads, or "".
func (x *foreignFile) objectOf(e hclsyntax.Expression, attribute string) string {
	text := func(n hclsyntax.Node) string { return x.text(n.Range().Start.Byte, n.Range().End.Byte) }
	all := func(e hclsyntax.Expression) (string, bool) { // x.*.id, or x[*].id
		s, ok := e.(*hclsyntax.SplatExpr)
		if !ok {
			return "", false
		}
		t, ok := s.Each.(*hclsyntax.RelativeTraversalExpr)
		if !ok || len(t.Traversal) != 1 {
			return "", false
		}
		name, _, _ := nameRange(t.Traversal, 0)
		return text(s.Source), name == attribute
	}
	switch e := e.(type) {
	case *hclsyntax.TemplateWrapExpr:
		return x.objectOf(e.Wrapped, attribute)
	case *hclsyntax.ParenthesesExpr:
		return x.objectOf(e.Expression, attribute)
	case *hclsyntax.FunctionCallExpr:
		if e.Name == "element" && len(e.Args) == 2 {
			if source, ok := all(e.Args[0]); ok {
				return "element(" + source + ", " + text(e.Args[1]) + ")"
			}
		}
		return ""
	case *hclsyntax.IndexExpr:
		if source, ok := all(e.Collection); ok {
			return source + "[" + text(e.Key) + "]"
		}
		return ""
	case *hclsyntax.RelativeTraversalExpr:
		if source, ok := all(e.Source); ok && len(e.Traversal) == 1 {
			return source + string(x.src[e.Traversal.SourceRange().Start.Byte:e.Traversal.SourceRange().End.Byte])
		}
	case *hclsyntax.ScopeTraversalExpr:
		if i := typeStep(e.Traversal); i < 0 || len(e.Traversal) < i+3 {
			return ""
		}
	}
	object, ok := strings.CutSuffix(text(e), "."+attribute)
	if !ok {
		return ""
	}
	return object
}

// blocks turns nested blocks into attributes.
func (c *converter) blocks(s *scope, body *hclsyntax.Body, r *rule, attrs []*schema.Attribute, given map[string]bool, top bool) {
	x := s.file
	groups := map[string][]*hclsyntax.Block{}
	var order []string
	for _, b := range body.Blocks {
		name := b.Type
		if b.Type == "dynamic" && len(b.Labels) == 1 {
			name = b.Labels[0]
		}
		switch {
		case top && b.Type == "lifecycle":
			c.lifecycle(s, b, r)
			continue
		case top && b.Type == "timeouts":
			continue
		}
		nested := r.blocks[name]
		why := ""
		switch {
		case b.Type == "provisioner" || b.Type == "connection":
			why = "cairn runs no commands on what it makes: use user_data, or a tool that configures machines"
		case nested != nil:
			why = nested.LoseAll
		case r.Drop[name] != "":
			x.remove(b.Range())
			c.note(s, b.DefRange(), Dropped, name, r.Drop[name])
			continue
		case r.Lose[name] != "" || c.table.everywhere.Lose[name] != "":
			why = first(r.Lose[name], c.table.everywhere.Lose[name])
		default:
			why = fmt.Sprintf("%s has no such attribute", orThis(s.about.To))
		}
		if why != "" {
			x.comment(b.Range(), why)
			c.note(s, b.DefRange(), Left, name, why)
			continue
		}
		if groups[nested.To] == nil {
			order = append(order, nested.To)
		}
		groups[nested.To] = append(groups[nested.To], b)
	}
	for _, to := range order {
		given[to] = true
		c.report.Arguments++
		c.nested(s, to, groups[to], r, find(attrs, to))
	}
}

// nested writes blocks of one kind as an attribute, in the place of the first.
func (c *converter) nested(s *scope, to string, all []*hclsyntax.Block, r *rule, attr *schema.Attribute) {
	x := s.file
	var parts []string // lists, to be joined
	var still []string // elements that are written out
	flush := func() {
		if len(still) > 0 {
			parts = append(parts, "["+strings.Join(still, ", ")+"]")
			still = nil
		}
	}
	single := attr.Type.IsObjectType()
	for _, b := range all {
		if b.Type != "dynamic" {
			still = append(still, c.element(s, b, r.blocks[b.Type], attr))
			continue
		}
		flush()
		if text := c.dynamic(s, b, r.blocks[b.Labels[0]], attr); text != "" {
			parts = append(parts, text)
		}
	}
	text := ""
	switch {
	case single && len(parts) == 0 && len(still) == 1:
		text = still[0]
	case single:
		flush()
		text = "one(" + joined(parts) + ")"
	default:
		flush()
		text = joined(parts)
	}
	x.replace(all[0].Range(), to+" = "+text)
	for _, b := range all[1:] {
		x.remove(b.Range())
	}
}

func joined(parts []string) string {
	switch len(parts) {
	case 0:
		return "[]"
	case 1:
		return parts[0]
	}
	return "concat(" + strings.Join(parts, ", ") + ")"
}

// element is a nested block as an object.
func (c *converter) element(s *scope, b *hclsyntax.Block, r *rule, attr *schema.Attribute) string {
	c.body(s, b.Body, r, attr.Nested, false)
	var set strings.Builder
	for _, name := range sortedKeys(r.Set) {
		fmt.Fprintf(&set, "\n%s = %s\n", name, quoted(r.Set[name]))
	}
	inner := s.file.text(b.OpenBraceRange.End.Byte, b.CloseBraceRange.Start.Byte)
	if strings.HasPrefix(inner, "\n") {
		return "{" + strings.TrimSuffix(set.String(), "\n") + inner + "}"
	}
	return "{" + set.String() + inner + "}"
}

// dynamic is a dynamic block as a for expression.
func (c *converter) dynamic(s *scope, b *hclsyntax.Block, r *rule, attr *schema.Attribute) string {
	over := b.Body.Attributes["for_each"]
	i := slices.IndexFunc(b.Body.Blocks, func(x *hclsyntax.Block) bool { return x.Type == "content" })
	if over == nil || i < 0 {
		return ""
	}
	name := b.Labels[0]
	if a := b.Body.Attributes["iterator"]; a != nil {
		if word := hcl.ExprAsKeyword(a.Expr); word != "" {
			name = word
		}
	}
	c.expression(s, over.Expr)
	inner := *s
	inner.iterators = map[string]bool{name: false}
	for n, used := range s.iterators {
		inner.iterators[n] = used
	}
	text := c.element(&inner, b.Body.Blocks[i], r, attr)
	names := name
	if inner.iterators[name] {
		names = name + "_key, " + name
	}
	return fmt.Sprintf("[for %s in %s : %s]", names, s.file.text(over.Expr.Range().Start.Byte, over.Expr.Range().End.Byte), text)
}

// lifecycle renames the attributes of ignore_changes.
func (c *converter) lifecycle(s *scope, b *hclsyntax.Block, r *rule) {
	for _, a := range inOrder(b.Body) {
		if a.Name != "ignore_changes" {
			c.expression(s, a.Expr)
			continue
		}
		list, ok := a.Expr.(*hclsyntax.TupleConsExpr)
		if !ok {
			continue
		}
		var kept []string
		for _, e := range list.Exprs {
			name, step := "", e.Range()
			if v, diags := e.Value(nil); !diags.HasErrors() && v.Type() == cty.String && !v.IsNull() && v.IsKnown() {
				name = v.AsString()
			} else if t, diags := hcl.AbsTraversalForExpr(e); !diags.HasErrors() {
				name, step = t.RootName(), t[0].SourceRange()
			}
			to := first(c.table.target(r, name), c.table.read(r, name), r.First[name])
			if to == "" {
				to, _, _ = strings.Cut(r.Lookup[name], ".")
			}
			if to == "" || strings.ContainsAny(to, "[.") {
				c.note(s, e.Range(), Dropped, "ignore_changes "+name, "there is no such attribute to ignore")
				continue
			}
			s.file.replace(step, to)
			text := s.file.text(e.Range().Start.Byte, e.Range().End.Byte)
			if !slices.Contains(kept, text) {
				kept = append(kept, text)
			}
		}
		s.file.replace(a.Expr.Range(), "["+strings.Join(kept, ", ")+"]")
	}
	for _, inner := range b.Body.Blocks {
		for _, a := range inOrder(inner.Body) {
			c.expression(s, a.Expr)
		}
	}
}

// dependsOn rewrites references, which may be strings in old configurations.
func (c *converter) dependsOn(s *scope, a *hclsyntax.Attribute) {
	list, ok := a.Expr.(*hclsyntax.TupleConsExpr)
	if !ok {
		return
	}
	for _, e := range list.Exprs {
		c.expression(s, e)
		v, diags := e.Value(nil)
		if diags.HasErrors() || v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
			continue
		}
		t, diags := hclsyntax.ParseTraversalAbs([]byte(v.AsString()), s.file.name, e.Range().Start)
		if diags.HasErrors() {
			continue
		}
		text := v.AsString()
		if i := typeStep(t); i >= 0 {
			name, _, _ := nameRange(t, i)
			if r, why := c.table.of(name, t.RootName() == "data"); r != nil {
				text = strings.Replace(text, name, c.typeName(r.To), 1)
			} else if strings.HasPrefix(name, foreign) {
				c.note(s, e.Range(), Left, "mentions "+text, why)
			}
		}
		s.file.replace(e.Range(), text)
	}
}

// lookupArgument turns names into ids.
func (c *converter) lookupArgument(s *scope, a *hclsyntax.Attribute, to string, attrs []*schema.Attribute, given map[string]bool, lose func(string)) {
	to, by, ok := strings.Cut(to, ".")
	if !ok {
		by = "name"
	}
	attr := find(attrs, to)
	if given[to] {
		lose(to + " says it already")
		return
	}
	n := &namer{converter: c, scope: s, typ: c.Types.ByGo(attr.Refers), by: by, argument: a.Name}
	x := s.file
	n.convert(a.Expr, !attr.Type.IsPrimitiveType())
	if n.failed != "" {
		lose(n.failed)
		return
	}
	given[to] = true
	c.report.Arguments++
	x.replace(a.NameRange, to)
}

// A namer turns an expression of names into one of ids, by edits.
type namer struct {
	*converter
	scope    *scope
	typ      *schema.Type // of the objects
	by       string       // the attribute that they are named by
	argument string
	failed   string
}

func (n *namer) convert(e hclsyntax.Expression, list bool) {
	x := n.scope.file
	switch e := e.(type) {
	case *hclsyntax.ParenthesesExpr:
		n.convert(e.Expression, list)
	case *hclsyntax.TemplateWrapExpr:
		n.convert(e.Wrapped, list)
		x.replace(e.SrcRange, x.text(e.Wrapped.Range().Start.Byte, e.Wrapped.Range().End.Byte))
	case *hclsyntax.ConditionalExpr:
		n.expression(n.scope, e.Condition)
		n.convert(e.TrueResult, list)
		n.convert(e.FalseResult, list)
	case *hclsyntax.TupleConsExpr:
		for _, item := range e.Exprs {
			n.convert(item, false)
		}
	case *hclsyntax.FunctionCallExpr:
		switch e.Name {
		case "concat", "compact", "distinct", "flatten", "tolist", "toset", "sort", "coalesce", "try":
			for _, arg := range e.Args {
				n.convert(arg, list)
			}
			return
		case "list": // of Terraform 0.11
			x.replace(e.NameRange, "tolist")
			x.replace(e.OpenParenRange, "([")
			x.replace(e.CloseParenRange, "])")
			for _, arg := range e.Args {
				n.convert(arg, false)
			}
			return
		case "element":
			if len(e.Args) == 2 && n.ours(e.Args[0]) {
				n.convert(e.Args[0], true)
				n.expression(n.scope, e.Args[1])
				return
			}
		}
		n.name(e, list)
	case *hclsyntax.IndexExpr:
		if _, ok := e.Collection.(*hclsyntax.SplatExpr); ok && n.ours(e.Collection) {
			n.convert(e.Collection, true)
			n.expression(n.scope, e.Key)
			return
		}
		n.name(e, list)
	case *hclsyntax.RelativeTraversalExpr:
		if _, ok := e.Source.(*hclsyntax.SplatExpr); ok && n.ours(e.Source) {
			n.convert(e.Source, true)
			return
		}
		n.name(e, list)
	case *hclsyntax.LiteralValueExpr:
		if !e.Val.IsNull() {
			n.name(e, list)
		}
	default:
		n.name(e, list)
	}
}

// ours reports whether an expression names objects of the type, made or looked up
// by this configuration.
func (n *namer) ours(e hclsyntax.Expression) bool {
	r := n.objectsOf(e)
	return r != nil && r.To == n.typ.Name
}

// name converts one name, or an expression for all names.
func (n *namer) name(e hclsyntax.Expression, list bool) {
	s, x := n.scope, n.scope.file
	if v, diags := e.Value(nil); !diags.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type() == cty.String && !list {
		x.replace(e.Range(), n.literal(v.AsString()))
		return
	}
	// The name of an object of this configuration: its id.
	if n.ours(e) {
		n.expression(s, e)
		text := x.text(e.Range().Start.Byte, e.Range().End.Byte)
		if head, ok := strings.CutSuffix(text, "."+n.by); ok {
			x.replace(e.Range(), head+".id")
			return
		}
		if strings.HasSuffix(text, ".id") {
			return
		}
	}
	own, repeats := false, false
	read := &reader{ref: func(t hcl.Traversal) {
		_, bound := s.iterators[t.RootName()]
		own = own || bound
		repeats = repeats || t.RootName() == "each" || t.RootName() == "count"
	}}
	read.read(e)
	data := n.Types.Data(n.typ.Name)
	switch {
	case own:
		n.failed = fmt.Sprintf("look the %s up by a data block, and write its id", n.typ.Name)
		return
	case data == nil || data.Attribute(n.by) == nil || !data.Attribute(n.by).Settable:
		n.failed = fmt.Sprintf("refer to the %s itself, by its id", n.typ.Name)
		return
	}
	n.expression(s, e)
	text := x.text(e.Range().Start.Byte, e.Range().End.Byte)
	label := s.block.Labels[1] + "_" + strings.TrimSuffix(n.argument, "_name")
	if t, ok := e.(*hclsyntax.ScopeTraversalExpr); ok && !repeats && len(t.Traversal) > 1 {
		if word, _, ok := nameRange(t.Traversal, len(t.Traversal)-1); ok {
			label = word
		}
	}
	if list {
		// One data block that looks all of them up.
		if repeats {
			n.failed = fmt.Sprintf("look each %s up by a data block, and write their ids", n.typ.Name)
			return
		}
		block := n.lookUp(s, data, n.by, label, "each.value", "for_each = toset("+text+")\n")
		x.replace(e.Range(), "[for x in "+block+" : x.id]")
		return
	}
	repeat, key := "", ""
	if repeats {
		for word, k := range map[string]string{"count": "[count.index]", "for_each": "[each.key]"} {
			if a := s.block.Body.Attributes[word]; a != nil {
				repeat, key = fmt.Sprintf("%s = %s\n", word, x.text(a.Expr.Range().Start.Byte, a.Expr.Range().End.Byte)), k
			}
		}
	}
	x.replace(e.Range(), n.lookUp(s, data, n.by, label, text, repeat)+key+".id")
}

// literal is the id of what has a name: of this folder, or looked up.
func (n *namer) literal(name string) string {
	if name == "" {
		return "null"
	}
	for _, address := range sortedKeys(n.scope.folder.objects) {
		b := n.scope.folder.objects[address]
		r, _ := n.table.of(b.Labels[0], b.Type == "data")
		a := b.Body.Attributes[n.by]
		if r == nil || r.To != n.typ.Name || a == nil || b.Body.Attributes["count"] != nil || b.Body.Attributes["for_each"] != nil || b.Body == n.scope.block.Body {
			continue
		}
		if v, diags := a.Expr.Value(nil); !diags.HasErrors() && v.IsKnown() && !v.IsNull() && v.Type() == cty.String && v.AsString() == name {
			data := ""
			if b.Type == "data" {
				data = "data."
			}
			return data + n.typeName(r.To) + "." + b.Labels[1] + ".id"
		}
	}
	data := n.Types.Data(n.typ.Name)
	if data == nil || data.Attribute(n.by) == nil {
		n.failed = fmt.Sprintf("refer to the %s itself, by its id", n.typ.Name)
		return "null"
	}
	return n.lookUp(n.scope, data, n.by, name, quoted(name), "") + ".id"
}

// quoted is a text as HCL writes it.
func quoted(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}
