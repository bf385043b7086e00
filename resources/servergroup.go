package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// ServerGroup is a rule about which hosts a set of instances is on. Instances
// join it with scheduler_hints.
type ServerGroup struct {
	// ID of the group.
	ID string `hcl:"id" plan:"assigned"`

	// Name, unique among the project's groups. The type and the first characters of
	// the id, unless set.
	Name string `hcl:"name,optional" plan:"assigned,live" check:"len=255"`

	// ProjectID is whose the group is. The default project, unless set.
	ProjectID schema.Ref[Project] `hcl:"project_id,optional" plan:"assigned,replace"`

	// Policy is affinity (all on one host) or anti-affinity (each on another one);
	// soft-affinity and soft-anti-affinity say so where there is room.
	Policy GroupPolicy `hcl:"policy" plan:"replace" hot:"policies"`

	// Rules say more of the policy.
	Rules *GroupRules `hcl:"rules,optional" plan:"replace"`
}

// GroupRules say more of a group's policy.
type GroupRules struct {
	// MaxServerPerHost is how many of an anti-affinity group may be on one host.
	MaxServerPerHost int `hcl:"max_server_per_host,optional" check:"min=1"`
}

// GroupPolicy is a rule about hosts.
type GroupPolicy string

// The policies, as Nova has them.
const (
	Affinity         GroupPolicy = "affinity"
	AntiAffinity     GroupPolicy = "anti-affinity"
	SoftAffinity     GroupPolicy = "soft-affinity"
	SoftAntiAffinity GroupPolicy = "soft-anti-affinity"
)

// Values lists the policies.
func (GroupPolicy) Values() []string {
	return []string{string(Affinity), string(AntiAffinity), string(SoftAffinity), string(SoftAntiAffinity)}
}

// Check reports a rule that the policy has no use for.
func (g *ServerGroup) Check() error {
	if g.Rules != nil && g.Rules.MaxServerPerHost > 0 && g.Policy != AntiAffinity {
		return schema.Problem{Code: "CRN-PLACE-1", Attribute: "rules", Summary: "Only anti-affinity bounds how many are on a host", Detail: "Take max_server_per_host out, or make the policy anti-affinity."}
	}
	return nil
}

// Claims takes the name.
func (g *ServerGroup) Claims(w schema.World, l schema.Ledger) error {
	o := object{ID: g.ID, Name: g.Name, ProjectID: g.ProjectID}
	if err := o.claim(w, l, "server_group", ""); err != nil {
		return err
	}
	g.ID, g.Name, g.ProjectID = o.ID, o.Name, o.ProjectID
	return nil
}

// Warnings reports members that are not where the policy has them: somebody has moved
// them, or they were there before they joined.
func (g *ServerGroup) Warnings(w schema.World) error {
	on := map[string][]string{} // names of members by host
	for i := range schema.Where[Instance](w, "scheduler_hints", g.ID) {
		if i.SchedulerHints.Group == schema.Ref[ServerGroup](g.ID) && i.Host != "" {
			on[i.Host] = append(on[i.Host], i.Name)
		}
	}
	most := 1
	if g.Rules != nil {
		most = max(most, g.Rules.MaxServerPerHost)
	}
	var wrong []string
	for _, host := range slices.Sorted(maps.Keys(on)) {
		if g.Policy == Affinity && len(on) > 1 || g.Policy == AntiAffinity && len(on[host]) > most {
			slices.Sort(on[host])
			wrong = append(wrong, fmt.Sprintf("%s on host %s", strings.Join(on[host], " and "), host))
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	remedy := "Set host of all but one of them"
	if g.Policy == Affinity {
		remedy = "Set host of those that are to move"
	}
	return schema.Problem{Code: "CRN-PLACE-1", Attribute: "policy", Warning: true, Summary: fmt.Sprintf("Server group %s is not as its policy %s says", g.Name, g.Policy),
		Detail: fmt.Sprintf("It has %s. Nothing moves back by itself. %s, and apply: they go there as they run.", strings.Join(wrong, ", and "), remedy)}
}
