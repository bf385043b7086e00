# What becomes of the types of Terraform's OpenStack provider. A type block says of
# one of them, and of the older names of it in also:
#
#   to      cairn's type
#   same    arguments that cairn has by the same name; what isn't settable there is
#           left out, since cairn finds it by itself
#   rename  arguments with another name
#   lookup  names that become ids: the attribute that takes the id. The type is the
#           one that the attribute refers to. "a.b": found by its attribute b
#   first   lists of which cairn takes the first element
#   follow  references that become one to another attribute of the same object
#   drop    arguments that cairn does without, and why
#   lose    arguments whose meaning is lost, and what to do instead
#   reads   attributes that can only be read, as a path in cairn's type
#   set     attributes that OpenStack implies
#   block   nested blocks, which become elements of an attribute
#   data    the data source, with arguments of its own
#
# Every type has everywhere besides.

everywhere {
  rename = { tenant_id = "project_id" }
  reads  = { all_tags = "tags" }
  drop = {
    region = "cairn's regions are in cloud.hcl"
  }
  lose = {
    value_specs    = "extensions of OpenStack have no counterpart"
    vendor_options = "cairn does what they ask for by itself, where it is needed"
  }
}

type "openstack_compute_instance_v2" {
  to     = "instance"
  same   = "name image_id flavor_id user_data availability_zone key_pair metadata power_state tags"
  lookup = { image_name = "image_id", flavor_name = "flavor_id", security_groups = "security_group_ids" }
  rename = { hypervisor_hostname = "host" }
  reads  = { access_ip_v4 = "access_ip_v4", access_ip_v6 = "access_ip_v6", all_metadata = "metadata" }
  drop = {
    stop_before_destroy = "cairn stops what it takes down"
    force_delete        = "cairn deletes at once"
    config_drive        = "the guest finds its metadata by itself"
  }
  lose = {
    admin_pass              = "set it in user_data"
    personality             = "write the files in user_data"
    network_mode            = "write networks, or none"
    availability_zone_hints = "write availability_zone"
    floating_ip             = "write a floating_ip with the instance's port"
    volume                  = "write a volume_attachment"
  }
  block "network" {
    to     = "networks"
    same   = "port fixed_ip_v4 fixed_ip_v6"
    rename = { uuid = "network_id" }
    lookup = { name = "network_id" }
    reads  = { mac = "mac" }
    drop   = { access_network = "access_ip_v4 is the first address" }
    lose   = { floating_ip = "write a floating_ip with the instance's port" }
  }
  block "block_device" {
    to   = "block_devices"
    same = "source_type uuid destination_type boot_index volume_size volume_type delete_on_termination"
    drop = { guest_format = "the guest formats it", device_type = "it is a disk" }
    lose = { disk_bus = "disks are virtio", multiattach = "write a volume with multiattach" }
  }
  block "scheduler_hints" {
    to   = "scheduler_hints"
    same = "group same_host different_host"
    lose = {
      query              = "write availability_zone or host", target_cell = "there are no cells", different_cell = "there are no cells"
      build_near_host_ip = "write same_host", additional_properties = "there are no other hints"
    }
  }
}

type "openstack_compute_interface_attach_v2" {
  to   = "interface_attachment"
  same = "instance_id port_id network_id fixed_ip"
}

type "openstack_compute_volume_attach_v2" {
  to   = "volume_attachment"
  same = "instance_id volume_id device"
  drop = { multiattach = "the volume says it" }
  lose = { tag = "there are no device tags" }
}

type "openstack_compute_flavor_v2" {
  to     = "flavor"
  same   = "name description vcpus is_public extra_specs"
  rename = { ram = "ram_mb", disk = "disk_gb" }
  drop   = { rx_tx_factor = "it never did anything on libvirt" }
  lose   = { ephemeral = "use volumes", swap = "use volumes", flavor_id = "cairn chooses the id" }
  data {
    same   = "name description vcpus is_public extra_specs"
    rename = { ram = "ram_mb", disk = "disk_gb", flavor_id = "id" }
    lose   = { min_ram = "name the flavor", min_disk = "name the flavor", rx_tx_factor = "name the flavor", swap = "name the flavor" }
  }
}

