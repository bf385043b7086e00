package resources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// Flavor is a size of instances. Its sizes never change: a flavor with other
// sizes is another one, and instances move over to it when they are told to.
type Flavor struct {
	// ID of the flavor.
	ID string `hcl:"id" plan:"assigned" hot:"flavorid"`

	// Name, unique in the cloud.
	Name string `hcl:"name" check:"len=255"`

	// Description is for people.
	Description string `hcl:"description,optional" check:"len=255"`

	// VCPUs is how many virtual processors an instance has.
	VCPUs int `hcl:"vcpus" plan:"replace" check:"min=1,max=4096"`

	// RAMMB is how much memory an instance has, in MiB.
	RAMMB int `hcl:"ram_mb" plan:"replace" check:"min=64" hot:"ram"`

	// DiskGB is the size of the root disk in GiB, where it is local. 0 makes it as
	// large as the image.
	DiskGB int `hcl:"disk_gb,optional" plan:"replace" check:"min=0" hot:"disk"`

	// IsPublic lets every project use the flavor.
	IsPublic *bool `hcl:"is_public,optional" default:"true"`

	// ExtraSpecs say more of the guest and its host, in Nova's words. A change
	// counts for instances that are made, or resized, afterwards. With
	// aggregate_instance_extra_specs:WORD only hosts come into question that are in an
	// aggregate whose metadata has the word: with the value, or with one that
	// compares as Nova's operators say, such as "s== a", ">= 8" or "<or> a <or> b".
	ExtraSpecs map[string]string `hcl:"extra_specs,optional"`
}

// extraSpecs are the keys that are understood; one that ends in a dot or colon
// stands for all that begin so.
var extraSpecs = []string{
	aggregateSpec, "hw:boot_menu", "hw:cpu_cores", "hw:cpu_policy", "hw:cpu_sockets", "hw:cpu_thread_policy", "hw:cpu_threads",
	"hw:emulator_threads_policy", "hw:mem_encryption", "hw:mem_page_size", "hw:numa_cpus.", "hw:numa_mem.", "hw:numa_nodes", "hw:pci_numa_affinity_policy",
	"hw:tpm_model", "hw:vif_multiqueue_enabled", "hw:watchdog_action", "hw_rng:allowed", "os:secure_boot", "pci_passthrough:alias",
	"quota:cpu_period", "quota:cpu_quota", "quota:cpu_shares",
	"quota:disk_read_bytes_sec", "quota:disk_read_iops_sec", "quota:disk_total_bytes_sec", "quota:disk_total_iops_sec", "quota:disk_write_bytes_sec", "quota:disk_write_iops_sec",
	"quota:vif_inbound_average", "quota:vif_inbound_burst", "quota:vif_inbound_peak", "quota:vif_outbound_average", "quota:vif_outbound_burst", "quota:vif_outbound_peak",
	"resources:", "trait:",
}

// Check warns of keys that nobody reads.
func (f *Flavor) Check() error {
	var all schema.Problems
	for _, key := range slices.Sorted(maps.Keys(f.ExtraSpecs)) {
		if strings.HasPrefix(key, aggregateSpec) {
			all = append(all, schema.AsProblems(checkSpec(key, f.ExtraSpecs[key]))...)
		}
		if slices.ContainsFunc(extraSpecs, func(known string) bool {
			return key == known || strings.HasSuffix(known, ":") && strings.HasPrefix(key, known) || strings.HasSuffix(known, ".") && strings.HasPrefix(key, known)
		}) {
			continue
		}
		detail := "It is kept, and nothing reads it."
		if near := schema.Nearest(key, extraSpecs); near != "" {
			detail += fmt.Sprintf(" Did you mean %q?", near)
		}
		all = append(all, schema.Problem{Code: "CRN-FLV-1", Attribute: "extra_specs", Summary: fmt.Sprintf("There is no extra spec %q", key), Detail: detail, Warning: true})
	}
	return all.Err()
}

// Claims takes the name.
func (f *Flavor) Claims(_ schema.World, l schema.Ledger) error {
	return named(l.Name("flavor name", f.Name), "flavor", f.Name)
}
