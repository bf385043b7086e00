package resources

import "github.com/cairncloud/cairn/resources/schema"

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