type "openstack_compute_flavor_access_v2" { later = "flavor_access" }

type "openstack_compute_keypair_v2" {
  to    = "keypair"
  same  = "name public_key"
  reads = { fingerprint = "fingerprint" }
  lose  = { private_key = "make the key yourself and write public_key", user_id = "keys belong to the project" }
  data { same = "name public_key" }
}

type "openstack_compute_servergroup_v2" {
  to    = "server_group"
  same  = "name"
  first = { policies = "policy" }
  block "rules" {
    to   = "rules"
    same = "max_server_per_host"
  }
  data { same = "name" }
}

type "openstack_compute_secgroup_v2" {
  to   = "security_group"
  same = "name description"
  block "rule" {
    to     = "rules"
    rename = { from_port = "port_range_min", to_port = "port_range_max", ip_protocol = "protocol", cidr = "remote_ip_prefix", from_group_id = "remote_group_id" }
    set    = { direction = "ingress" }
    lose   = { self = "write the rule as a security_group_rule with remote_group_id" }
  }
}

type "openstack_compute_floatingip_associate_v2" {
  to     = "floating_ip_association"
  same   = "fixed_ip"
  lookup = { floating_ip = "floating_ip_id.address" }
  follow = { instance_id = "port_id networks[0].port_id" }
  drop   = { wait_until_associated = "cairn waits" }
}

type "openstack_compute_aggregate_v2" {
  to   = "aggregate"
  same = "name zone hosts metadata"
}

type "openstack_compute_quotaset_v2" {
  to     = "quota"
  same   = "project_id cores instances"
  rename = { ram = "ram_mb", floating_ips = "floating_ips", security_groups = "security_groups", security_group_rules = "security_group_rules" }
  merge  = "project_id"
  lose   = { key_pairs = "keys are not counted", server_groups = "groups are not counted", server_group_members = "members are not counted", metadata_items = "metadata is not counted" }
  drop = {
    injected_files = "there are none", injected_file_content_bytes = "there are none", injected_file_path_bytes = "there are none", fixed_ips = "ports are counted"
  }
}

type "openstack_blockstorage_quotaset_v3" {
  also  = ["openstack_blockstorage_quotaset_v2"]
  to    = "quota"
  same  = "project_id volumes snapshots gigabytes"
  merge = "project_id"
  lose  = { per_volume_gigabytes = "volumes are bounded by the sum", backups = "backups are not in cairn yet", backup_gigabytes = "backups are not in cairn yet", groups = "groups are not in cairn yet", volume_type_quota = "quotas are not by volume type" }
}

type "openstack_networking_quota_v2" {
  to    = "quota"
  same  = "project_id"
  merge = "project_id"
  rename = {
    floatingip          = "floating_ips", network = "networks", port = "ports", router = "routers", security_group = "security_groups"
    security_group_rule = "security_group_rules", subnet = "subnets", subnetpool = "subnet_pools"
  }
  lose = { rbac_policy = "policies are not in cairn yet" }
}

type "openstack_lb_quota_v2" {
  to     = "quota"
  same   = "project_id"
  merge  = "project_id"
  rename = { loadbalancer = "load_balancers", listener = "lb_listeners", pool = "lb_pools", member = "lb_members", health_monitor = "lb_health_monitors" }
  lose   = { l7_policy = "OVN looks into no connection", l7_rule = "OVN looks into no connection" }
}
type "openstack_dns_quota_v2" { later = "quota, with zones" }

