package embedded

import (
	"github.com/cairncloud/cairn/providers/ovn/rows"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// speakable refuses rules that OVN has no words for.
func speakable(_ *tx, _ schema.World, _, want *resources.SecurityGroup) error {
	for i, r := range want.Rules {
		if _, ok := rows.Match(schema.Ref[resources.SecurityGroup](want.ID), r); !ok {
			return refused("OVN can't say what rules[%d] allows", i)
		}
	}
	return nil
}

func speakableRule(_ *tx, _ schema.World, _, want *resources.SecurityGroupRule) error {
	if _, ok := rows.Match(want.SecurityGroupID, want.Rule()); !ok {
		return refused("OVN can't say what the rule allows")
	}
	return nil
}

// groupInUse refuses a group that ports have, and one that another group's rules
// name: but not when the two name each other, because then no order would do.
func groupInUse(t *tx, g *resources.SecurityGroup) error {
	for p := range schema.Where[resources.Port](t, "security_group_ids", g.ID) {
		return refused("port %s has the group", p.ID)
	}
	mine := map[string]bool{g.ID: true}
	reach(t, g, mine)
	for other := range holding[resources.SecurityGroup](t, "rules.remote_group_id", g.ID) {
		if !mine[other.ID] {
			return refused("a rule of group %s names the group", other.ID)
		}
	}
	for r := range schema.Where[resources.SecurityGroupRule](t, "remote_group_id", g.ID) {
		if !mine[string(r.SecurityGroupID)] {
			return refused("rule %s names the group", r.ID)
		}
	}
	return nil
}

// reach notes the groups that a group's rules name, and theirs.
func reach(t *tx, g *resources.SecurityGroup, seen map[string]bool) {
	var named []schema.Ref[resources.SecurityGroup]
	for _, r := range g.Rules {
		named = append(named, r.RemoteGroupID)
	}
	for r := range schema.Where[resources.SecurityGroupRule](t, "security_group_id", g.ID) {
		named = append(named, r.RemoteGroupID)
	}
	for _, id := range named {
		if other := schema.Look(t, id); other != nil && !seen[other.ID] {
			seen[other.ID] = true
			reach(t, other, seen)
		}
	}
}

// rulesOf are a group's rules: they go with it, in OVN as in Neutron.
func rulesOf(t *tx, g *resources.SecurityGroup) []any {
	var all []any
	for r := range schema.Where[resources.SecurityGroupRule](t, "security_group_id", g.ID) {
		all = append(all, r)
	}
	return all
}

// ruleHolds is what the rule matches: two rules of a group never match the same.
func ruleHolds(_ *tx, r *resources.SecurityGroupRule) []hold {
	match, ok := rows.Match(r.SecurityGroupID, r.Rule())
	if !ok {
		return nil
	}
	return []hold{{"rule of group " + string(r.SecurityGroupID), match, "what the rule allows"}}
}
