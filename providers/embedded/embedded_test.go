package embedded_test

import (
	"testing"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/providers/providertest"
)

func open(t testing.TB, dir string) *embedded.Cloud {
	t.Helper()
	c, err := embedded.Open(t.Context(), dir, providertest.Cloud())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Suite{
		Open:     func(t testing.TB) map[string]providers.Handle { return open(t, t.TempDir()).System().Handles },
		Samples:  providertest.NetworkSamples(),
		Refusals: providertest.NetworkRefusals(),
	})
}
