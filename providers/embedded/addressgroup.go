package embedded

import (
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// addressGroupInUse refuses to let a group go that a rule names.
func addressGroupInUse(t *tx, g *resources.AddressGroup) error {
	for other := range holding[resources.SecurityGroup](t, "rules.remote_address_group_id", g.ID) {
		return refused("a rule of security group %s names the group", other.ID)
	}
	for r := range schema.Where[resources.SecurityGroupRule](t, "remote_address_group_id", g.ID) {
		return refused("rule %s names the group", r.ID)
	}
	return nil
}
