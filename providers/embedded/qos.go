package embedded

import (
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// policyInUse refuses to let a policy go that somebody names.
func policyInUse(t *tx, p *resources.QoSPolicy) error {
	for n := range schema.Where[resources.Network](t, "qos_policy_id", p.ID) {
		return refused("network %s has the policy", n.ID)
	}
	for o := range schema.Where[resources.Port](t, "qos_policy_id", p.ID) {
		return refused("port %s has the policy", o.ID)
	}
	for f := range schema.Where[resources.FloatingIP](t, "qos_policy_id", p.ID) {
		return refused("floating address %s has the policy", f.Address)
	}
	for r := range schema.Where[resources.Router](t, "external_qos_policy_id", p.ID) {
		return refused("router %s has the policy", r.ID)
	}
	return nil
}
