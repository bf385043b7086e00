package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// laterText stands for what is known when the step has been done.
const laterText = "(known after apply)"

// valueText writes a value as HCL, sensitive parts hidden; lines after the first
// are indented.
func valueText(v cty.Value, indent int) string {
	var b strings.Builder
	writeValue(&b, v, indent)
	return b.String()
}

func writeValue(b *strings.Builder, v cty.Value, indent int) {
	if v.IsMarked() {
		b.WriteString(schema.Hidden)
		return
	}
	t := v.Type()
	switch {
	case !v.IsKnown():
		b.WriteString(laterText)
	case v.IsNull():
		b.WriteString("null")
	case t == cty.String:
		writeString(b, v.AsString(), indent)
	case t == cty.Number:
		b.WriteString(v.AsBigFloat().Text('f', -1))
	case t == cty.Bool:
		fmt.Fprint(b, v.True())
	case t.IsObjectType() || t.IsMapType():
		writeObject(b, v, indent)
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		writeList(b, v, indent)
	default:
		b.WriteString("(" + t.FriendlyName() + ")")
	}
}

func writeString(b *strings.Builder, s string, indent int) {
	if !strings.Contains(s, "\n") {
		b.WriteString(address.Quote(s))
		return
	}
	pad := strings.Repeat(" ", indent+2)
	b.WriteString("<<-EOT\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(s, "\n"), "\n") {
		b.WriteString(pad + line + "\n")
	}
	b.WriteString(strings.Repeat(" ", indent) + "EOT")
}

func writeList(b *strings.Builder, v cty.Value, indent int) {
	elems := v.AsValueSlice()
	if len(elems) == 0 {
		b.WriteString("[]")
		return
	}
	texts := make([]string, len(elems))
	width, simple := 0, true
	for i, e := range elems {
		texts[i] = valueText(e, indent+2)
		width += len(texts[i]) + 2
		simple = simple && !strings.Contains(texts[i], "\n")
	}
	if simple && width < 80 {
		b.WriteString("[" + strings.Join(texts, ", ") + "]")
		return
	}
	pad := strings.Repeat(" ", indent+2)
	b.WriteString("[\n")
	for _, t := range texts {
		b.WriteString(pad + t + ",\n")
	}
	b.WriteString(strings.Repeat(" ", indent) + "]")
}

func writeObject(b *strings.Builder, v cty.Value, indent int) {
	type entry struct{ key, text string }
	var entries []entry
	width := 0
	for k, e := range v.Elements() {
		if e.IsKnown() && !e.IsMarked() && e.IsNull() && v.Type().IsObjectType() {
			continue
		}
		key, _ := k.Unmark()
		name := key.AsString()
		if !wordLike(name) {
			name = address.Quote(name)
		}
		entries = append(entries, entry{name, valueText(e, indent+2)})
		width = max(width, len(name))
	}
	if len(entries) == 0 {
		b.WriteString("{}")
		return
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	pad := strings.Repeat(" ", indent+2)
	b.WriteString("{\n")
	for _, e := range entries {
		fmt.Fprintf(b, "%s%-*s = %s\n", pad, width, e.key, e.text)
	}
	b.WriteString(strings.Repeat(" ", indent) + "}")
}

func wordLike(s string) bool {
	if s == "" || s[0] >= '0' && s[0] <= '9' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}
