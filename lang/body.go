package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A shape is what may stand in a block.
type shape struct {
	args   []string
	blocks []blockShape
	open   bool // arguments of any name
}

type blockShape struct {
	name   string
	labels []string
}

// A content is what does stand in a block, arguments in the order of the text.
type content struct {
	args   []arg
	blocks []block
	end    hcl.Range
}

type arg struct {
	name      string
	expr      hcl.Expression
	rng       hcl.Range
	nameRange hcl.Range
}

type block struct {
	typ         string
	labels      []string
	labelRanges []hcl.Range
	body        hcl.Body
	header      hcl.Range
}

func (c *content) arg(name string) *arg {
	for i := range c.args {
		if c.args[i].name == name {
			return &c.args[i]
		}
	}
	return nil
}

// contents reads a body of either syntax. Words that the shape does not have
// are handed to unknown; nil complains about them.
func (l *loader) contents(body hcl.Body, s *shape, what string, unknown func(*content, *block)) content {
	var c content
	if native, ok := body.(*hclsyntax.Body); ok {
		c = l.nativeContents(native, s, what)
	} else {
		c = l.jsonContents(body, s, what)
	}
	kept := c.blocks[:0]
	for i := range c.blocks {
		b := &c.blocks[i]
		shape := s.block(b.typ)
		if shape == nil {
			if unknown != nil {
				unknown(&c, b)
			} else {
				l.unknownBlock(b, s, what)
			}
			continue
		}
		if l.labelled(b, shape) {
			kept = append(kept, *b)
		}
	}
	c.blocks = kept
	return c
}

func (s *shape) block(name string) *blockShape {
	for i := range s.blocks {
		if s.blocks[i].name == name {
			return &s.blocks[i]
		}
	}
	return nil
}

func (s *shape) words() []string {
	words := slices.Clone(s.args)
	for _, b := range s.blocks {
		words = append(words, b.name)
	}
	return words
}

func (l *loader) unknownBlock(b *block, s *shape, what string) {
	if slices.Contains(s.args, b.typ) {
		l.bad(b.header, fmt.Sprintf("%s is an argument, not a block", b.typ), fmt.Sprintf("Write it with an equals sign: %s = ...", b.typ))
		return
	}
	detail := fmt.Sprintf("%s has no such block.%s", capital(what), meant(b.typ, s.words()))
	l.bad(b.header, fmt.Sprintf("Unknown block %q", b.typ), detail)
}

func (l *loader) unknownArg(a arg, s *shape, what string) {
	if b := s.block(a.name); b != nil {
		l.bad(a.nameRange, fmt.Sprintf("%s is a block, not an argument", a.name), fmt.Sprintf("Write it without the equals sign: %s { ... }", a.name))
		return
	}
	l.bad(a.nameRange, fmt.Sprintf("Unknown argument %q", a.name), fmt.Sprintf("%s has no such argument.%s", capital(what), meant(a.name, s.words())))
}

func (l *loader) labelled(b *block, s *blockShape) bool {
	if len(b.labels) == len(s.labels) {
		return true
	}
	var form strings.Builder
	form.WriteString(s.name)
	for _, n := range s.labels {
		fmt.Fprintf(&form, " %q", strings.ToUpper(n))
	}
	where := b.header
	if len(b.labels) > len(s.labels) {
		where = b.labelRanges[len(s.labels)]
	}
	l.bad(where, fmt.Sprintf("%s block with %s", capital(s.name), counted(len(b.labels), "label")), fmt.Sprintf("It is written %s { ... }", form.String()))
	return false
}

