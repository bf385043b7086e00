package planner

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

func (w *walk) abouts(c *Change, err error) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, x := range schema.AsProblems(err) {
		diags = append(diags, w.about(c, x))
	}
	return diags
}

// about tells the author of an object what is wrong with it, at the attribute.
func (w *walk) about(c *Change, x schema.Problem) *hcl.Diagnostic {
	d := problem(x.Summary, x.Detail, &c.Range)
	if x.Warning {
		d.Severity = hcl.DiagWarning
	}
	if c.block != nil && w.eval != nil {
		at := c.block.AttributeRange(x.Attribute)
		d.Subject = &at
	}
	d.Detail += fmt.Sprintf("\n\nThis is about %s.", c.Address)
	if x.Code != "" {
		d.Detail += fmt.Sprintf(" `cairn explain %s` says more.", x.Code)
	}
	d.Extra = x
	return d
}

func (w *walk) lost(c *Change, err error) hcl.Diagnostics {
	w.set(c, cty.UnknownVal(c.Type.Object()))
	return hcl.Diagnostics{problem(fmt.Sprintf("%s can't be read from the state", c.Address), err.Error()+".", &c.Range)}
}

func (w *walk) protected(c *Change) *hcl.Diagnostic {
	why := "It would be destroyed"
	if c.Action.Replaces() {
		why = "It would be replaced"
		if len(c.Replaces) > 0 {
			why += fmt.Sprintf(", because %s changes", quoted(c.Replaces))
		}
	}
	return problem(fmt.Sprintf("%s must not be destroyed", c.Address),
		why+", and its lifecycle block says prevent_destroy. Take the change back, or remove prevent_destroy first.", &c.Range)
}

func quoted(names []string) string {
	s := ""
	for i, n := range names {
		switch {
		case i == 0:
		case i == len(names)-1:
			s += " and "
		default:
			s += ", "
		}
		s += n
	}
	return s
}