type "openstack_blockstorage_volume_v3" {
  also = ["openstack_blockstorage_volume_v2", "openstack_blockstorage_volume_v1"]
  to   = "volume"
  same = "name description size volume_type availability_zone image_id snapshot_id source_vol_id multiattach metadata"
  drop = { enable_online_resize = "volumes grow while they are used" }
  lose = {
    consistency_group_id = "volume groups are not in cairn yet", source_replica = "there are no replicas to start from"
    volume_retype_policy = "retyping is not in cairn yet", backup_id = "backups are not in cairn yet"
  }
  block "scheduler_hints" { lose_all = "the tier decides where a volume is" }
  block "attachment" { lose_all = "it can only be read" }
  data {
    same = "name metadata volume_type"
    drop = { status = "cairn finds what is usable", bootable = "it is found by name" }
    lose = { volume_id = "look it up by name", host = "look it up by name" }
  }
}

type "openstack_blockstorage_volume_attach_v3" {
  also  = ["openstack_blockstorage_volume_attach_v2"]
  later = "volume_attachment to a host"
}

type "openstack_blockstorage_volume_type_v3" {
  to   = "volume_type"
  same = "name description"
  lose = { extra_specs = "say which tier of cloud.hcl it is, with tier", is_public = "types are public" }
}

type "openstack_blockstorage_volume_type_access_v3" { later = "volume_type_access" }
type "openstack_blockstorage_qos_v3" { later = "volume_qos" }
type "openstack_blockstorage_qos_association_v3" { later = "volume_type.qos_id" }

type "openstack_blockstorage_snapshot_v3" {
  also      = ["openstack_blockstorage_snapshot_v2"]
  data_only = true
  data {
    to   = "snapshot"
    same = "name volume_id"
    drop = { most_recent = "a name is unique", status = "cairn finds what is usable" }
  }
}

type "openstack_images_image_v2" {
  to     = "image"
  same   = "name local_file_path disk_format min_disk_gb min_ram_mb visibility properties tags"
  rename = { image_source_url = "source_url" }
  reads  = { checksum = "checksum", size_bytes = "size_bytes" }
  drop = {
    container_format = "images are bare", web_download = "cairn fetches it", verify_checksum = "cairn always does", image_cache_path = "cairn has its own", decompress = "cairn unpacks what is packed"
  }
  lose = { protected = "write lifecycle { prevent_destroy = true }", hidden = "images can't be hidden", image_source_username = "fetch the file yourself", image_source_password = "fetch the file yourself" }
  data {
    same   = "name visibility properties disk_format"
    rename = { image_id = "id" }
    drop   = { most_recent = "a name is unique", sort = "a name is unique", sort_direction = "a name is unique", sort_key = "a name is unique", hidden = "images can't be hidden", container_format = "images are bare" }
    lose = {
      name_regex = "write the name", tag = "write the name", tags = "write the name", owner = "write the name", size_min = "write the name", size_max = "write the name", member_status = "write the name"
    }
  }
}

type "openstack_images_image_access_v2" { later = "image_access" }
type "openstack_images_image_access_accept_v2" { later = "image_access" }

type "openstack_networking_network_v2" {
  to   = "network"
  same = "name description admin_state_up shared external mtu port_security_enabled dns_domain qos_policy_id tags"
  lose = {
    availability_zone_hints = "a network is in every zone that its physical network reaches", transparent_vlan = "guests' VLANs are not carried"
  }
  block "segments" {
    to   = "segments"
    same = "network_type physical_network segmentation_id"
  }
  data {
    same   = "name description external mtu tags"
    rename = { network_id = "id" }
    drop   = { status = "cairn finds what is there" }
    lose   = { matching_subnet_cidr = "write the name", transparent_vlan = "write the name" }
  }
}

type "openstack_networking_segment_v2" { later = "segment" }

