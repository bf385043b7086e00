package convert

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// openStackTypes are the resource types of the provider that cairn's catalogue
// speaks of, without their prefix.
const openStackTypes = `
compute_instance_v2 compute_interface_attach_v2 compute_volume_attach_v2 compute_flavor_v2
compute_flavor_access_v2 compute_keypair_v2 compute_servergroup_v2 compute_aggregate_v2
compute_quotaset_v2 blockstorage_quotaset_v3 networking_quota_v2 lb_quota_v2 dns_quota_v2
blockstorage_volume_v3 blockstorage_volume_attach_v3 blockstorage_volume_type_v3
blockstorage_volume_type_access_v3 blockstorage_qos_v3 blockstorage_qos_association_v3
images_image_v2 images_image_access_v2 images_image_access_accept_v2 networking_network_v2
networking_segment_v2 networking_subnet_v2 networking_subnetpool_v2 networking_addressscope_v2
networking_subnet_route_v2 networking_port_v2 networking_port_secgroup_associate_v2
networking_router_v2 networking_router_interface_v2 networking_router_route_v2
networking_router_routes_v2 networking_floatingip_v2 networking_floatingip_associate_v2
networking_portforwarding_v2 networking_secgroup_v2 networking_secgroup_rule_v2
networking_address_group_v2 networking_qos_policy_v2 networking_qos_bandwidth_limit_rule_v2
networking_qos_dscp_marking_rule_v2 networking_qos_minimum_bandwidth_rule_v2 networking_trunk_v2
networking_rbac_policy_v2 networking_bgp_speaker_v2 networking_bgp_peer_v2 bgpvpn_v2
bgpvpn_network_associate_v2 bgpvpn_router_associate_v2 bgpvpn_port_associate_v2 fw_group_v2
fw_policy_v2 fw_rule_v2 vpnaas_service_v2 vpnaas_ike_policy_v2 vpnaas_ipsec_policy_v2
vpnaas_endpoint_group_v2 vpnaas_site_connection_v2 taas_tap_mirror_v2 lb_loadbalancer_v2
lb_listener_v2 lb_pool_v2 lb_member_v2 lb_members_v2 lb_monitor_v2 lb_l7policy_v2 lb_l7rule_v2
lb_flavor_v2 lb_flavorprofile_v2 objectstorage_account_v1 objectstorage_container_v1
objectstorage_object_v1 objectstorage_tempurl_v1 keymanager_secret_v1 keymanager_container_v1
keymanager_order_v1 dns_zone_v2 dns_recordset_v2 dns_zone_share_v2 dns_transfer_request_v2
dns_transfer_accept_v2 identity_project_v3 identity_user_v3 identity_group_v3
identity_user_membership_v3 identity_role_v3 identity_role_assignment_v3
identity_inherit_role_assignment_v3 identity_application_credential_v3 identity_ec2_credential_v3
identity_registered_limit_v3 identity_limit_v3 identity_service_v3 identity_endpoint_v3
orchestration_stack_v1 workflow_cron_trigger_v2 db_instance_v1 db_database_v1 db_user_v1
db_configuration_v1 containerinfra_cluster_v1 containerinfra_clustertemplate_v1
containerinfra_nodegroup_v1 sharedfilesystem_share_v2 sharedfilesystem_sharenetwork_v2
sharedfilesystem_share_access_v2 sharedfilesystem_securityservice_v2`

func TestTableNamesWhatIsDeclared(t *testing.T) {
	t.Parallel()
	types := resources.All()
	for name, r := range openStack().types {
		switch {
		case r.Later != "" || r.Never != "":
			if r.To != "" || r.Source != nil || len(r.Nested) > 0 {
				t.Errorf("%s has no counterpart and one", name)
			}
			continue
		case !r.DataOnly && types.Resource(r.To) == nil:
			t.Errorf("%s becomes %q, which is no resource type", name, r.To)
			continue
		}
		if !r.DataOnly {
			typ := types.Resource(r.To)
			checkRule(t, types, name, r, typ.Attributes)
			got := targets(r)
			for _, a := range typ.Attributes {
				if a.Required && !got[a.Name] {
					t.Errorf("%s: nothing becomes %s, which %s needs", name, a.Name, r.To)
				}
			}
		}
		if r.data == nil {
			continue
		}
		typ := types.Data(r.data.To)
		if typ == nil {
			t.Errorf("data %s becomes %q, which can't be looked up", name, r.data.To)
			continue
		}
		checkRule(t, types, "data "+name, r.data, typ.Attributes)
	}
}

// targets are the attributes that something becomes.
func targets(r *rule) map[string]bool {
	got := map[string]bool{}
	for _, n := range strings.Fields(r.Same) {
		got[n] = true
	}
	for _, m := range []map[string]string{r.Rename, r.Lookup, r.First, r.Follow} {
		for _, to := range m {
			to, _, _ = strings.Cut(to, " ")
			to, _, _ = strings.Cut(to, ".")
			got[to] = true
		}
	}
	for n := range r.Set {
		got[n] = true
	}
	for _, b := range r.blocks {
		got[b.To] = true
	}
	return got
}

func checkRule(t *testing.T, types *schema.Types, name string, r *rule, attrs []*schema.Attribute) {
	t.Helper()
	for to := range targets(r) {
		if to != "" && find(attrs, to) == nil {
			t.Errorf("%s: %s is no attribute of cairn's type", name, to)
		}
	}
	for from, to := range r.Reads {
		word := to
		if i := strings.IndexAny(to, "[."); i >= 0 {
			word = to[:i]
		}
		if find(attrs, word) == nil {
			t.Errorf("%s: %s is read as %s, which is no attribute", name, from, to)
		}
		if _, diags := hclsyntax.ParseExpression([]byte("x."+to), "", hcl.InitialPos); diags.HasErrors() {
			t.Errorf("%s: %s is no path", name, to)
		}
	}
	for from, to := range r.Lookup {
		to, _, _ = strings.Cut(to, ".")
		if a := find(attrs, to); a != nil && (a.Refers == nil || types.ByGo(a.Refers) == nil) {
			t.Errorf("%s: %s becomes %s, which refers to nothing", name, from, to)
		}
	}
	// An argument has one fate.
	seen := map[string]bool{}
	for _, words := range []map[string]string{r.Rename, r.Lookup, r.First, r.Follow, r.Drop, r.Lose} {
		for n := range words {
			if seen[n] || r.same(n) && r.Rename[n] == "" {
				t.Errorf("%s says two things of %s", name, n)
			}
			seen[n] = true
		}
	}
	for n, b := range r.blocks {
		if b.LoseAll != "" {
			continue
		}
		a := find(attrs, b.To)
		if a == nil || len(a.Nested) == 0 {
			t.Errorf("%s: %s has no elements", name, b.To)
			continue
		}
		checkRule(t, types, name+" "+n, b, a.Nested)
		got := targets(b)
		for _, a := range a.Nested {
			if a.Required && !got[a.Name] {
				t.Errorf("%s %s: nothing becomes %s, which cairn needs", name, n, a.Name)
			}
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	t.Parallel()
	n := 0
	for name := range strings.FieldsSeq(openStackTypes) {
		n++
		if openStack().types[foreign+name] == nil {
			t.Errorf("%s%s has no entry", foreign, name)
		}
	}
	if n < 100 {
		t.Fatalf("only %d types are asked for", n)
	}
}
