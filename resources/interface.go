package resources

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cairncloud/cairn/resources/schema"
)

// InterfaceAttachment plugs a port into an instance that is there, beside those of
// its networks.
type InterfaceAttachment struct {
	// ID of the attachment.
	ID string `hcl:"id" plan:"assigned"`

	// InstanceID is the instance.
	InstanceID schema.Ref[Instance] `hcl:"instance_id" plan:"replace" hot:"instance_uuid"`

	// PortID is the port. One that is made on the network, unless set.
	PortID schema.Ref[Port] `hcl:"port_id,optional" plan:"assigned,replace"`

	// NetworkID is the network that a port is made on, and goes with.
	NetworkID schema.Ref[Network] `hcl:"network_id,optional" plan:"replace"`

	// FixedIP is the first address of the port. A free one, unless set; a port that is
	// there brings its own.
	FixedIP netip.Addr `hcl:"fixed_ip,optional" plan:"assigned,replace"`

	// MAC is the port's address.
	MAC MAC `hcl:"mac" plan:"assigned"`
}

// Check reports an attachment of no port.
func (a *InterfaceAttachment) Check() error {
	if a.PortID == "" && a.NetworkID == "" {
		return schema.Problem{Code: "CRN-AZ-1", Attribute: "port_id", Summary: "An interface is on one port or network", Detail: "Set port_id, or network_id to have a port made there."}
	}
	return nil
}

// fresh reports whether nothing is chosen yet: what is set is the author's.
func (a *InterfaceAttachment) fresh() bool { return !a.MAC.IsValid() }

// portRole is what the port of an attachment is to it.
const portRole = "port"

// Owned is the port that the attachment brings along.
func (a *InterfaceAttachment) Owned(w schema.World, l schema.Ledger) ([]schema.Owned, error) {
	if a.NetworkID == "" {
		return nil, nil
	}
	if a.fresh() && a.PortID != "" {
		return nil, schema.Problem{Code: "CRN-AZ-1", Attribute: "port_id", Summary: "An interface is on one port or network", Detail: "Leave port_id out to have a port made on the network, or network_id to plug in one that is there."}
	}
	i := schema.Look(w, a.InstanceID)
	if i == nil {
		return nil, gone("instance_id", "instance", string(a.InstanceID))
	}
	p := &Port{object: object{ID: l.ID(portRole), ProjectID: i.ProjectID}, NetworkID: a.NetworkID}
	p.FixedIPs = (&InstanceNetwork{FixedIPv4: a.FixedIP}).wants(w, p.ID, "")
	return []schema.Owned{{Role: portRole, Object: p}}, nil
}

// Claims takes the port, and copies what it says.
func (a *InterfaceAttachment) Claims(w schema.World, l schema.Ledger) error {
	if schema.Look(w, a.InstanceID) == nil {
		return gone("instance_id", "instance", string(a.InstanceID))
	}
	if a.NetworkID != "" {
		a.PortID = schema.Ref[Port](l.ID(portRole))
	}
	p, err := plugInto(w, l, "port_id", a.PortID)
	if err != nil {
		return err
	}
	has := slices.ContainsFunc(p.FixedIPs, func(f FixedIP) bool { return f.IPAddress == a.FixedIP })
	switch {
	case has:
	case a.fresh() && a.FixedIP.IsValid():
		return schema.Problem{Code: "CRN-CIDR-2", Attribute: "fixed_ip", Summary: "The port has other addresses", Detail: fmt.Sprintf("Port %s brings its own. Set fixed_ips there, and take fixed_ip out.", p.Name)}
	case len(p.FixedIPs) > 0:
		a.FixedIP = p.FixedIPs[0].IPAddress
	default:
		a.FixedIP = netip.Addr{}
	}
	a.MAC = p.MACAddress
	return nil
}

// Interface is the attachment as one of the instance's networks.
func (a *InterfaceAttachment) Interface() InstanceNetwork {
	return InstanceNetwork{Port: a.PortID, PortID: string(a.PortID), MAC: a.MAC}
}

// plugInto takes a port for an interface.
func plugInto(w schema.World, l schema.Ledger, attribute string, id schema.Ref[Port]) (*Port, error) {
	p := schema.Look(w, id)
	if p == nil {
		return nil, gone(attribute, "port", string(id))
	}
	err := l.Claim("instance of port", string(id))
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return nil, schema.Problem{Code: "CRN-IP-1", Attribute: attribute, Summary: "The port is plugged in already", Detail: fmt.Sprintf("%s has port %s. A port is the interface of one instance.", taken.Holder, p.Name)}
	}
	return p, err
}