type "openstack_networking_subnet_v2" {
  to     = "subnet"
  same   = "name description network_id cidr ip_version gateway_ip no_gateway enable_dhcp dns_nameservers ipv6_ra_mode ipv6_address_mode prefix_length tags"
  rename = { subnetpool_id = "subnet_pool_id" }
  lose = {
    service_types        = "subnets serve everybody"
    dns_publish_fixed_ip = "DNS is not in cairn yet", segment_id = "segments are not in cairn yet"
  }
  block "allocation_pool" {
    to   = "allocation_pools"
    same = "start end"
  }
  block "allocation_pools" {
    to   = "allocation_pools"
    same = "start end"
  }
  block "host_routes" {
    to     = "host_routes"
    rename = { destination_cidr = "destination", next_hop = "nexthop" }
  }
  data {
    same   = "name description network_id cidr gateway_ip ipv6_ra_mode ipv6_address_mode tags"
    rename = { subnet_id = "id" }
    drop   = { ip_version = "write cidr or the name", dhcp_enabled = "a name is unique", dhcp_disabled = "a name is unique" }
    lose   = { subnetpool_id = "write the name" }
  }
}

type "openstack_networking_subnetpool_v2" {
  to   = "subnet_pool"
  same = "name description project_id prefixes default_prefixlen min_prefixlen max_prefixlen default_quota shared is_default tags"
  drop = { ip_version = "the ranges say it" }
  lose = { address_scope_id = "scopes are not in cairn yet" }
  data {
    same   = "name description default_prefixlen min_prefixlen max_prefixlen default_quota shared is_default tags"
    rename = { subnetpool_id = "id" }
    lose   = { address_scope_id = "write the name", ip_version = "write the name" }
  }
}
type "openstack_networking_addressscope_v2" { later = "address_scope" }

type "openstack_networking_subnet_route_v2" { later = "subnet_route" }

type "openstack_networking_port_v2" {
  to    = "port"
  same  = "name description network_id admin_state_up mac_address security_group_ids no_security_groups no_fixed_ip port_security_enabled dns_name qos_policy_id tags"
  reads = { all_fixed_ips = "fixed_ips[*].ip_address", all_security_group_ids = "security_group_ids" }
  drop  = { device_owner = "cairn knows what is plugged in", device_id = "cairn knows what is plugged in" }
  block "fixed_ip" {
    to   = "fixed_ips"
    same = "subnet_id ip_address"
  }
  block "allowed_address_pairs" {
    to   = "allowed_address_pairs"
    same = "ip_address mac_address"
  }
  block "extra_dhcp_option" {
    to   = "extra_dhcp_options"
    same = "name value ip_version"
  }
  block "binding" { lose_all = "cairn binds ports by itself" }
  data {
    same   = "name description network_id mac_address dns_name tags"
    rename = { port_id = "id" }
    drop   = { status = "cairn finds what is there" }
    lose   = { fixed_ip = "write the name", device_id = "write the name", device_owner = "write the name", security_group_ids = "write the name" }
  }
}

type "openstack_networking_port_secgroup_associate_v2" { later = "port.security_group_ids: import the port and set them there" }

type "openstack_networking_router_v2" {
  to     = "router"
  same   = "name description admin_state_up external_network_id enable_snat external_qos_policy_id availability_zone_hints tags"
  rename = { external_gateway = "external_network_id" }
  drop   = { distributed = "routers are distributed" }
  lose = {
    external_subnet_ids = "write external_fixed_ips", flavor_id = "there is one kind of router"
  }
  block "external_fixed_ip" {
    to   = "external_fixed_ips"
    same = "subnet_id ip_address"
  }
  data {
    same   = "name description admin_state_up enable_snat tags"
    rename = { router_id = "id" }
    drop   = { distributed = "routers are distributed", status = "cairn finds what is there" }
  }
}

type "openstack_networking_router_interface_v2" {
  to   = "router_interface"
  same = "router_id subnet_id"
  drop = { force_destroy = "cairn takes the routes down first" }
  lose = { port_id = "write subnet_id, and the port's address as ip_address" }
}

