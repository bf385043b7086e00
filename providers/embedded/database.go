package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	_ "modernc.org/sqlite" // the database's driver
)

// file is the database's name in the cloud's folder.
const file = "embedded.db"

// tables are made where they are missing.
//
// objects are what was created. refs are the ids that an object names, to find
// who uses what. holds are the things that only one object can have: an address
// on a network, a VLAN on a wire. uses are objects that something is plugged
// into. nb and links are OVN's rows, and the references between them.
const tables = `
CREATE TABLE IF NOT EXISTS objects (type TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL, secret BLOB, PRIMARY KEY (type, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS refs (target TEXT NOT NULL, type TEXT NOT NULL, attribute TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (target, type, attribute, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS refs_of ON refs (type, id);
CREATE TABLE IF NOT EXISTS holds (space TEXT NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (space, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS holds_of ON holds (type, id);
CREATE TABLE IF NOT EXISTS uses (type TEXT NOT NULL, id TEXT NOT NULL, by TEXT NOT NULL, PRIMARY KEY (type, id, by)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nb (id TEXT PRIMARY KEY, tab TEXT NOT NULL, owner TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nb_of ON nb (owner);
CREATE TABLE IF NOT EXISTS nbkeys (tab TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS nbkeys_of ON nbkeys (id);
CREATE TABLE IF NOT EXISTS links (source TEXT NOT NULL, target TEXT NOT NULL, col TEXT NOT NULL, says TEXT NOT NULL, weak INTEGER NOT NULL, PRIMARY KEY (source, target, col)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_to ON links (target);
CREATE INDEX IF NOT EXISTS links_says ON links (says);
`

// A database is the file, opened. Reads run beside one write.
type database struct {
	sql     *sql.DB
	writing sync.Mutex // one writer of this process at a time; SQLite orders processes

	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

// openDatabase opens the file, and makes it where there is none. A commit
// survives the process's death at once; after a power cut the last ones may be
// missing, never half of one.
func openDatabase(ctx context.Context, dir string) (*database, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded cloud: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("embedded cloud: %w", err)
	}
	path := filepath.Join(dir, file)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("embedded cloud: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("embedded cloud: %w", err)
	}
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(20000)", "journal_mode(WAL)", "synchronous(NORMAL)"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String())
	if err != nil {
		return nil, fmt.Errorf("embedded cloud: %w", err)
	}
	db.SetMaxOpenConns(4)
	if _, err := db.ExecContext(ctx, tables+room); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("embedded cloud: %s: %w", path, err)
	}
	return &database{sql: db, stmts: map[string]*sql.Stmt{}}, nil
}

// prepare keeps statements for as long as the database is open.
func (d *database) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.stmts[query]; s != nil {
		return s, nil
	}
	s, err := d.sql.PrepareContext(context.WithoutCancel(ctx), query)
	if err != nil {
		return nil, fmt.Errorf("embedded cloud: %w", err)
	}
	d.stmts[query] = s
	return s, nil
}

func (d *database) close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.stmts {
		_ = s.Close()
	}
	d.stmts = nil
	return d.sql.Close()
}

// inUse is which objects of a type something is plugged into: all, or the one
// whose id is given.
func inUse(ctx context.Context, db *database, typ, id string) (map[string]bool, error) {
	query, args := "SELECT id FROM uses WHERE type = ?", []any{typ}
	if id != "" {
		query, args = query+" AND id = ?", append(args, id)
	}
	s, err := db.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	return used, each(ctx, s, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		used[id] = true
		return err
	}, args...)
}
