package resources

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/cairncloud/cairn/resources/schema"
)

// LBPool is the members that take a listener's connections.
type LBPool struct {
	object

	// LoadBalancerID is the load balancer that the pool is of. The listener's, unless set.
	LoadBalancerID schema.Ref[LoadBalancer] `hcl:"loadbalancer_id,optional" plan:"assigned,replace" hot:"loadbalancer"`

	// ListenerID is the listener that it serves. Listeners may name it instead, with
	// default_pool_id.
	ListenerID schema.Ref[LBListener] `hcl:"listener_id,optional" plan:"replace" hot:"listener"`

	// Protocol is TCP, UDP or SCTP, as the listener's.
	Protocol LBProtocol `hcl:"protocol" plan:"replace"`

	// LBMethod is how a member is found: by a hash of the addresses and ports of both
	// ends (SOURCE_IP_PORT), or of the addresses alone (SOURCE_IP).
	LBMethod LBMethod `hcl:"lb_method" hot:"lb_algorithm"`

	// Persistence leads a client to the member that it had before.
	Persistence *LBPersistence `hcl:"persistence,optional" hot:"session_persistence"`

	// AdminStateUp lets the pool take connections.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`
}

// LBMethod is a way to find a member for a connection, by Octavia's names.
type LBMethod string

// The ways that OVN has.
const (
	BySourceIPPort LBMethod = "SOURCE_IP_PORT"
	BySourceIP     LBMethod = "SOURCE_IP"
)

// Values lists the ways, those too that are refused with a word of advice.
func (LBMethod) Values() []string {
	return []string{string(BySourceIPPort), string(BySourceIP), "ROUND_ROBIN", "LEAST_CONNECTIONS"}
}

// LBPersistence leads a client to the member that it had before.
type LBPersistence struct {
	// Type is SOURCE_IP: clients are told apart by their addresses.
	Type LBPersistenceType `hcl:"type"`
	// Timeout is after how many seconds without a connection the member is forgotten.
	Timeout *int `hcl:"timeout,optional" default:"360" check:"min=1,max=65535"`
}

// LBPersistenceType is how clients are told apart, by Octavia's names.
type LBPersistenceType string

// PersistSourceIP is the way that needs no cookie.
const PersistSourceIP LBPersistenceType = "SOURCE_IP"

// Values lists the ways, those too that are refused with a word of advice.
func (LBPersistenceType) Values() []string {
	return []string{string(PersistSourceIP), "HTTP_COOKIE", "APP_COOKIE"}
}

// Check refuses what OVN can't do.
func (p *LBPool) Check() error {
	all := p.Protocol.check()
	add := func(attribute, summary, detail string) {
		all = append(all, schema.Problem{Code: "CRN-LB-1", Attribute: attribute, Summary: summary, Detail: detail})
	}
	if p.LoadBalancerID == "" && p.ListenerID == "" {
		add("loadbalancer_id", "The pool is of no load balancer", "Set loadbalancer_id or listener_id.")
	}
	switch p.LBMethod {
	case "ROUND_ROBIN":
		add("lb_method", "OVN does not take members in turn", "Use SOURCE_IP_PORT: a hash spreads connections over the members as evenly.")
	case "LEAST_CONNECTIONS":
		add("lb_method", "OVN counts no connections", "Use SOURCE_IP_PORT: a hash spreads connections over the members evenly.")
	}
	if s := p.Persistence; s != nil && s.Type != PersistSourceIP {
		add("persistence", "OVN reads no cookies", "Use type SOURCE_IP, which tells clients apart by their addresses.")
	}
	return all.Err()
}

// Claims takes the name, and the listener.
func (p *LBPool) Claims(w schema.World, l schema.Ledger) error {
	if err := p.claim(w, l, "lb_pool", "lb_pools"); err != nil {
		return err
	}
	if p.ListenerID == "" {
		return nil
	}
	x := schema.Look(w, p.ListenerID)
	if x == nil {
		return gone("listener_id", "lb_listener", string(p.ListenerID))
	}
	if p.LoadBalancerID == "" {
		p.LoadBalancerID = x.LoadBalancerID
	}
	err := l.Claim("pool of listener", x.ID)
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-LB-1", Attribute: "listener_id", Summary: "The listener has a pool already", Detail: fmt.Sprintf("%s serves listener %s. OVN sends a listener's connections to one pool.", taken.Holder, x.Name)}
	}
	return err
}

