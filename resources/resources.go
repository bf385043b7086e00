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
	cloud, compute, identity := schema.Subject("Cloud"), schema.Subject("Compute"), schema.Subject("Identity")
	network, storage, values := schema.Subject("Network"), schema.Subject("Storage"), schema.Subject("Values")
	return schema.NewTypes(
		schema.Declare[AddressGroup]("address_group", network, from),
		schema.Declare[Aggregate]("aggregate", compute, schema.Before("instance", "volume"), from),
		schema.Declare[AvailabilityZone]("availability_zone", compute, schema.Before("instance", "volume"), from),
		schema.Declare[AvailabilityZones]("availability_zones", cloud, schema.Data, from),
		schema.Declare[Flavor]("flavor", compute, from),
		schema.Declare[FloatingIP]("floating_ip", network, schema.After("subnet"), from),
		schema.Declare[FloatingIPAssociation]("floating_ip_association", network, from),
		schema.Declare[GatewayGroup]("gateway_group", network, schema.CreateFirst, from),
		schema.Declare[Host]("host", cloud, schema.Data, from),
		schema.Declare[Hosts]("hosts", cloud, schema.Data, from),
		schema.Declare[Image]("image", compute, schema.HoldsData, from),
		schema.Declare[Instance]("instance", compute, schema.HoldsData, schema.After("subnet"), from),
		schema.Declare[InterfaceAttachment]("interface_attachment", compute, schema.GoesWith("instance_id"), schema.After("subnet"), from),
		schema.Declare[Keypair]("keypair", compute, from),
		schema.Declare[LBHealthMonitor]("lb_health_monitor", network, from),
		schema.Declare[LBListener]("lb_listener", network, from),
		schema.Declare[LBMember]("lb_member", network, from),
		schema.Declare[LBPool]("lb_pool", network, from),
		schema.Declare[LoadBalancer]("load_balancer", network, schema.After("subnet"), from),
		schema.Declare[Network]("network", network, schema.CreateFirst, from),
		schema.Declare[PhysicalNetwork]("physical_network", cloud, schema.Data, from),
		schema.Declare[Port]("port", network, schema.After("subnet"), from),
		schema.Declare[PortForwarding]("port_forwarding", network, from),
		schema.Declare[Project]("project", identity, from),
		schema.Declare[QoSPolicy]("qos_policy", network, schema.CreateFirst, from),
		schema.Declare[Quota]("quota", identity, from),
		schema.Declare[RandomID]("random_id", values, from),
		schema.Declare[RandomPassword]("random_password", values, from),
		schema.Declare[RandomString]("random_string", values, from),
		schema.Declare[Route]("route", network, from),
		schema.Declare[Router]("router", network, schema.After("subnet"), from),
		schema.Declare[RouterInterface]("router_interface", network, from),
		schema.Declare[RouterPeering]("router_peering", network, from),
		schema.Declare[SecurityGroup]("security_group", network, schema.CreateFirst, from),
		schema.Declare[SecurityGroupRule]("security_group_rule", network, from),
		schema.Declare[ServerGroup]("server_group", compute, from),
		schema.Declare[Snapshot]("snapshot", storage, schema.HoldsData, from),
		schema.Declare[Subnet]("subnet", network, schema.CreateFirst, from),
		schema.Declare[SubnetPool]("subnet_pool", network, schema.CreateFirst, from),
		schema.Declare[Value]("terraform_data", values, from),
		schema.Declare[Value]("value", values, from),
		schema.Declare[Volume]("volume", storage, schema.HoldsData, from),
		schema.Declare[VolumeAttachment]("volume_attachment", storage, schema.GoesWith("instance_id"), from),
		schema.Declare[VolumeType]("volume_type", storage, from),
	)
}
