package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	engine "modernc.org/sqlite"
)

// A conn is one connection with the statements it has prepared. It stands on
// the driver, without database/sql: a statement is prepared once a connection,
// and a row is scanned without reflection. One goroutine uses it at a time.
type conn struct {
	raw   driver.Conn
	stmts map[string]driver.Stmt
	args  []driver.NamedValue
}

func connect(ctx context.Context, dsn string) (*conn, error) {
	connector, err := engine.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{raw: raw, stmts: map[string]driver.Stmt{}}, nil
}

func (c *conn) close() error {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	c.stmts = nil
	return c.raw.Close()
}

func (c *conn) prepare(query string) (driver.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.raw.Prepare(query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

// bind keeps to the few types that the driver takes. Empty bytes are NULL, so
// that nil and empty are one.
func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		switch x := a.(type) {
		case int:
			a = int64(x)
		case time.Time:
			a = micros(x)
		case []byte:
			if len(x) == 0 {
				a = nil
			}
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs one statement and answers how many rows it changed. Statements run
// without a context: transactions are short, and begin and end look at it.
func (c *conn) exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// insert is exec that answers the new row's id.
func (c *conn) insert(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	r, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, err
	}
	return r.LastInsertId()
}

// script runs statements that are used once, and may be several.
func (c *conn) script(text string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}

// A row is what a query gives of one line.
type row []driver.Value

func (r row) int(i int) int64      { n, _ := r[i].(int64); return n }
func (r row) text(i int) string    { s, _ := r[i].(string); return s }
func (r row) bytes(i int) []byte   { b, _ := r[i].([]byte); return b }
func (r row) bool(i int) bool      { return r.int(i) != 0 }
func (r row) time(i int) time.Time { return at(r.int(i)) }

// query calls each with every row; the row is each's until it returns.
func (c *conn) query(query string, each func(row) error, args ...any) error {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), c.bind(args))
	if err != nil {
		return err
	}
	r := make(row, len(rows.Columns()))
	for {
		switch err := rows.Next(r); {
		case errors.Is(err, io.EOF):
			return rows.Close()
		case err != nil:
			_ = rows.Close()
			return err
		}
		if err := each(r); err != nil {
			_ = rows.Close()
			return err
		}
	}
}

// one reads the first row of a query; nil when there is none.
func (c *conn) one(query string, args ...any) (row, error) {
	var first row
	err := c.query(query, func(r row) error {
		if first == nil {
			first = append(row(nil), r...)
		}
		return nil
	}, args...)
	return first, err
}

// begin starts a transaction; a writer's takes the write lock at once, and
// asks again for as long as patience lasts.
func (c *conn) begin(ctx context.Context, how string, patience time.Duration) error {
	until := time.Now().Add(patience)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := c.exec(how)
		if err == nil || !busy(err) || time.Now().After(until) {
			return err
		}
	}
}

// end commits, or takes back everything if err is not nil. Its error is err's,
// or the commit's; usable is false when the connection can't be used further.
func (c *conn) end(err error) (usable bool, _ error) {
	if err == nil {
		if _, err = c.exec("COMMIT"); err == nil {
			return true, nil
		}
	}
	// After a full disk SQLite may have rolled back by itself.
	_, _ = c.exec("ROLLBACK")
	if _, again := c.exec("BEGIN"); again != nil {
		return false, err
	}
	_, again := c.exec("ROLLBACK")
	return again == nil, err
}

// write runs f in one durable write transaction, or leaves no trace of it.
func (s *store) write(ctx context.Context, f func(*conn) error) error {
	if s.readOnly {
		return s.say(errReadOnly)
	}
	var c *conn
	select {
	case c = <-s.writer:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	if c == nil {
		var err error
		if c, err = connect(ctx, s.dsn(false)); err != nil {
			s.writer <- nil
			return s.say(err)
		}
	}
	err := c.begin(ctx, "BEGIN IMMEDIATE", s.patience)
	if err != nil {
		s.writer <- c
		if busy(err) {
			return s.busy()
		}
		return s.say(err)
	}
	usable, err := c.end(f(c))
	if !usable {
		_ = c.close()
		c = nil
	}
	s.writer <- c
	return s.say(err)
}

// read runs f in one read transaction: all that it reads is of one moment. It
// waits for no writer.
func (s *store) read(ctx context.Context, f func(*conn) error) error {
	var c *conn
	select {
	case c = <-s.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	if c == nil {
		var err error
		if c, err = connect(ctx, s.dsn(true)); err != nil {
			s.readers <- nil
			return s.say(err)
		}
	}
	err := c.begin(ctx, "BEGIN", s.patience)
	if err == nil {
		var usable bool
		if usable, err = c.end(f(c)); !usable {
			_ = c.close()
			c = nil
		}
	}
	s.readers <- c
	return s.say(err)
}

// in adds what a caller was doing to an error, and nothing to none.
func in(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}

// Times are kept as microseconds of Unix time; 0 is no time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
