package ovn

import (
	"maps"
	"slices"
	"testing"

	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources/cloud"
)

// What the embedded cloud leaves to OVN where there is one, OVN makes, and nothing
// else: no type is without a driver, or has two.
func TestTypes(t *testing.T) {
	t.Parallel()
	types := func(networks ...cloud.OVN) []string {
		c := providertest.Cloud()
		c.OVN = networks
		e, err := embedded.Open(t.Context(), t.TempDir(), c)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(e.System().Handles))
	}
	rest := types(cloud.OVN{})
	left := slices.DeleteFunc(types(), func(name string) bool { return slices.Contains(rest, name) })
	if own := slices.Sorted(maps.Keys(Open(providertest.Cloud(), cloud.OVN{}).System().Handles)); !slices.Equal(own, left) {
		t.Errorf("OVN makes %v, and is left %v", own, left)
	}
}
