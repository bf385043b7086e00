package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/ovn/rows"
)

var nilValue = cty.NilVal

// renderAll writes the rows of objects anew, and holds what changed to the
// schema. An object that is gone has none.
func (t *tx) renderAll(objects []any) error {
	seen := map[string]bool{}
	for _, o := range objects {
		typ := reflect.TypeOf(o).Elem()
		h := t.cloud.tables[typ]
		if h == nil {
			continue
		}
		id := h.id2(o)
		owner := h.name() + "/" + id
		if seen[owner] {
			continue
		}
		seen[owner] = true
		now := t.Find(typ, id)
		if now == nil {
			continue
		}
		if err := t.writeRows(owner, h.rows(t, now)); err != nil {
			return err
		}
	}
	return t.settle()
}

// writeRows makes the rows of an owner what they shall be, touching those alone
// that differ.
func (t *tx) writeRows(owner string, want []rows.Row) error {
	had := map[string][]byte{}
	err := t.query(func(scan func(...any) error) error {
		var id string
		var body []byte
		err := scan(&id, &body)
		had[id] = body
		return err
	}, `SELECT id, body FROM nb WHERE owner = ?`, owner)
	if err != nil {
		return err
	}
	bodies := make(map[string][]byte, len(want))
	for _, r := range want {
		if bodies[r.ID], err = json.Marshal(r); err != nil {
			return fmt.Errorf("row of %s: %w", r.Table, err)
		}
	}
	for id := range had {
		if bodies[id] == nil {
			if err := t.dropRow(id); err != nil {
				return err
			}
		}
	}
	for _, r := range want {
		if bytes.Equal(had[r.ID], bodies[r.ID]) {
			continue
		}
		if had[r.ID] != nil {
			if err := t.dropRow(r.ID); err != nil {
				return err
			}
		}
		if err := t.insertRow(owner, r, bodies[r.ID]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) dropRow(id string) error {
	t.fresh[id] = false
	for _, q := range []string{`DELETE FROM nb WHERE id = ?`, `DELETE FROM nbkeys WHERE id = ?`, `DELETE FROM links WHERE says = ?`} {
		if err := t.exec(q, id); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) insertRow(owner string, r rows.Row, body []byte) error {
	s := nbschema.Northbound()
	if err := s.Row(r); err != nil {
		return fmt.Errorf("OVN's schema: %w", err)
	}
	t.fresh[r.ID] = true
	if err := t.exec(`INSERT INTO nb (id, tab, owner, body) VALUES (?, ?, ?, ?)`, r.ID, r.Table, owner, body); err != nil {
		return err
	}
	for _, k := range s.Keys(r) {
		if err := t.exec(`INSERT INTO nbkeys (tab, key, id) VALUES (?, ?, ?)`, r.Table, k, r.ID); err != nil {
			return refused("another row of %s has %s (%v)", r.Table, k, err)
		}
	}
	for ref := range s.References(r) {
		if err := t.exec(`INSERT OR REPLACE INTO links (source, target, col, says, weak) VALUES (?, ?, ?, ?, ?)`, ref.From, ref.To, ref.Column, r.ID, ref.Weak); err != nil {
			return err
		}
	}
	return nil
}

// settle holds the references of what the transaction touched to the schema: a
// strong one must lead somewhere, and rows that others stand on must stay. Weak
// ones to what is gone vanish, as they do in OVN.
func (t *tx) settle() error {
	for id, there := range t.fresh {
		query := `SELECT l.col, l.target FROM links l WHERE l.says = ?1 AND NOT l.weak
			AND (NOT EXISTS (SELECT 1 FROM nb WHERE id = l.source) OR NOT EXISTS (SELECT 1 FROM nb WHERE id = l.target))`
		if !there {
			query = `SELECT l.col, l.says FROM links l WHERE (l.source = ?1 OR l.target = ?1) AND NOT l.weak AND EXISTS (SELECT 1 FROM nb WHERE id = l.says)`
		}
		var wrong error
		err := t.query(func(scan func(...any) error) error {
			var column, other string
			err := scan(&column, &other)
			wrong = refused("row %s and row %s of OVN belong together by %s, and one of them is missing", id, other, column)
			return err
		}, query, id)
		if err != nil {
			return err
		}
		if wrong != nil {
			return wrong
		}
	}
	clear(t.fresh)
	return nil
}

// Rows lists OVN's rows as the cloud holds them.
func (c *Cloud) Rows(ctx context.Context) ([]rows.Row, error) {
	db, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s, err := db.prepare(ctx, `SELECT body FROM nb ORDER BY tab, id`)
	if err != nil {
		return nil, err
	}
	var all []rows.Row
	err = each(ctx, s, func(scan func(...any) error) error {
		var body []byte
		if err := scan(&body); err != nil {
			return err
		}
		var r rows.Row
		if err := json.Unmarshal(body, &r); err != nil {
			return err
		}
		all = append(all, r)
		return nil
	})
	return all, err
}
