//go:build linux

package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// number reads one behind the store's back.
func number(t testing.TB, path, query string) (n int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	must(t, db.QueryRow(query).Scan(&n))
	must(t, db.Close())
	return n
}

// A database of the first version, with a row of each kind and a run that was
// killed, opens: all is there, and what is new works.
func TestOpenOlder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn.db")
	must(t, sqlite.MakeVersion(ctx, path, 1))
	query(t, path, `
INSERT INTO stacks VALUES (1, 'erp', 7, 2), (2, 'empty', 0, 1);
INSERT INTO locks VALUES (1, 2, 'bob@far', 'far', 'x', 1, 0, 'apply', 1, 2);
INSERT INTO runs VALUES (1, 1, 1, 'apply', 'bob@far', 1, 2, 'done', '', NULL, 1, 0), (2, 1, 2, 'apply', 'bob@far', 3, 0, 'running', '', NULL, 2, 1);
INSERT INTO records VALUES (1, 'a', '', 'thing', 'id-a', 1, 0, 1, x'77616e74', x'7365656e', x'7b7d', x'7365616c6564', 'network.a', 3, 2);
INSERT INTO record_versions VALUES (1, 2, 'a', '', 'thing', 'id-a', 1, 1, 1, x'77616e74', x'7365656e', x'7b226f6c64223a317d', NULL, '', 3, 1);
INSERT INTO steps VALUES (2, 1, 'update', 'a', '', 'thing', 'id-a', 1, 0, NULL, 'done', '', 4, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(2, 2, 'create', 'b', '', 'thing', 'id-b', 1, 0, NULL, 'intended', '', 0, 0, 'b', '', 'thing', 'id-b', 1, 0, 0, x'77616e74', NULL, x'7b7d', NULL, 'a', 5);
INSERT INTO outputs VALUES (1, 'x', x'31', NULL, 0);
INSERT INTO claims VALUES ('ip', '1', 1, 'a', 2, NULL), ('ip', '2', 1, 'b', 2, NULL);
INSERT INTO ranges VALUES ('cidr', x'0a', x'13', 1, 'a', 1);
INSERT INTO counters VALUES ('quota', 'cores', 4, 10, 10);
INSERT INTO shares VALUES ('quota', 'cores', 1, 'a', 4, 2, 1);`)

	s := open(t, path)
	if v := number(t, path, `SELECT user_version FROM pragma_user_version`); v != 3 {
		t.Errorf("version %d", v)
	}
	snap := snapshot(t, s, "erp")
	if snap.Serial != 7 || snap.Front != "" || addresses(snap.Records) != "a" || len(snap.Outputs) != 1 || snap.Lock == nil || snap.Lock.Fence != 2 || snap.Open == nil || len(snap.Intents) != 1 {
		t.Fatalf("%+v", snap)
	}
	if r := snap.Records[0]; r.ID != "id-a" || !r.CreateBeforeDestroy || r.Tainted || r.Unheard || string(r.Secret) != "sealed" || r.Serial != 3 || r.Run != 2 || r.Deps[0] != "network.a" {
		t.Errorf("record %+v", r)
	}
	if i := snap.Intents[0]; i.Put == nil || i.Put.ID != "id-b" || i.Put.Serial != 5 || i.Put.Unheard {
		t.Errorf("intent %+v of %+v", i, i.Put)
	}
	at, err := s.RecordsAt(ctx, "erp", 1)
	if must(t, err); len(at) != 1 || string(at[0].Attrs) != `{"old":1}` || !at[0].Tainted {
		t.Errorf("history: %+v", at)
	}
	const kept = "erp/a has 1; erp/a has 10-19; erp/a has 4 cores"
	if got := held(t, s, ""); got != sorted(kept+"; erp/b has 2") {
		t.Errorf("held: %s", got)
	}

	l := lock(t, s, "erp")
	must(t, l.Extend(ctx, 2, state.Extension{
		Ends:   []state.End{{Step: 2, Err: "not found"}},
		Claims: state.Claims{Take: append(ip("a", "4"), ip("c", "2")...), Shares: cores("a", 6)},
		Steps:  []state.Step{create("c"), create("a")}}))
	must(t, l.Commit(ctx, 2, []state.End{{Step: 4, Err: "no"}, {Step: 3, Put: record("c", "made")}}))
	finish(t, l, 2)
	if got := held(t, s, ""); got != sorted(kept+"; erp/c has 2") {
		t.Errorf("what a run of the old version has made stays: %s", got)
	}
	must(t, s.Reserve(ctx, "erp", state.Reservation{Key: "d", Object: *record("d", "x"), Claims: state.Claims{Take: ip("d", "5")}, Expires: time.Now().Add(time.Hour)}))
	if got := held(t, s, ""); got != sorted(kept+"; erp/c has 2; erp/d has 5") {
		t.Errorf("reserved: %s", got)
	}
}
