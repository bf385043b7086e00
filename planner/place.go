package planner

import "github.com/cairncloud/cairn/resources/schema"

// place chooses the host of an object.
func (w *walk) place(c *Change, object schema.Placer) error {
	return nil
}