// Checks reports a listener that the pool can't serve.
func (p *LBPool) Checks(w schema.World) error {
	x := schema.Look(w, p.ListenerID)
	if x == nil {
		return nil
	}
	if x.DefaultPoolID != "" && string(x.DefaultPoolID) != p.ID {
		return schema.Problem{Code: "CRN-LB-1", Attribute: "listener_id", Summary: "The listener has a pool already", Detail: fmt.Sprintf("Listener %s names another one with default_pool_id. Take that or listener_id out.", x.Name)}
	}
	return p.serves(x, "listener_id")
}

// serves reports a listener of another load balancer or protocol.
func (p *LBPool) serves(x *LBListener, attribute string) error {
	if p.LoadBalancerID != x.LoadBalancerID {
		return schema.Problem{Code: "CRN-LB-1", Attribute: attribute, Summary: "Pool and listener are of different load balancers", Detail: fmt.Sprintf("Pool %s can serve listeners of its own load balancer.", p.Name)}
	}
	if p.Protocol != x.Protocol {
		return schema.Problem{Code: "CRN-LB-1", Attribute: attribute, Summary: fmt.Sprintf("A %s pool can't serve a %s listener", p.Protocol, x.Protocol), Detail: "OVN passes on what comes: give both the same protocol."}
	}
	return nil
}