type "openstack_networking_router_route_v2" {
  to   = "route"
  same = "router_id destination_cidr next_hop"
}

type "openstack_networking_router_routes_v2" { later = "router.routes: write a route for each until then" }

type "openstack_networking_floatingip_v2" {
  also   = ["openstack_compute_floatingip_v2"]
  to     = "floating_ip"
  same   = "description address port_id fixed_ip subnet_id qos_policy_id tags"
  lookup = { pool = "floating_network_id" }
  lose   = { subnet_ids = "write subnet_id", dns_name = "DNS is not in cairn yet", dns_domain = "DNS is not in cairn yet" }
}

type "openstack_networking_floatingip_associate_v2" {
  to     = "floating_ip_association"
  same   = "port_id fixed_ip"
  lookup = { floating_ip = "floating_ip_id.address" }
}

type "openstack_networking_portforwarding_v2" {
  to     = "port_forwarding"
  same   = "description protocol external_port external_port_range internal_port internal_port_range internal_port_id internal_ip_address"
  rename = { floatingip_id = "floating_ip_id" }
}

type "openstack_networking_secgroup_v2" {
  to   = "security_group"
  same = "name description delete_default_rules stateful tags"
  data {
    same   = "name description stateful tags"
    rename = { secgroup_id = "id" }
  }
}

type "openstack_networking_secgroup_rule_v2" {
  to   = "security_group_rule"
  same = "description direction ethertype protocol port_range_min port_range_max remote_ip_prefix remote_group_id remote_address_group_id security_group_id"
}

type "openstack_networking_address_group_v2" {
  to   = "address_group"
  same = "name description addresses project_id"
}
type "openstack_networking_qos_policy_v2" {
  to   = "qos_policy"
  same = "name description project_id shared is_default tags"
  data {
    same   = "name description shared is_default tags"
    rename = { qos_policy_id = "id" }
  }
}
type "openstack_networking_qos_bandwidth_limit_rule_v2" { later = "qos_policy.bandwidth_limits: write the limit in its policy" }
type "openstack_networking_qos_dscp_marking_rule_v2" { later = "qos_policy.dscp_marking: write the mark in its policy" }
type "openstack_networking_qos_minimum_bandwidth_rule_v2" { later = "qos_policy.minimum_bandwidth: write the bandwidth in its policy" }
type "openstack_networking_trunk_v2" { later = "trunk" }
type "openstack_networking_rbac_policy_v2" { later = "rbac_policy" }
type "openstack_networking_bgp_speaker_v2" { later = "bgp_speaker" }
type "openstack_networking_bgp_peer_v2" { later = "bgp_peer" }
type "openstack_bgpvpn_v2" { later = "EVPN" }
type "openstack_bgpvpn_network_associate_v2" { later = "EVPN" }
type "openstack_bgpvpn_router_associate_v2" { later = "EVPN" }
type "openstack_bgpvpn_port_associate_v2" { later = "EVPN" }
type "openstack_fw_group_v2" { later = "firewall_group" }
type "openstack_fw_policy_v2" { later = "firewall_policy" }
type "openstack_fw_rule_v2" { later = "firewall_rule" }
type "openstack_vpnaas_service_v2" { later = "vpn_service" }
type "openstack_vpnaas_ike_policy_v2" { later = "vpn_ike_policy" }
type "openstack_vpnaas_ipsec_policy_v2" { later = "vpn_ipsec_policy" }
type "openstack_vpnaas_endpoint_group_v2" { later = "vpn_endpoint_group" }
type "openstack_vpnaas_site_connection_v2" { later = "vpn_site_connection" }
type "openstack_taas_tap_mirror_v2" { later = "tap_mirror" }

