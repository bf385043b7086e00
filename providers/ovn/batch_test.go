package ovn

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/world"
)

var update = flag.Bool("update", false, "write the expected text anew")

func newWorld(app *providertest.App) *world.World {
	return world.New(resources.All(), providertest.Cloud(), app.Objects()...)
}

// transcript is operations for people, each value short and in a fixed order.
func transcript(ops []ovsdb.Operation) string {
	names := map[string]string{}
	for _, o := range ops {
		if o.UUID != "" {
			names[o.UUID] = fmt.Sprintf("<%s %d>", o.Table, len(names)+1)
		}
	}
	var b strings.Builder
	for _, o := range ops {
		text, err := json.Marshal(o)
		if err != nil {
			text = []byte(err.Error())
		}
		line := string(text)
		for id, name := range names {
			line = strings.ReplaceAll(line, id, name)
		}
		fmt.Fprintln(&b, line)
	}
	return b.String()
}

// canonical sorts what Go's maps give in any order.
func canonical(ops []ovsdb.Operation) []ovsdb.Operation {
	for _, o := range ops {
		for name, v := range o.Row {
			if m, ok := v.(ovsdb.OvsMap); ok {
				o.Row[name] = canonMap(m)
			}
		}
	}
	return ops
}

// The transaction that makes a whole app, as it goes out: no server is needed to
// see that it stays the same.
func TestTranscript(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	w := newWorld(app)
	d := Open(providertest.Cloud(), cloud.OVN{})
	d.tables, d.index = map[string]layout{}, newIndex(newSnapshot())
	b := &batch{Driver: d, ctx: t.Context(), settled: map[string]bool{}}
	c := newChunk()
	for _, o := range app.Objects() {
		j := b.job(w, providers.Change{Want: o})
		c.add(j, b.lay(j, nil))
	}
	got := transcript(canonical(c.operations(nil)))
	const file = "testdata/app.txt"
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the transaction is not that of %s (-update writes it anew):\n%s", file, got)
	}
}

// All of an app goes out in one transaction, and nothing of it a second time.
func TestOneTransaction(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	app := providertest.NewApp()
	w := newWorld(app)
	drv := d.driver()
	sent := 0
	drv.sent = func([]ovsdb.Operation) { sent++ }
	d.make(drv, w, app.Objects()...)
	if sent != 1 {
		t.Errorf("%d transactions made the app, not one", sent)
	}
	d.make(drv, w, app.Objects()...)
	if sent != 1 {
		t.Errorf("what was there already was written again: %d transactions", sent)
	}
	var changes []providers.Change
	for _, o := range slices.Backward(app.Objects()) {
		changes = append(changes, providers.Change{Have: o})
	}
	for i, r := range drv.Batch(t.Context(), world.New(resources.All(), providertest.Cloud()), changes) {
		if r.Err != nil {
			t.Errorf("delete %T: %v", changes[i].Have, r.Err)
		}
	}
	if sent != 2 {
		t.Errorf("%d transactions unmade it, not one", sent-1)
	}
	for table := range drv.tables {
		if table == "NB_Global" {
			continue
		}
		if left := strings.TrimSpace(d.nbctl("--columns=_uuid", "list", table)); left != "" {
			t.Errorf("left in %s: %s", table, left)
		}
	}
}

