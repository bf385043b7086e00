package embedded

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func checkPort(t *tx, _ schema.World, _, want *resources.Port) error {
	if !want.MACAddress.IsValid() {
		return refused("a port needs a MAC")
	}
	for _, f := range want.FixedIPs {
		if err := inside(t, want.NetworkID, f); err != nil {
			return err
		}
	}
	if err := want.Checks(t); err != nil {
		return refused("%v", err)
	}
	return nil
}

func portHolds(_ *tx, p *resources.Port) []hold {
	all := []hold{hardware(p.NetworkID, p.MACAddress)}
	for _, f := range p.FixedIPs {
		all = append(all, address(p.NetworkID, f.IPAddress))
	}
	return all
}

func portInUse(t *tx, p *resources.Port) error {
	by, err := t.users("port", p.ID)
	if err != nil {
		return err
	}
	if len(by) > 0 {
		return refused("%s is plugged into the port", strings.Join(by, ", "))
	}
	for b := range schema.Where[resources.LoadBalancer](t, "vip_port_id", p.ID) {
		return refused("load balancer %s has its address by the port", b.ID)
	}
	return nil
}

// portRows are OVN's rows, with what its daemon says: whether the port is up.
func portRows(t *tx, p *resources.Port) []rows.Row {
	all := rows.Of(t, p)
	by, err := t.users("port", p.ID)
	t.note(err)
	all[0].Columns["up"] = len(by) > 0
	return all
}

// portStatus tells which ports somebody is plugged into.
func portStatus(ctx context.Context, db *database, id string) (func(*resources.Port), error) {
	used, err := inUse(ctx, db, "port", id)
	return func(p *resources.Port) {
		p.Status = "DOWN"
		if used[p.ID] {
			p.Status = "ACTIVE"
		}
	}, err
}

// Plug says that something, such as "instance 5f0c...", is plugged into a port;
// Unplug takes it back. Both may be repeated.
func (c *Cloud) Plug(ctx context.Context, port, by string) error {
	return c.plug(ctx, port, "plug "+by+" into port "+port, `INSERT OR IGNORE INTO uses (type, id, by) VALUES ('port', ?, ?)`, by)
}

// Unplug takes something out of a port.
func (c *Cloud) Unplug(ctx context.Context, port, by string) error {
	return c.plug(ctx, port, "unplug "+by+" from port "+port, `DELETE FROM uses WHERE type = 'port' AND id = ? AND by = ?`, by)
}

func (c *Cloud) plug(ctx context.Context, port, op, query, by string) error {
	if err := c.begin(ctx, op); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	err := c.write(ctx, func(t *tx) error {
		p := t.Find(reflect.TypeFor[resources.Port](), port)
		if err := t.exec(query, port, by); err != nil {
			return err
		}
		if p == nil && strings.HasPrefix(query, "INSERT") {
			return providers.ErrNotFound
		}
		if p == nil {
			return nil
		}
		return t.renderAll([]any{p})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}