type "openstack_lb_loadbalancer_v2" {
  to    = "load_balancer"
  same  = "name description project_id vip_subnet_id vip_network_id vip_address admin_state_up tags"
  reads = { vip_port_id = "vip_port_id" }
  drop  = { loadbalancer_provider = "OVN balances", flavor_id = "OVN balances, without machines", availability_zone = "OVN balances in every zone" }
  lose = {
    security_group_ids = "OVN balances before the rules of ports: write them for the members' ports", vip_qos_policy_id = "write qos_policy_id on the members' ports"
  }
}

type "openstack_lb_listener_v2" {
  to   = "lb_listener"
  same = "name description project_id protocol protocol_port loadbalancer_id default_pool_id connection_limit admin_state_up tags"
  lose = {
    timeout_client_data         = "OVN looks into no connection", timeout_member_connect = "OVN looks into no connection", timeout_member_data = "OVN looks into no connection", timeout_tcp_inspect = "OVN looks into no connection"
    default_tls_container_ref   = "keep certificates on the members", sni_container_refs = "keep certificates on the members", client_authentication = "keep certificates on the members"
    client_ca_tls_container_ref = "keep certificates on the members", client_crl_container_ref = "keep certificates on the members"
    tls_ciphers                 = "keep certificates on the members", tls_versions = "keep certificates on the members", alpn_protocols = "keep certificates on the members"
    hsts_max_age                = "members speak HTTP themselves", hsts_include_subdomains = "members speak HTTP themselves", hsts_preload = "members speak HTTP themselves", insert_headers = "members see the client's own address"
    allowed_cidrs               = "write rules for the members' ports"
  }
}

type "openstack_lb_pool_v2" {
  to   = "lb_pool"
  same = "name description project_id protocol lb_method loadbalancer_id listener_id admin_state_up tags"
  lose = {
    alpn_protocols = "keep certificates on the members", ca_tls_container_ref = "keep certificates on the members", crl_container_ref = "keep certificates on the members", tls_enabled = "keep certificates on the members"
    tls_ciphers    = "keep certificates on the members", tls_container_ref = "keep certificates on the members", tls_versions = "keep certificates on the members"
  }
  block "persistence" {
    to   = "persistence"
    same = "type timeout"
    lose = { cookie_name = "OVN reads no cookies", granularity = "clients are told apart by whole addresses" }
  }
}

type "openstack_lb_member_v2" {
  to   = "lb_member"
  same = "name pool_id address protocol_port subnet_id weight admin_state_up"
  drop = { project_id = "it is the pool's" }
  lose = { monitor_address = "members are checked where they listen", monitor_port = "members are checked where they listen", backup = "OVN has no members in reserve", tags = "members have none" }
}

type "openstack_lb_members_v2" { later = "lb_member: write one for each" }

type "openstack_lb_monitor_v2" {
  to   = "lb_health_monitor"
  same = "name pool_id type delay timeout max_retries max_retries_down admin_state_up"
  drop = { project_id = "it is the pool's" }
  lose = {
    http_method = "OVN checks connections", url_path = "OVN checks connections", http_version = "OVN checks connections", expected_codes = "OVN checks connections", domain_name = "OVN checks connections"
    tags        = "monitors have none"
  }
}
type "openstack_lb_l7policy_v2" { later = "lb_l7_policy" }
type "openstack_lb_l7rule_v2" { later = "lb_l7_rule" }
type "openstack_lb_flavor_v2" { later = "lb_flavor" }
type "openstack_lb_flavorprofile_v2" { later = "lb_flavor" }
type "openstack_objectstorage_account_v1" { later = "object_account" }
type "openstack_objectstorage_container_v1" { later = "bucket" }
type "openstack_objectstorage_object_v1" { later = "bucket_object" }
type "openstack_objectstorage_tempurl_v1" { later = "temp_url" }
type "openstack_keymanager_secret_v1" { later = "secret" }
type "openstack_keymanager_container_v1" { later = "secret_container" }
type "openstack_keymanager_order_v1" { later = "key, or certificate" }
type "openstack_dns_zone_v2" { later = "dns_zone" }
type "openstack_dns_recordset_v2" { later = "dns_recordset" }
type "openstack_dns_zone_share_v2" { later = "dns_zone_share" }
type "openstack_dns_transfer_request_v2" { later = "dns_zone_transfer_request" }
type "openstack_dns_transfer_accept_v2" { later = "dns_zone_transfer_accept" }

