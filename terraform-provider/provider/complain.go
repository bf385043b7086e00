package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// tell makes diagnostics of problems, each at the attribute that is to blame.
func tell(diags *diag.Diagnostics, problems schema.Problems) {
	for _, x := range problems {
		detail := x.Detail
		if x.Code != "" {
			detail += fmt.Sprintf(" `cairn explain %s` says more.", x.Code)
		}
		switch at := attributePath(x.Attribute); {
		case x.Attribute == "" && x.Warning:
			diags.AddWarning(x.Summary, detail)
		case x.Attribute == "":
			diags.AddError(x.Summary, detail)
		case x.Warning:
			diags.AddAttributeWarning(at, x.Summary, detail)
		default:
			diags.AddAttributeError(at, x.Summary, detail)
		}
	}
}

// fail makes a diagnostic of an error that may be an author's or an operator's.
func fail(diags *diag.Diagnostics, summary string, err error) {
	var problems schema.Problems
	var problem schema.Problem
	switch {
	case errors.As(err, &problems):
		tell(diags, problems)
	case errors.As(err, &problem):
		tell(diags, schema.Problems{problem})
	default:
		diags.AddError(summary, remedy(err))
	}
}

// attributePath is where in a configuration a problem is: rules[2].protocol.
func attributePath(text string) path.Path {
	name, rest, _ := strings.Cut(strings.ReplaceAll(text, "[", ".["), ".")
	p := path.Root(name)
	for part := range strings.SplitSeq(rest, ".") {
		var i int
		switch {
		case part == "":
		case strings.HasPrefix(part, "["):
			if _, err := fmt.Sscanf(part, "[%d]", &i); err != nil {
				return p
			}
			p = p.AtListIndex(i)
		default:
			p = p.AtName(part)
		}
	}
	return p
}

var errNoCloud = errors.New("the provider's configuration hangs on something that is not known yet: apply that first, for example with -target")

// remedy is an error in words for somebody who uses Terraform.
func remedy(err error) string {
	text := err.Error()
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
		text += "."
	}
	switch {
	case errors.Is(err, state.ErrFront):
		text += " Every front end needs a stack of its own: give this one another name with `stack` in the provider block, or hand the stack over with `cairn state import-terraform` or `cairn state export-terraform`."
	case errors.Is(err, state.ErrNewer):
		text += " Use a provider of the same version as the newest cairn that works on this cloud."
	case errors.Is(err, state.ErrFenced):
		text += " Somebody else took the lock over, since this process did not renew it in time. Run it again: what was begun is found and finished."
	case errors.Is(err, state.ErrLocked):
		text += " Wait until that is done and run it again."
	}
	return text
}
