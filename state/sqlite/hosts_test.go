package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
)

func TestClosedHosts(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "cairn.db"))
	since := time.UnixMicro(1_700_000_000_000_000)
	must(t, s.CloseHost(ctx, state.ClosedHost{Name: "b", Why: "new memory", Who: "bob", Since: since}))
	must(t, s.CloseHost(ctx, state.ClosedHost{Name: "a", Why: "old", Who: "bob", Since: since}))
	must(t, s.CloseHost(ctx, state.ClosedHost{Name: "a", Why: "older", Who: "eve", Since: since})) // said anew
	all, err := s.ClosedHosts(ctx)
	must(t, err)
	if len(all) != 2 || all[0] != (state.ClosedHost{Name: "a", Why: "older", Who: "eve", Since: since}) || all[1].Name != "b" {
		t.Errorf("%+v", all)
	}
	must(t, s.OpenHost(ctx, "a"))
	must(t, s.OpenHost(ctx, "a")) // it is open
	if all, err = s.ClosedHosts(ctx); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}