type "openstack_identity_project_v3" {
  to   = "project"
  same = "name description enabled parent_id tags"
  lose = { domain_id = "projects have parents instead of domains", is_domain = "domains are not in cairn yet" }
  data {
    same   = "name enabled parent_id tags"
    rename = { project_id = "id" }
    lose   = { domain_id = "projects have parents instead of domains", is_domain = "domains are not in cairn yet" }
  }
}

type "openstack_identity_user_v3" { later = "user" }
type "openstack_identity_group_v3" { later = "group" }
type "openstack_identity_user_membership_v3" { later = "group_membership" }
type "openstack_identity_role_v3" { later = "role" }
type "openstack_identity_role_assignment_v3" { later = "role_assignment" }
type "openstack_identity_inherit_role_assignment_v3" { later = "role_assignment" }
type "openstack_identity_application_credential_v3" { later = "application_credential" }
type "openstack_identity_ec2_credential_v3" { later = "access_key" }
type "openstack_identity_registered_limit_v3" { later = "quota" }
type "openstack_identity_limit_v3" { later = "quota" }
type "openstack_identity_service_v3" { never = "cairn has no catalogue of services, because it has no services" }
type "openstack_identity_endpoint_v3" { never = "cairn has no catalogue of endpoints, because it has no services" }
type "openstack_orchestration_stack_v1" { later = "stack: cairn reads Heat templates" }
type "openstack_workflow_cron_trigger_v2" { later = "schedule" }
type "openstack_db_instance_v1" { never = "databases as a service are out of scope: run one on an instance" }
type "openstack_db_database_v1" { never = "databases as a service are out of scope: run one on an instance" }
type "openstack_db_user_v1" { never = "databases as a service are out of scope: run one on an instance" }
type "openstack_db_configuration_v1" { never = "databases as a service are out of scope: run one on an instance" }
type "openstack_containerinfra_cluster_v1" { never = "clusters as a service are out of scope: use a module on instances" }
type "openstack_containerinfra_clustertemplate_v1" { never = "clusters as a service are out of scope: use a module on instances" }
type "openstack_containerinfra_nodegroup_v1" { never = "clusters as a service are out of scope: use a module on instances" }
type "openstack_sharedfilesystem_share_v2" { later = "share" }
type "openstack_sharedfilesystem_sharenetwork_v2" { later = "share" }
type "openstack_sharedfilesystem_share_access_v2" { later = "share" }
type "openstack_sharedfilesystem_securityservice_v2" { later = "share" }

type "openstack_compute_availability_zones_v2" {
  also      = ["openstack_networking_availability_zones_v2", "openstack_blockstorage_availability_zones_v3"]
  data_only = true
  data {
    to   = "availability_zones"
    drop = { state = "zones are there or not", resource_type = "zones are one for all" }
  }
}

type "openstack_compute_hypervisor_v2" {
  data_only = true
  data {
    to     = "host"
    rename = { hostname = "name" }
    reads  = { vcpus = "vcpus", memory = "ram_mb", disk = "disk_gb" }
  }
}

type "openstack_compute_limits_v2" { later = "quota.used" }
type "openstack_identity_auth_scope_v3" { later = "auth_scope" }
type "openstack_images_image_ids_v2" { later = "images" }
type "openstack_networking_port_ids_v2" { later = "ports" }
type "openstack_networking_subnet_ids_v2" { later = "subnets" }
type "openstack_identity_project_ids_v3" { later = "projects" }
type "openstack_networking_agent_v2" { later = "chassis" }
