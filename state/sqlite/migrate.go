package sqlite

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/cairncloud/cairn/state"
)

// application is cairn's mark in the header of its databases: "cair".
const application = 0x63616972

// migrations take a database from the version of their index to the next.
// What has been released is never edited; a change is another entry.
var migrations = []string{`
CREATE TABLE meta (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE stacks (
	id     INTEGER PRIMARY KEY,
	name   TEXT NOT NULL UNIQUE,
	serial INTEGER NOT NULL DEFAULT 0,
	fence  INTEGER NOT NULL DEFAULT 0 -- of the last lock; never used again
);

CREATE TABLE locks (
	stack   INTEGER PRIMARY KEY REFERENCES stacks,
	fence   INTEGER NOT NULL,
	who     TEXT NOT NULL,
	host    TEXT NOT NULL,
	boot    TEXT NOT NULL,
	pid     INTEGER NOT NULL,
	born    INTEGER NOT NULL, -- when the process began, in the system's ticks; 0: unknown
	command TEXT NOT NULL,
	taken   INTEGER NOT NULL,
	expires INTEGER NOT NULL
);

CREATE TABLE records (
	stack   INTEGER NOT NULL REFERENCES stacks,
	address TEXT NOT NULL,
	deposed TEXT NOT NULL,
	type    TEXT NOT NULL,
	id      TEXT NOT NULL,
	schema  INTEGER NOT NULL,
	tainted INTEGER NOT NULL,
	cbd     INTEGER NOT NULL, -- create before destroy
	want    BLOB,
	seen    BLOB,
	attrs   BLOB,
	secret  BLOB,
	deps    TEXT NOT NULL,    -- one a line
	serial  INTEGER NOT NULL,
	run     INTEGER NOT NULL,
	PRIMARY KEY (stack, address, deposed)
) WITHOUT ROWID;
CREATE INDEX records_by_type ON records (type, stack);

-- Records as they were from the end of one run until the end of another.
CREATE TABLE record_versions (
	stack    INTEGER NOT NULL REFERENCES stacks,
	to_run   INTEGER NOT NULL,
	address  TEXT NOT NULL,
	deposed  TEXT NOT NULL,
	type     TEXT NOT NULL,
	id       TEXT NOT NULL,
	schema   INTEGER NOT NULL,
	tainted  INTEGER NOT NULL,
	cbd      INTEGER NOT NULL,
	want     BLOB,
	seen     BLOB,
	attrs    BLOB,
	secret   BLOB,
	deps     TEXT NOT NULL,
	serial   INTEGER NOT NULL,
	from_run INTEGER NOT NULL,
	PRIMARY KEY (stack, to_run, address, deposed)
) WITHOUT ROWID;

CREATE TABLE sources (
	hash BLOB PRIMARY KEY, -- SHA-256 of what is packed
	data BLOB NOT NULL     -- gzip
) WITHOUT ROWID;

CREATE TABLE runs (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	stack   INTEGER NOT NULL REFERENCES stacks,
	fence   INTEGER NOT NULL,
	command TEXT NOT NULL,
	who     TEXT NOT NULL,
	started INTEGER NOT NULL,
	ended   INTEGER NOT NULL,
	status  TEXT NOT NULL,
	error   TEXT NOT NULL,
	source  BLOB REFERENCES sources,
	steps   INTEGER NOT NULL,
	open    INTEGER NOT NULL CHECK (open >= 0) -- steps without an end
);
CREATE INDEX runs_by_stack ON runs (stack, id);
CREATE UNIQUE INDEX runs_open ON runs (stack) WHERE status = 'running';

CREATE TABLE steps (
	run     INTEGER NOT NULL REFERENCES runs,
	step    INTEGER NOT NULL,
	action  TEXT NOT NULL,
	address TEXT NOT NULL,
	deposed TEXT NOT NULL,
	type    TEXT NOT NULL,
	id      TEXT NOT NULL,
	ready   INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	before  BLOB,
	status  TEXT NOT NULL,
	error   TEXT NOT NULL,
	ended   INTEGER NOT NULL,
	made    INTEGER NOT NULL DEFAULT 0, -- it ended with a record
	-- The record that it leads to, while there is any use for it.
	put_address TEXT, -- NULL: none
	put_deposed TEXT,
	put_type    TEXT,
	put_id      TEXT,
	put_schema  INTEGER,
	put_tainted INTEGER,
	put_cbd     INTEGER,
	put_want    BLOB,
	put_seen    BLOB,
	put_attrs   BLOB,
	put_secret  BLOB,
	put_deps    TEXT,
	put_serial  INTEGER,
	PRIMARY KEY (run, step)
) WITHOUT ROWID;
CREATE INDEX steps_made ON steps (run, address) WHERE made = 1;

CREATE TABLE outputs (
	stack     INTEGER NOT NULL REFERENCES stacks,
	name      TEXT NOT NULL,
	value     BLOB,
	secret    BLOB,
	sensitive INTEGER NOT NULL,
	PRIMARY KEY (stack, name)
) WITHOUT ROWID;

-- What a run takes carries its number, and what was before it, so that it can
-- be given back: see giveBack.
CREATE TABLE claims (
	space   TEXT NOT NULL,
	key     TEXT NOT NULL,
	stack   INTEGER NOT NULL REFERENCES stacks,
	address TEXT NOT NULL,
	run     INTEGER NOT NULL,
	was     TEXT, -- the address of the same stack that it was taken over from
	PRIMARY KEY (space, key)
) WITHOUT ROWID;
CREATE INDEX claims_by_holder ON claims (stack, address);
CREATE INDEX claims_taken_over ON claims (stack, was) WHERE was IS NOT NULL;

-- Ranges of one space never overlap, whoever holds them.
CREATE TABLE ranges (
	space   TEXT NOT NULL,
	lo      BLOB NOT NULL,
	hi      BLOB NOT NULL,
	stack   INTEGER NOT NULL REFERENCES stacks,
	address TEXT NOT NULL,
	run     INTEGER NOT NULL,
	PRIMARY KEY (space, lo),
	CHECK (length(lo) = length(hi) AND lo <= hi)
) WITHOUT ROWID;
CREATE INDEX ranges_by_holder ON ranges (stack, address);

-- Ranges as they were before an address claimed across them in a run.
CREATE TABLE ranges_before (
	run     INTEGER NOT NULL,
	address TEXT NOT NULL,
	space   TEXT NOT NULL,
	lo      BLOB NOT NULL,
	hi      BLOB NOT NULL,
	holder  TEXT NOT NULL, -- the same address, or one of the same stack that lets go
	PRIMARY KEY (run, address, space, lo)
) WITHOUT ROWID;

-- What is used never grows past bound: the limit, or what was used when the
-- limit was lowered below it, falling with use.
CREATE TABLE counters (
	space TEXT NOT NULL,
	key   TEXT NOT NULL,
	used  INTEGER NOT NULL CHECK (used >= 0),
	lim   INTEGER NOT NULL, -- below 0: none
	bound INTEGER NOT NULL,
	PRIMARY KEY (space, key),
	CHECK (lim < 0 OR used <= bound)
) WITHOUT ROWID;

CREATE TABLE shares (
	space   TEXT NOT NULL,
	key     TEXT NOT NULL,
	stack   INTEGER NOT NULL REFERENCES stacks,
	address TEXT NOT NULL,
	amount  INTEGER NOT NULL CHECK (amount >= 0),
	run     INTEGER NOT NULL,
	was     INTEGER, -- the amount before that run; NULL: there was no share
	PRIMARY KEY (space, key, stack, address),
	FOREIGN KEY (space, key) REFERENCES counters
) WITHOUT ROWID;
CREATE INDEX shares_by_holder ON shares (stack, address);
`, `
ALTER TABLE stacks ADD COLUMN front TEXT NOT NULL DEFAULT ''; -- the front end that keeps it; '': cairn
ALTER TABLE stacks ADD COLUMN heard INTEGER NOT NULL DEFAULT 0; -- the newest run that the front end could know of when it was heard last
ALTER TABLE locks ADD COLUMN front TEXT NOT NULL DEFAULT '';

ALTER TABLE records ADD COLUMN unheard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE record_versions ADD COLUMN unheard INTEGER NOT NULL DEFAULT 0;
ALTER TABLE steps ADD COLUMN put_unheard INTEGER;
CREATE INDEX records_unheard ON records (stack, id) WHERE unheard = 1;

-- What one address goes through in a run, whatever came of it: queries name this
-- index, as SQLite would rather read the whole run. Of a step, made = 2 now
-- means: it ended with a record, and what it took is settled.
DROP INDEX steps_made;
CREATE INDEX steps_by_address ON steps (run, address);

-- What is reserved is in the ledger as any claim is, with -number as its run.
CREATE TABLE reservations (
	number  INTEGER PRIMARY KEY AUTOINCREMENT,
	stack   INTEGER NOT NULL REFERENCES stacks,
	key     TEXT NOT NULL,
	front   TEXT NOT NULL,
	expires INTEGER NOT NULL,
	due     INTEGER NOT NULL, -- expires while it holds anything, then when the row goes
	claims  BLOB NOT NULL,    -- JSON, as they were asked for
	-- The object as it was planned.
	address TEXT NOT NULL,
	deposed TEXT NOT NULL,
	type    TEXT NOT NULL,
	id      TEXT NOT NULL,
	schema  INTEGER NOT NULL,
	tainted INTEGER NOT NULL,
	cbd     INTEGER NOT NULL,
	want    BLOB,
	seen    BLOB,
	attrs   BLOB,
	secret  BLOB,
	deps    TEXT NOT NULL,
	serial  INTEGER NOT NULL,
	unheard INTEGER NOT NULL,
	UNIQUE (stack, key)
);
CREATE INDEX reservations_by_address ON reservations (stack, address);
CREATE INDEX reservations_due ON reservations (due);
`, `
-- Hosts that take nothing more, and why.
CREATE TABLE hosts_closed (
	name  TEXT PRIMARY KEY,
	why   TEXT NOT NULL,
	who   TEXT NOT NULL,
	since INTEGER NOT NULL
) WITHOUT ROWID;
`}