func counted(n int, word string) string {
	switch n {
	case 0:
		return "no " + word
	case 1:
		return "one " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

func (l *loader) nativeContents(body *hclsyntax.Body, s *shape, what string) content {
	c := content{end: body.EndRange}
	if len(body.Attributes) > 0 {
		c.args = make([]arg, 0, len(body.Attributes))
	}
	for _, x := range body.Attributes {
		a := arg{name: x.Name, expr: x.Expr, rng: x.SrcRange, nameRange: x.NameRange}
		if !s.open && !slices.Contains(s.args, a.name) {
			l.unknownArg(a, s, what)
			continue
		}
		c.args = append(c.args, a)
	}
	if len(c.args) > 1 {
		slices.SortFunc(c.args, func(a, b arg) int { return a.rng.Start.Byte - b.rng.Start.Byte })
	}
	if len(body.Blocks) > 0 {
		c.blocks = make([]block, len(body.Blocks))
	}
	for i, x := range body.Blocks {
		c.blocks[i] = block{typ: x.Type, labels: x.Labels, labelRanges: x.LabelRanges, body: x.Body, header: x.DefRange()}
	}
	return c
}

func (l *loader) jsonContents(body hcl.Body, s *shape, what string) content {
	c := content{end: body.MissingItemRange()}
	var schema hcl.BodySchema
	if !s.open {
		for _, n := range s.args {
			schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: n})
		}
	}
	for _, b := range s.blocks {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: b.name, LabelNames: b.labels})
	}
	found, rest, diags := body.PartialContent(&schema)
	l.diags = append(l.diags, diags...)
	for _, x := range found.Attributes {
		c.args = append(c.args, arg{name: x.Name, expr: x.Expr, rng: x.Range, nameRange: x.NameRange})
	}
	for _, x := range found.Blocks {
		c.blocks = append(c.blocks, block{typ: x.Type, labels: x.Labels, labelRanges: x.LabelRanges, body: x.Body, header: x.TypeRange})
	}
	if !diags.HasErrors() {
		others, d := rest.JustAttributes()
		if len(d) == 0 {
			for _, x := range others {
				a := arg{name: x.Name, expr: x.Expr, rng: x.Range, nameRange: x.NameRange}
				if s.open {
					c.args = append(c.args, a)
				} else {
					l.unknownArg(a, s, what)
				}
			}
		}
	}
	slices.SortFunc(c.args, func(a, b arg) int { return a.rng.Start.Byte - b.rng.Start.Byte })
	return c
}

// native turns an expression of JSON into one of the native syntax, so that the
// strings in it are parsed once.
func (l *loader) native(x hcl.Expression) hclsyntax.Expression {
	if n, ok := x.(hclsyntax.Expression); ok {
		return n
	}
	r := x.Range()
	if list, diags := hcl.ExprList(x); !diags.HasErrors() {
		t := &hclsyntax.TupleConsExpr{SrcRange: r, OpenRange: x.StartRange()}
		for _, e := range list {
			t.Exprs = append(t.Exprs, l.native(e))
		}
		return t
	}
	if pairs, diags := hcl.ExprMap(x); !diags.HasErrors() {
		o := &hclsyntax.ObjectConsExpr{SrcRange: r, OpenRange: x.StartRange()}
		for _, p := range pairs {
			o.Items = append(o.Items, hclsyntax.ObjectConsItem{
				KeyExpr:   &hclsyntax.ObjectConsKeyExpr{Wrapped: l.native(p.Key), ForceNonLiteral: true},
				ValueExpr: l.native(p.Value),
			})
		}
		return o
	}
	v, diags := x.Value(nil)
	l.diags = append(l.diags, diags...)
	if v.Type() != cty.String || v.IsNull() || !v.IsKnown() {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: r}
	}
	text := v.AsString()
	if !strings.Contains(text, "${") && !strings.Contains(text, "%{") {
		return &hclsyntax.LiteralValueExpr{Val: v, SrcRange: r}
	}
	if why, _ := excess(text, true); why != "" {
		l.bad(r, "The string is too deep", fmt.Sprintf("It has %s. Split it with locals.", why))
		return &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal, SrcRange: r}
	}
	start := r.Start
	start.Byte++
	start.Column++
	t, diags := hclsyntax.ParseTemplate([]byte(text), r.Filename, start)
	l.diags = append(l.diags, diags...)
	if diags.HasErrors() {
		return &hclsyntax.LiteralValueExpr{Val: cty.DynamicVal, SrcRange: r}
	}
	return t
}

// literal evaluates an argument that can hang on nothing.
func (l *loader) literal(a *arg, want cty.Type) (cty.Value, bool) {
	v, diags := a.expr.Value(nil)
	if diags.HasErrors() {
		l.bad(a.expr.Range(), fmt.Sprintf("%s must be written out", a.name), fmt.Sprintf("It is read before anything is evaluated, so it must be a plain %s.", want.FriendlyName()))
		return cty.NullVal(want), false
	}
	if !v.Type().Equals(want) || v.IsNull() {
		l.bad(a.expr.Range(), fmt.Sprintf("Unsuitable value for %s", a.name), fmt.Sprintf("It must be %s.", article(want.FriendlyName())))
		return cty.NullVal(want), false
	}
	return v, true
}

func (l *loader) text(c *content, name string) string {
	if a := c.arg(name); a != nil {
		if v, ok := l.literal(a, cty.String); ok {
			return v.AsString()
		}
	}
	return ""
}

func (l *loader) flag(c *content, name string) (value, set bool) {
	if a := c.arg(name); a != nil {
		if v, ok := l.literal(a, cty.Bool); ok {
			return v.True(), true
		}
	}
	return false, false
}
