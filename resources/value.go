package resources

import "github.com/cairncloud/cairn/resources/schema"

// Value keeps a value in the state: something to hand on, to compare with the
// last time, or to replace other resources by. Terraform knows it as
// terraform_data, and both names are understood.
type Value struct {
	// ID of the value.
	ID string `hcl:"id" plan:"assigned"`

	// Input is what is kept. Any type.
	Input schema.Any `hcl:"input,optional" secrets:"maybe"`

	// TriggersReplace makes a new object, with a new id, whenever it changes.
	TriggersReplace schema.Any `hcl:"triggers_replace,optional" plan:"replace"`

	// Output is the input again, for others to refer to.
	Output schema.Any `hcl:"output" plan:"assigned" from:"input" secrets:"maybe"`
}