// What a cloud has left when nothing of it is known any more goes with its purge,
// and nobody else's.
func TestPurge(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	theirs := d.foreign()
	app := providertest.NewApp()
	d.make(d.driver(), newWorld(app), app.Objects()...)
	drv := d.driver()
	if err := drv.Purge(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := drv.look(t.Context())
	if err != nil || len(s.rows) > 0 {
		t.Errorf("%d rows are left, %v", len(s.rows), err)
	}
	if now := d.dump(); now != theirs {
		t.Errorf("rows of others were changed:\n%s", now)
	}
}

// madeApp is a server on which a driver has made the app.
func madeApp(t *testing.T) (*database, *Driver, *providertest.App, *world.World) {
	t.Helper()
	app := providertest.NewApp()
	w := newWorld(app)
	d := startDatabase(t)
	drv := d.driver()
	d.make(drv, w, app.Objects()...)
	return d, drv, app, w
}

// foreign are rows as Neutron and people make them.
func (d *database) foreign() string {
	d.Helper()
	d.nbctl("ls-add", "neutron-1", "--", "lsp-add", "neutron-1", "theirs", "--", "lsp-set-addresses", "theirs", "02:00:00:00:00:01 10.0.0.1",
		"--", "pg-add", "neutron_pg_drop", "theirs", "--", "acl-add", "neutron_pg_drop", "to-lport", "1001", "ip", "drop",
		"--", "lr-add", "neutron-r", "--", "lr-nat-add", "neutron-r", "snat", "192.0.2.1", "10.0.0.0/24", "--", "lb-add", "theirs", "192.0.2.2:80", "10.0.0.1:80")
	return d.dump()
}

// dump is what others have in the database.
func (d *database) dump() string {
	d.Helper()
	var all []string
	for _, find := range [][]string{{"Logical_Switch", "name=neutron-1"}, {"Logical_Switch_Port", "name=theirs"}, {"Port_Group", "name=neutron_pg_drop"},
		{"ACL", "priority=1001"}, {"Logical_Router", "name=neutron-r"}, {"NAT", "external_ip=192.0.2.1"}, {"Load_Balancer", "name=theirs"}} {
		all = append(all, d.nbctl(append([]string{"find"}, find...)...))
	}
	return strings.Join(all, "\n")
}

// Only who is to blame for a refusal fails, and the rows of others stay as they are.
func TestRefusedBatch(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	theirs := d.foreign()
	app := providertest.NewApp()
	w := newWorld(app)
	d.nbctl("lsp-add", "neutron-1", app.Web.ID) // somebody has taken the name, which OVN holds unique
	var changes []providers.Change
	for _, o := range app.Objects() {
		changes = append(changes, providers.Change{Want: o})
	}
	drv := d.driver()
	failed := 0
	for i, r := range drv.Batch(t.Context(), w, changes) {
		if r.Err == nil {
			continue
		}
		failed++
		if changes[i].Want != any(app.Web) || !strings.Contains(r.Err.Error(), "port "+app.Web.ID) || !strings.Contains(r.Err.Error(), "name") {
			t.Errorf("%T: %v", changes[i].Want, r.Err)
		}
	}
	if failed != 1 {
		t.Errorf("%d changes failed, not the one to blame", failed)
	}
	d.nbctl("lsp-del", app.Web.ID)
	d.make(drv, w, app.Objects()...)
	for _, o := range slices.Backward(app.Objects()) {
		r := drv.Batch(t.Context(), world.New(resources.All(), providertest.Cloud()), []providers.Change{{Have: o}})[0]
		if r.Err != nil {
			t.Errorf("delete %T: %v", o, r.Err)
		}
	}
	if now := d.dump(); now != theirs {
		t.Errorf("rows of others were changed:\n%s\nbefore:\n%s", now, theirs)
	}
}

func TestWhatIsInUseStays(t *testing.T) {
	t.Parallel()
	d, drv, app, w := madeApp(t)
	for _, o := range []any{app.Inside, app.Router, app.DBGroup} {
		r := drv.Batch(t.Context(), w, []providers.Change{{Have: o}})[0]
		if !errors.Is(r.Err, providers.ErrInUse) || !strings.Contains(r.Err.Error(), "still has ports") {
			t.Errorf("delete %T: %v", o, r.Err)
		}
	}
	d.make(drv, w, app.Objects()...)
}

// Somebody else writes between our look and our change: ours is laid out again
// from what is there then, and theirs stays where it does not matter to us.
func TestForeignWriter(t *testing.T) {
	t.Parallel()
	d, drv, app, w := madeApp(t)
	off := *app.Web
	off.AdminStateUp = new(bool)
	w.Put(&off)
	times := 0
	drv.sent = func([]ovsdb.Operation) {
		if times++; times < 3 {
			d.nbctl("lsp-set-enabled", off.ID, []string{"enabled", "disabled"}[times%2], "--", "set", "Logical_Switch_Port", off.ID, "external_ids:theirs=1", fmt.Sprintf("external_ids:cairn\\:port_name=%d", times))
		}
	}
	if r := drv.Batch(t.Context(), w, []providers.Change{{Have: app.Web, Want: &off}})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	row := d.nbctl("--columns=enabled,external_ids", "find", "Logical_Switch_Port", "name="+off.ID)
	if !strings.Contains(row, "false") || !strings.Contains(row, "theirs=1") || times < 2 {
		t.Errorf("after %d times: %s", times, row)
	}
	drv.sent = func([]ovsdb.Operation) {
		times++
		d.nbctl("set", "Logical_Switch_Port", off.ID, fmt.Sprintf("external_ids:cairn\\:port_name=%d", times), fmt.Sprintf("enabled=%v", times%2 == 0))
	}
	if r := drv.Batch(t.Context(), w, []providers.Change{{Have: &off, Want: app.Web}})[0]; r.Err == nil || !strings.Contains(r.Err.Error(), "keeps changing") {
		t.Errorf("a writer that never rests: %v", r.Err)
	}
}

// A parent that somebody takes away just before we come: OVN would let the new
// row vanish without a word.
func TestParentVanishes(t *testing.T) {
	t.Parallel()
	d, drv, app, w := madeApp(t)
	twin := *app.Web
	twin.ID = "11111111-0000-4000-8000-000000000001"
	drv.sent = func([]ovsdb.Operation) { d.nbctl("--if-exists", "ls-del", "cairn-"+app.Inside.ID) }
	r := drv.Batch(t.Context(), w, []providers.Change{{Want: &twin}})[0]
	if r.Err == nil || !strings.Contains(r.Err.Error(), "Logical_Switch") || !strings.Contains(r.Err.Error(), "is not there") {
		t.Errorf("got %v", r.Err)
	}
}

// The server is killed under a transaction, and comes back: reading back tells
// what was done, and the rest is done once more.
func TestServerKilledUnderUs(t *testing.T) {
	t.Parallel()
	d, drv, app, w := madeApp(t)
	off := *app.Web
	off.AdminStateUp = new(bool)
	w.Put(&off)
	killed := false
	drv.sent = func([]ovsdb.Operation) {
		if !killed {
			killed = true
			d.stop()
			d.start()
		}
	}
	if r := drv.Batch(t.Context(), w, []providers.Change{{Have: app.Web, Want: &off}})[0]; r.Err != nil {
		t.Fatal(r.Err)
	}
	if row := d.nbctl("--columns=enabled", "find", "Logical_Switch_Port", "name="+off.ID); !strings.Contains(row, "false") {
		t.Errorf("enabled is %s", row)
	}
}

// Two writers with one database, half of the objects each at the same time.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	w := newWorld(app)
	d := startDatabase(t)
	base := []any{app.Inside, app.Inside4, app.Inside6}
	d.make(d.driver(), w, base...)
	errs := make(chan error)
	for n := range 2 {
		drv := d.driver()
		go func() {
			var changes []providers.Change
			for i := range 200 {
				p := *app.Web
				p.ID = fmt.Sprintf("%08d-0000-4000-8000-00000000000%d", i, n)
				p.SecurityGroupIDs = nil
				changes = append(changes, providers.Change{Want: &p})
			}
			var all []error
			for _, r := range drv.Batch(t.Context(), w, changes) {
				all = append(all, r.Err)
			}
			errs <- errors.Join(all...)
		}()
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(strings.Fields(d.nbctl("--columns=_uuid", "find", "Logical_Switch_Port", "external_ids:cairn\\:type=port"))); n != 400 {
		t.Errorf("%d ports are there, not 400", n)
	}
}

// A schema without a column that some rows need.
func TestOlderServer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("nbschema/ovn-nb.ovsschema")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema, "cksum")
	schema["version"] = "6.1.0"
	columns := schema["tables"].(map[string]any)["NAT"].(map[string]any)["columns"].(map[string]any)
	delete(columns, "gateway_port")
	if text, err = json.Marshal(schema); err != nil {
		t.Fatal(err)
	}
	older := filepath.Join(t.TempDir(), "old.ovsschema")
	if err := os.WriteFile(older, text, 0o600); err != nil {
		t.Fatal(err)
	}
	d := startDatabaseOf(t, older)
	app := providertest.NewApp()
	w := newWorld(app)
	drv := d.driver()
	fits, err := drv.Fits(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []any{app.Inside, app.Web, app.Inside4} {
		if err := fits(w, o); err != nil {
			t.Errorf("%T: %v", o, err)
		}
	}
	err = fits(w, app.Router)
	if err == nil || !strings.Contains(err.Error(), "NAT.gateway_port") || !strings.Contains(err.Error(), "6.1.0") {
		t.Errorf("a router needs NAT.gateway_port: %v", err)
	}
	if r := drv.Batch(t.Context(), w, []providers.Change{{Want: app.Router}})[0]; r.Err == nil || !strings.Contains(r.Err.Error(), "NAT.gateway_port") {
		t.Errorf("it was not refused: %v", r.Err)
	}
	d.make(drv, w, app.Inside, app.Inside4)
}
