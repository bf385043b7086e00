package lang

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
)

// strange tells what to do about blocks that Terraform knows and cairn does not.
func (l *loader) strange(_ *content, b *block) {
	switch b.typ {
	case "ephemeral":
		l.bad(b.header, "Ephemeral blocks are not supported", "Secrets are sealed in cairn's state: use a resource or data block.")
	case "action", "list", "language", "provider_meta", "run":
		l.bad(b.header, fmt.Sprintf("%s blocks are not supported", capital(b.typ)), "Take the block out.")
	default:
		l.unknownBlock(b, fileShape, "a stack file")
	}
}

func (l *loader) stackBlock(f *folder, b *block) {
	l.contents(b.body, &shape{args: []string{"description"}}, "a stack block", nil)
	switch {
	case f.tf:
		l.bad(b.header, "A stack block among .tf files", `Terraform would not read it. Write provider "cairn" { stack = "..." }.`)
	case f.rel != ".":
		return // a module that is a stack of its own, too
	case f.stackName != "":
		l.bad(b.header, "The stack is named twice", fmt.Sprintf("The first name is at %s. Take one out.", at(f.stackRange)))
	default:
		f.stackName, f.stackRange = b.labels[0], b.labelRanges[0]
	}
}

func (l *loader) terraformBlock(f *folder, b *block) {
	if !f.tf {
		l.bad(b.header, "A terraform block among stack files", "cairn does not need it: take it out.")
		return
	}
	passed := false
	c := l.contents(b.body, &shape{open: true}, "a terraform block", func(_ *content, x *block) { passed = passed || x.typ != "required_providers" })
	for _, a := range c.args {
		passed = passed || a.name != "required_version"
	}
	if passed && f.rel == "." && !slices.ContainsFunc(l.diags, func(d *hcl.Diagnostic) bool { return d.Summary == passedOver }) {
		l.diags = append(l.diags, warning(b.header, passedOver, "Of terraform blocks cairn reads required_version and required_providers only. Its state is where cloud.hcl says."))
	}
}

const passedOver = "Settings for Terraform are passed over"

func (l *loader) providerBlock(f *folder, b *block) {
	name := b.labels[0]
	switch {
	case !f.tf:
		l.bad(b.header, "A provider block among stack files", `cairn needs no providers: take it out. A stack is named with stack "name" {}.`)
		return
	case name != "cairn":
		if name == "random" || name == "terraform" {
			return // built in
		}
		l.bad(b.header, fmt.Sprintf("The provider %q can't be used", name), "cairn makes resources with its own drivers. Keep what needs another provider in a folder of its own, for Terraform.")
		return
	case f.rel != ".":
		return // what the root says holds
	case f.provider.Range.Filename != "":
		l.bad(b.header, `provider "cairn" is declared twice`, fmt.Sprintf("The first one is at %s. Take one out.", at(f.provider.Range)))
		return
	}
	c := l.contents(b.body, &shape{args: []string{"stack", "cloud", "project", "region", "config", "plan_reservations", "reservation_time"}}, `provider "cairn"`, nil)
	f.provider = Provider{Stack: l.text(&c, "stack"), Cloud: l.text(&c, "cloud"), Config: l.text(&c, "config"), Project: l.text(&c, "project"), Region: l.text(&c, "region"), Range: b.header}
}
