// Package resources is what there is to ask for: one file a resource type. A
// type is its struct, its line in All, and nothing else here.
package resources

import (
	"embed"

	"github.com/cairncloud/cairn/resources/schema"
)

//go:embed *.go
var source embed.FS

// All declares every type.
func All() *schema.Types {
	from := schema.WithSource(source)
	return schema.NewTypes(
		schema.Declare[AvailabilityZones]("availability_zones", schema.Data, from),
		schema.Declare[Flavor]("flavor", from),
		schema.Declare[FloatingIP]("floating_ip", schema.After("subnet"), from),
		schema.Declare[FloatingIPAssociation]("floating_ip_association", from),
		schema.Declare[Host]("host", schema.Data, from),
		schema.Declare[Hosts]("hosts", schema.Data, from),
		schema.Declare[Image]("image", schema.HoldsData, from),
		schema.Declare[Instance]("instance", schema.HoldsData, schema.After("subnet"), from),
		schema.Declare[Keypair]("keypair", from),
		schema.Declare[Network]("network", schema.CreateFirst, from),
		schema.Declare[PhysicalNetwork]("physical_network", schema.Data, from),
		schema.Declare[Port]("port", schema.After("subnet"), from),
		schema.Declare[Project]("project", from),
		schema.Declare[Quota]("quota", from),
		schema.Declare[RandomID]("random_id", from),
		schema.Declare[RandomPassword]("random_password", from),
		schema.Declare[RandomString]("random_string", from),
		schema.Declare[Route]("route", from),
		schema.Declare[Router]("router", schema.After("subnet"), from),
		schema.Declare[RouterInterface]("router_interface", from),
		schema.Declare[SecurityGroup]("security_group", schema.CreateFirst, from),
		schema.Declare[SecurityGroupRule]("security_group_rule", from),
		schema.Declare[ServerGroup]("server_group", from),
		schema.Declare[Snapshot]("snapshot", schema.HoldsData, from),
		schema.Declare[Subnet]("subnet", schema.CreateFirst, from),
		schema.Declare[Value]("terraform_data", from),
		schema.Declare[Value]("value", from),
		schema.Declare[Volume]("volume", schema.HoldsData, from),
		schema.Declare[VolumeAttachment]("volume_attachment", from),
		schema.Declare[VolumeType]("volume_type", from),
	)
}
