package lang

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/resources/schema"
)

func problem(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: detail, Subject: &at}
}

func warning(at hcl.Range, summary, detail string) *hcl.Diagnostic {
	return &hcl.Diagnostic{Severity: hcl.DiagWarning, Summary: summary, Detail: detail, Subject: &at}
}

// inContext adds the expression and the values that a complaint is about.
func inContext(d *hcl.Diagnostic, x hcl.Expression, ctx *hcl.EvalContext) *hcl.Diagnostic {
	d.Expression, d.EvalContext = x, ctx
	return d
}

// distinct leaves out what was said already.
func distinct(diags hcl.Diagnostics) hcl.Diagnostics {
	seen := map[string]bool{}
	var out hcl.Diagnostics
	for _, d := range diags {
		key := d.Summary + "\x00" + d.Detail
		if d.Subject != nil {
			key += "\x00" + d.Subject.String()
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, d)
		}
	}
	return out
}

// meant is the end of a sentence about an unknown word: the nearest right one.
func meant(word string, candidates []string) string {
	if near := schema.Nearest(word, candidates); near != "" {
		return fmt.Sprintf(" Did you mean %q?", near)
	}
	return ""
}

func at(r hcl.Range) string { return fmt.Sprintf("%s line %d", r.Filename, r.Start.Line) }

// article says a word with its article.
func article(word string) string {
	if word != "" && strings.ContainsRune("aeiou", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

// capital begins a sentence; a word of the language keeps its spelling.
func capital(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if s == "" || strings.ContainsAny(word, "_.[") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// hclName reports whether a word can be a name: letters, digits, - and _.
func hclName(s string) bool {
	for i, r := range s {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 127
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

// CycleDiagnostic says which blocks wait for each other, each for the next one
// and the last for the first.
func CycleDiagnostic(loop []*Block) *hcl.Diagnostic {
	if len(loop) == 1 {
		b := loop[0]
		where := b.Range
		for _, m := range b.Mentions {
			if m.Block == b {
				where = m.Range
			}
		}
		return problem(where, fmt.Sprintf("%s mentions itself", b), "What a block is can't hang on what it is. In a postcondition, write self; elsewhere write the value out or put it into a local.")
	}
	var b strings.Builder
	b.WriteString("None of these can be planned first:\n")
	var subject hcl.Range
	for i, x := range loop {
		// Order gives each block before what waits for it, so the next one mentions it.
		next := loop[(i+1)%len(loop)]
		from, to, where := next, x, next.mention(x)
		if where == nil {
			from, to, where = x, next, x.mention(next)
		}
		if where == nil {
			continue
		}
		if subject.Filename == "" {
			subject = *where
		}
		fmt.Fprintf(&b, "\n  %s mentions %s (%s)", from, to, at(*where))
	}
	b.WriteString("\n\nTake one of these mentions out, or break it with an attribute that cairn chooses while planning, such as id.")
	if subject.Filename == "" {
		subject = loop[0].Range
	}
	return problem(subject, "These blocks go round in a circle", b.String())
}

func (b *Block) mention(x *Block) *hcl.Range {
	for i := range b.Mentions {
		if b.Mentions[i].Block == x {
			return &b.Mentions[i].Range
		}
	}
	return nil
}
