package planner

import (
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources/schema"
)

// fitting is what a plan has asked its systems: what tells whether an object can
// be realised. Nil: all can.
type fitting map[*providers.System]func(schema.World, any) error

// fits reports what the connected version of a system can't realise of a planned
// object. Records that nobody compares with reality are taken to fit.
func (w *walk) fits(c *Change) hcl.Diagnostics {
	sys := w.site.Systems.Of(c.Type.Name)
	if sys == nil || sys.Fits == nil || w.opt.Refresh == RefreshNone || !c.makes() || c.late {
		return nil
	}
	fits, asked := w.fitting[sys]
	if !asked {
		if w.fitting == nil {
			w.fitting = fitting{}
		}
		var err error
		fits, err = sys.Fits(w.ctx)
		if w.fitting[sys] = fits; err != nil { // told once
			return hcl.Diagnostics{unreadable("version of "+sys.Name, err)}
		}
	}
	if fits == nil {
		return nil
	}
	object, err := c.Type.ToGo(c.Planned)
	if err == nil {
		err = fits(w.world, object)
	}
	var p schema.Problem
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return hcl.Diagnostics{w.about(c, p)}
	}
	return hcl.Diagnostics{problem(fmt.Sprintf("%s can't be realised", c.Address), err.Error()+".", nil)}
}
