package ovn

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/world"
)

func (d *database) nbctl(args ...string) string {
	d.Helper()
	return d.run("ovn-nbctl", append([]string{"--db=" + d.remote, "--bare"}, args...)...)
}

// make makes objects by one batch.
func (d *database) make(drv *Driver, w *world.World, objects ...any) {
	d.Helper()
	var changes []providers.Change
	for _, o := range objects {
		changes = append(changes, providers.Change{Want: o})
	}
	for _, r := range drv.Batch(d.Context(), w, changes) {
		if r.Err != nil {
			d.Fatal(r.Err)
		}
	}
}

// What others do to our rows is told with the objects that it breaks, in a moment.
func TestWatch(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	app := providertest.NewApp()
	w := world.New(resources.All(), providertest.Cloud(), app.Objects()...)
	d.make(d.driver(), w, app.Objects()...)
	ctx, cancel := context.WithCancel(t.Context())
	told, ended := make(chan []string, 100), make(chan error, 1)
	go func() { ended <- d.driver().Watch(ctx, func(ids []string) { told <- ids }) }()
	expect := func(id, reason string) {
		t.Helper()
		late := time.After(10 * time.Second)
		for {
			select {
			case ids := <-told:
				if slices.Contains(ids, id) {
					return
				}
			case err := <-ended:
				t.Fatalf("%s: the watch ended: %v", reason, err)
			case <-late:
				t.Fatalf("%s: nobody told", reason)
			}
		}
	}
	expect(app.Web.ID, "what is there at first")
	d.nbctl("lsp-set-enabled", app.Web.ID, "disabled")
	expect(app.Web.ID, "a column")
	group := d.nbctl("--columns=name", "find", "Port_Group", "external_ids:cairn\\:id="+app.DBGroup.ID)
	d.nbctl("clear", "Port_Group", strings.TrimSpace(group), "ports")
	expect(app.DB.ID, "a place in a group")
	d.nbctl("lsp-del", app.Web.ID)
	expect(app.Web.ID, "a row that is gone")
	d.stop()
	d.start()
	expect(app.DB.ID, "after the server was away")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the watch ended with %v", err)
	}
}
