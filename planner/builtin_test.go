package planner_test

import (
	"testing"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
)

func TestBuiltinStackLoads(t *testing.T) {
	t.Parallel()
	s, err := planner.LoadBuiltin(resources.All(), resources.Builtin, "tiny.img")
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != planner.BuiltinStack {
		t.Errorf("its name is %s", s.Name)
	}
	if diags := planner.Validate(s); diags.HasErrors() {
		t.Error(text(diags))
	}
}