// Listeners are those whose connections come to the pool, in the order of their ids.
func (p *LBPool) Listeners(w schema.World) []*LBListener {
	var all []*LBListener
	for x := range schema.Where[LBListener](w, "default_pool_id", p.ID) {
		all = append(all, x)
	}
	if x := schema.Look(w, p.ListenerID); x != nil && x.DefaultPoolID == "" {
		all = append(all, x)
	}
	slices.SortFunc(all, func(a, b *LBListener) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// LBMember is one of those who take the connections of a pool.
type LBMember struct {
	// ID of the member.
	ID string `hcl:"id" plan:"assigned"`

	// Name is for people.
	Name string `hcl:"name,optional" check:"len=255"`

	// PoolID is the pool.
	PoolID schema.Ref[LBPool] `hcl:"pool_id" plan:"replace" hot:"pool"`

	// Address of the member, on a network of the cloud.
	Address netip.Addr `hcl:"address" plan:"replace"`

	// ProtocolPort is the port that the member listens at.
	ProtocolPort int `hcl:"protocol_port" plan:"replace" check:"min=1,max=65535"`

	// SubnetID is the subnet of the address. The one that holds it, unless set.
	SubnetID schema.Ref[Subnet] `hcl:"subnet_id,optional" plan:"assigned,replace" hot:"subnet"`

	// Weight is 1, or 0 for a member that gets no new connections and keeps those it has.
	Weight *int `hcl:"weight,optional" default:"1" check:"min=0,max=256"`

	// AdminStateUp lets the member take connections.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`

	// MonitorSourceIP is the address that checks of the member come from. It is kept
	// for that on the member's subnet; members of SCTP pools have none.
	MonitorSourceIP netip.Addr `hcl:"monitor_source_ip" plan:"assigned"`
}

// Check refuses weights that OVN does not have.
func (m *LBMember) Check() error {
	if m.Weight != nil && *m.Weight > 1 {
		return schema.Problem{Code: "CRN-LB-1", Attribute: "weight", Summary: "OVN gives every member the same weight", Detail: "Use 1, or 0 for a member that gets no new connections. To send more to a machine, give it a second member at another port."}
	}
	return nil
}

// Takes reports whether the member gets new connections.
func (m *LBMember) Takes() bool {
	return (m.Weight == nil || *m.Weight > 0) && (m.AdminStateUp == nil || *m.AdminStateUp)
}

// Claims takes the member's place in the pool, and the address that checks of it
// come from.
func (m *LBMember) Claims(w schema.World, l schema.Ledger) error {
	p := schema.Look(w, m.PoolID)
	if p == nil {
		return gone("pool_id", "lb_pool", string(m.PoolID))
	}
	if err := l.Share("lb_members", string(p.ProjectID), 1); err != nil {
		return err
	}
	at := netip.AddrPortFrom(m.Address, uint16(m.ProtocolPort)).String()
	err := l.Claim("members of pool "+p.ID, at)
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-LB-1", Attribute: "address", Summary: "The member is there twice", Detail: fmt.Sprintf("%s is %s as well.", taken.Holder, at)}
	}
	if err != nil {
		return err
	}
	s, err := m.subnet(w, p)
	if err != nil {
		return err
	}
	m.SubnetID = schema.Ref[Subnet](s.ID)
	switch {
	case p.Protocol == BalanceSCTP: // nobody can check it
		m.MonitorSourceIP = netip.Addr{}
		return nil
	case m.MonitorSourceIP.IsValid() && s.CIDR.Contains(m.MonitorSourceIP):
		return s.take(l, "monitor_source_ip", m.MonitorSourceIP)
	}
	m.MonitorSourceIP, err = s.choose(l)
	return err
}

// subnet finds the subnet of the member's address: the only one that holds it,
// or the one that the load balancer reaches.
func (m *LBMember) subnet(w schema.World, p *LBPool) (*Subnet, error) {
	if m.SubnetID != "" {
		s := schema.Look(w, m.SubnetID)
		if s == nil {
			return nil, gone("subnet_id", "subnet", string(m.SubnetID))
		}
		if !usable(s.CIDR, m.Address) {
			return nil, schema.Problem{Code: "CRN-LB-1", Attribute: "subnet_id", Summary: "The member is outside its subnet", Detail: fmt.Sprintf("%s is no address of %s.", m.Address, s.CIDR)}
		}
		return s, nil
	}
	b := schema.Look(w, p.LoadBalancerID)
	var holding, reached []*Subnet
	for s := range schema.All[Subnet](w) {
		if !s.CIDR.Contains(m.Address) {
			continue
		}
		holding = append(holding, s)
		if b != nil && b.Reaches(w, s) {
			reached = append(reached, s)
		}
	}
	switch {
	case len(reached) == 1:
		return reached[0], nil
	case len(holding) == 1:
		return holding[0], nil
	case len(holding) == 0:
		return nil, schema.Problem{Code: "CRN-LB-1", Attribute: "address", Summary: "The member is on none of the cloud's subnets", Detail: fmt.Sprintf("No subnet holds %s. OVN balances to addresses on its own networks.", m.Address)}
	}
	return nil, schema.Problem{Code: "CRN-LB-1", Attribute: "subnet_id", Summary: "The member may be on several subnets", Detail: fmt.Sprintf("%d subnets hold %s. Say which one with subnet_id.", len(holding), m.Address)}
}

// Checks reports a member that the load balancer does not reach.
func (m *LBMember) Checks(w schema.World) error {
	p, s := schema.Look(w, m.PoolID), schema.Look(w, m.SubnetID)
	if p == nil || s == nil {
		return nil
	}
	b := schema.Look(w, p.LoadBalancerID)
	switch {
	case b == nil:
		return nil
	case b.VIPAddress.Is4() != m.Address.Is4():
		return schema.Problem{Code: "CRN-LB-1", Attribute: "address", Summary: "The member is of the other IP version", Detail: fmt.Sprintf("Load balancer %s is at %s, and OVN does not translate between versions.", b.Name, b.VIPAddress)}
	case !b.Reaches(w, s):
		return schema.Problem{Code: "CRN-LB-1", Attribute: "subnet_id", Summary: "The load balancer does not reach the member", Detail: fmt.Sprintf("No router joins subnet %s with the network of load balancer %s. Connect both with router_interface.", s.Name, b.Name)}
	}
	return nil
}

// LBHealthMonitor checks the members of a pool, so that only those that answer
// get connections.
type LBHealthMonitor struct {
	// ID of the monitor.
	ID string `hcl:"id" plan:"assigned"`

	// Name is for people.
	Name string `hcl:"name,optional" check:"len=255"`

	// PoolID is the pool whose members are checked.
	PoolID schema.Ref[LBPool] `hcl:"pool_id" plan:"replace" hot:"pool"`

	// Type is TCP (a connection is opened) or UDP-CONNECT (nobody answers that the port
	// is closed).
	Type LBMonitorType `hcl:"type" plan:"replace"`

	// Delay is how many seconds lie between two checks of a member.
	Delay int `hcl:"delay" check:"min=1"`

	// Timeout is how many seconds a check may take.
	Timeout int `hcl:"timeout" check:"min=1"`

	// MaxRetries is after how many good checks a member gets connections.
	MaxRetries int `hcl:"max_retries" check:"min=1,max=10"`

	// MaxRetriesDown is after how many bad checks it gets none any more.
	MaxRetriesDown *int `hcl:"max_retries_down,optional" default:"3" check:"min=1,max=10"`

	// AdminStateUp has the members checked.
	AdminStateUp *bool `hcl:"admin_state_up,optional" default:"true"`
}

// LBMonitorType is what a check does, by Octavia's names.
type LBMonitorType string

// The checks that OVN knows.
const (
	MonitorTCP LBMonitorType = "TCP"
	MonitorUDP LBMonitorType = "UDP-CONNECT"
)

// Values lists the checks, those too that are refused with a word of advice.
func (LBMonitorType) Values() []string {
	return []string{string(MonitorTCP), string(MonitorUDP), "HTTP", "HTTPS", "PING", "SCTP", "TLS-HELLO"}
}

// Check reports checks that OVN does not know, and times that do not fit.
func (h *LBHealthMonitor) Check() error {
	var all schema.Problems
	if h.Type != MonitorTCP && h.Type != MonitorUDP {
		all = append(all, schema.Problem{Code: "CRN-LB-1", Attribute: "type", Summary: fmt.Sprintf("OVN has no check of type %s", h.Type), Detail: "Use TCP for TCP pools, which sees whether somebody listens, or UDP-CONNECT for UDP pools."})
	}
	if h.Timeout >= h.Delay {
		all = append(all, schema.Problem{Code: "CRN-LB-1", Attribute: "timeout", Summary: "A check is not over before the next one", Detail: fmt.Sprintf("Make timeout (%d seconds) less than delay (%d seconds).", h.Timeout, h.Delay)})
	}
	return all.Err()
}

// Claims takes the pool: it has one monitor.
func (h *LBHealthMonitor) Claims(w schema.World, l schema.Ledger) error {
	p := schema.Look(w, h.PoolID)
	if p == nil {
		return gone("pool_id", "lb_pool", string(h.PoolID))
	}
	if err := l.Share("lb_health_monitors", string(p.ProjectID), 1); err != nil {
		return err
	}
	err := l.Claim("monitor of pool", p.ID)
	var taken *schema.TakenError
	if errors.As(err, &taken) {
		return schema.Problem{Code: "CRN-LB-1", Attribute: "pool_id", Summary: "The pool has a monitor already", Detail: fmt.Sprintf("%s checks pool %s.", taken.Holder, p.Name)}
	}
	return err
}

// Checks reports a pool of a protocol that the check does not speak.
func (h *LBHealthMonitor) Checks(w schema.World) error {
	p := schema.Look(w, h.PoolID)
	if p == nil || h.Type == MonitorTCP && p.Protocol == BalanceTCP || h.Type == MonitorUDP && p.Protocol == BalanceUDP {
		return nil
	}
	detail := map[LBProtocol]string{BalanceTCP: "Use type TCP.", BalanceUDP: "Use type UDP-CONNECT.", BalanceSCTP: "OVN does not check SCTP: take the monitor out."}[p.Protocol]
	return schema.Problem{Code: "CRN-LB-1", Attribute: "type", Summary: fmt.Sprintf("A %s check says nothing of a %s pool", h.Type, p.Protocol), Detail: detail}
}
