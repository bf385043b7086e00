package sqlite

import (
	"context"
	"os"
)

// MakeVersion makes a database as a program of an older version made it.
func MakeVersion(ctx context.Context, path string, version int) error {
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	c, err := connect(ctx, dsn(path, false, false, false))
	if err != nil {
		return err
	}
	for v := range version {
		if err := step(c, v); err != nil {
			return err
		}
	}
	if _, err := c.one(`PRAGMA journal_mode = WAL`); err != nil {
		return err
	}
	return c.close()
}