// migrate brings the database up to this program's version, each version in a
// transaction of its own.
func (s *store) migrate(ctx context.Context, c *conn) error {
	for {
		if err := c.begin(ctx, "BEGIN IMMEDIATE", s.patience); err != nil {
			return err
		}
		version, err := s.version(c)
		if err != nil || version == len(migrations) {
			_, err := c.end(err)
			return err
		}
		if _, err := c.end(step(c, version)); err != nil {
			return in(err, "migrate %s from version %d", s.path, version)
		}
	}
}

func step(c *conn, version int) error {
	if err := c.script(migrations[version]); err != nil {
		return err
	}
	if version == 0 {
		if _, err := c.exec(`INSERT INTO meta VALUES ('cloud', ?)`, uuid.NewString()); err != nil {
			return err
		}
		if err := c.script(fmt.Sprintf("PRAGMA application_id = %d", application)); err != nil {
			return err
		}
	}
	return c.script(fmt.Sprintf("PRAGMA user_version = %d", version+1))
}

// version of the database, which is cairn's and not newer than this program.
func (s *store) version(c *conn) (int, error) {
	r, err := c.one(`SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`)
	if err != nil {
		return 0, err
	}
	version := int(r.int(1))
	if r.int(0) != application && (version != 0 || r.int(2) != 0 || !s.making) {
		return 0, fmt.Errorf("%s is a SQLite database, but not cairn's; name another file", s.path)
	}
	if version > len(migrations) {
		return 0, fmt.Errorf("%w: %s has version %d, this program knows %d; use a newer cairn", state.ErrNewer, s.path, version, len(migrations))
	}
	return version, nil
}
