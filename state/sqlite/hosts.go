package sqlite

import (
	"context"
	"time"

	"github.com/cairncloud/cairn/state"
)

// ClosedHosts lists the hosts that take nothing more.
func (s *store) ClosedHosts(ctx context.Context) (all []state.ClosedHost, err error) {
	err = s.read(ctx, func(c *conn) error {
		return c.query(`SELECT name, why, who, since FROM hosts_closed ORDER BY name`, func(r row) error {
			all = append(all, state.ClosedHost{Name: r.text(0), Why: r.text(1), Who: r.text(2), Since: time.UnixMicro(r.int(3))})
			return nil
		})
	})
	return all, in(err, "read the hosts that are closed")
}

// CloseHost has a host take nothing more.
func (s *store) CloseHost(ctx context.Context, h state.ClosedHost) error {
	err := s.write(ctx, func(c *conn) error {
		_, err := c.exec(`INSERT OR REPLACE INTO hosts_closed (name, why, who, since) VALUES (?, ?, ?, ?)`, h.Name, h.Why, h.Who, h.Since.UnixMicro())
		return err
	})
	return in(err, "close host %s", h.Name)
}

// OpenHost lets a host take things again. One that is not closed is no error.
func (s *store) OpenHost(ctx context.Context, name string) error {
	err := s.write(ctx, func(c *conn) error {
		_, err := c.exec(`DELETE FROM hosts_closed WHERE name = ?`, name)
		return err
	})
	return in(err, "open host %s", name)
}
