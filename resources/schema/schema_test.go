package schema_test

import (
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources"
)

func TestDeclarations(t *testing.T) {
	t.Parallel()
	for _, typ := range resources.All().All() {
		if typ.Doc() == "" {
			t.Errorf("%s has no doc comment", typ.Name)
		}
		for _, a := range typ.Attributes {
			if typ.AttributeDoc(a) == "" {
				t.Errorf("%s.%s has no doc comment", typ.Name, a.Name)
			}
		}
	}
}

var _ = cty.Zero
