package rows

import (
	"strings"
	"testing"

	"github.com/cairncloud/cairn/resources"
)

// Each entry names a type and an attribute that it has.
func TestAttributesAreDeclared(t *testing.T) {
	t.Parallel()
	types := resources.All()
	for key, attribute := range attributes {
		name, column, _ := strings.Cut(key, " ")
		typ := types.Resource(name)
		if typ == nil || typ.Attribute(attribute) == nil || !strings.Contains(column, ".") {
			t.Errorf("%s: %s has no attribute %s", key, name, attribute)
		}
	}
}
