package resources

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// Project is whose things are whose: quotas, names and default groups are per project.
type Project struct {
	// ID of the project.
	ID string `hcl:"id" plan:"assigned"`

	// Name, unique in the cloud.
	Name string `hcl:"name" check:"len=255"`

	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`

	// ParentID is the project that this one is a part of.
	ParentID schema.Ref[Project] `hcl:"parent_id,optional" plan:"replace"`

	// Enabled projects can be given new objects.
	Enabled *bool `hcl:"enabled,optional" default:"true"`

	// Tags are free words.
	Tags schema.Set[string] `hcl:"tags,optional" check:"len=64"`
}

// Claims takes the project's name.
func (p *Project) Claims(_ schema.World, l schema.Ledger) error {
	return named(l.Name("project name", p.Name), "project", p.Name)
}

// Checks reports parents that lead in a circle or too deep.
func (p *Project) Checks(w schema.World) error {
	at := p
	for depth := 0; at.ParentID != ""; depth++ {
		if depth == 5 {
			return schema.Problem{Code: "CRN-ID-1", Attribute: "parent_id", Summary: "The project lies too deep", Detail: "Projects are nested at most five deep, and never in a circle."}
		}
		if at = schema.Look(w, at.ParentID); at == nil {
			return nil
		}
	}
	return nil
}

// Quota bounds what a project may have. What is not set is not bounded.
type Quota struct {
	// ID of the quota.
	ID string `hcl:"id" plan:"assigned"`

	// ProjectID is whose quota it is.
	ProjectID schema.Ref[Project] `hcl:"project_id" plan:"replace"`

	// Networks bounds how many networks there may be; -1 for any number.
	Networks *int `hcl:"networks,optional" check:"min=-1"`

	// Subnets bounds how many subnets there may be; -1 for any number.
	Subnets *int `hcl:"subnets,optional" check:"min=-1"`

	// SubnetPools bounds how many subnet pools there may be; -1 for any number.
	SubnetPools *int `hcl:"subnet_pools,optional" check:"min=-1"`

	// Ports bounds how many ports there may be; -1 for any number.
	Ports *int `hcl:"ports,optional" check:"min=-1"`

	// Routers bounds how many routers there may be; -1 for any number.
	Routers *int `hcl:"routers,optional" check:"min=-1"`

	// FloatingIPs bounds how many floating addresses there may be; -1 for any number.
	FloatingIPs *int `hcl:"floating_ips,optional" check:"min=-1"`

	// SecurityGroups bounds how many security groups there may be; -1 for any number.
	SecurityGroups *int `hcl:"security_groups,optional" check:"min=-1"`

	// SecurityGroupRules bounds how many rules there may be; -1 for any number.
	SecurityGroupRules *int `hcl:"security_group_rules,optional" check:"min=-1"`

	// LoadBalancers bounds how many load balancers there may be; -1 for any number.
	LoadBalancers *int `hcl:"load_balancers,optional" check:"min=-1"`

	// LBListeners bounds how many listeners there may be; -1 for any number.
	LBListeners *int `hcl:"lb_listeners,optional" check:"min=-1"`

	// LBPools bounds how many pools of members there may be; -1 for any number.
	LBPools *int `hcl:"lb_pools,optional" check:"min=-1"`

	// LBMembers bounds how many members there may be; -1 for any number.
	LBMembers *int `hcl:"lb_members,optional" check:"min=-1"`

	// LBHealthMonitors bounds how many health monitors there may be; -1 for any number.
	LBHealthMonitors *int `hcl:"lb_health_monitors,optional" check:"min=-1"`

	// Instances bounds how many instances there may be; -1 for any number.
	Instances *int `hcl:"instances,optional" check:"min=-1"`

	// Cores bounds how many virtual processors instances may have; -1 for any number.
	Cores *int `hcl:"cores,optional" check:"min=-1"`

	// RAMMB bounds how much memory instances may have, in MiB; -1 for any amount.
	RAMMB *int `hcl:"ram_mb,optional" check:"min=-1" hot:"ram"`

	// Volumes bounds how many volumes there may be; -1 for any number.
	Volumes *int `hcl:"volumes,optional" check:"min=-1"`

	// Gigabytes bounds how large volumes may be together, in GiB; -1 for any size.
	Gigabytes *int `hcl:"gigabytes,optional" check:"min=-1"`

	// Snapshots bounds how many snapshots there may be; -1 for any number.
	Snapshots *int `hcl:"snapshots,optional" check:"min=-1"`

	// Images bounds how many images there may be; -1 for any number.
	Images *int `hcl:"images,optional" check:"min=-1"`
}

// Claims sets the limits.
func (q *Quota) Claims(_ schema.World, l schema.Ledger) error {
	project := string(q.ProjectID)
	if err := l.Claim("quota", project); err != nil {
		return schema.Problem{Code: "CRN-QUOTA", Attribute: "project_id", Summary: "The project has a quota already", Detail: err.Error() + ". Change that one."}
	}
	for _, c := range []struct {
		what  string
		limit *int
	}{
		{"networks", q.Networks}, {"subnets", q.Subnets}, {"subnet_pools", q.SubnetPools}, {"ports", q.Ports}, {"routers", q.Routers},
		{"floating_ips", q.FloatingIPs}, {"security_groups", q.SecurityGroups}, {"security_group_rules", q.SecurityGroupRules},
		{"load_balancers", q.LoadBalancers}, {"lb_listeners", q.LBListeners}, {"lb_pools", q.LBPools}, {"lb_members", q.LBMembers}, {"lb_health_monitors", q.LBHealthMonitors},
		{"instances", q.Instances}, {"cores", q.Cores}, {"ram_mb", q.RAMMB}, {"volumes", q.Volumes}, {"gigabytes", q.Gigabytes}, {"snapshots", q.Snapshots}, {"images", q.Images},
	} {
		limit := int64(-1)
		if c.limit != nil {
			limit = int64(*c.limit)
		}
		l.Limit(c.what, project, limit)
	}
	return nil
}

// DefaultProject is the name of the project that objects belong to unless they
// say otherwise.
const DefaultProject = "default"

// object is what every object of a project has.
type object struct {
	// ID of the object.
	ID string `hcl:"id" plan:"assigned"`

	// Name, unique among the project's objects of the type. The type and the first
	// characters of the id, unless set.
	Name string `hcl:"name,optional" plan:"assigned,live" check:"len=255"`

	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`

	// ProjectID is whose the object is. The default project, unless set.
	ProjectID schema.Ref[Project] `hcl:"project_id,optional" plan:"assigned,replace"`

	// Tags are free words.
	Tags schema.Set[string] `hcl:"tags,optional" check:"len=64"`
}

// claim fills in name and project, takes the name, and counts the object in its
// project's quota.
func (o *object) claim(w schema.World, l schema.Ledger, typ, counter string) error {
	if o.ID == "" {
		o.ID = l.ID("")
	}
	if o.Name == "" {
		o.Name = typ + "-" + o.ID[:min(8, len(o.ID))]
	}
	if o.ProjectID == "" {
		for p := range schema.Where[Project](w, "name", DefaultProject) {
			o.ProjectID = schema.Ref[Project](p.ID)
		}
	}
	if counter != "" {
		if err := l.Share(counter, string(o.ProjectID), 1); err != nil {
			return err
		}
	}
	return named(l.Name(typ+" name", string(o.ProjectID)+"/"+o.Name), typ, o.Name)
}

// named tells the author of a name that it is taken.
func named(err error, typ, name string) error {
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-NAME", Attribute: "name", Summary: fmt.Sprintf("There is %s %s named %q already", article(typ), typ, name),
			Detail: fmt.Sprintf("%s has that name. Choose another one, or leave it to cairn.", taken.Holder)}
	}
	return err
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeio") {
		return "an"
	}
	return "a"
}
