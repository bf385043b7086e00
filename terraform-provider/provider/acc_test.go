package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/querycheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/cairncloud/cairn/resources"
)

// The environment of terraform-plugin-testing.
const (
	accOn     = "TF_ACC"
	accBinary = "TF_ACC_TERRAFORM_PATH"
	accHost   = "TF_ACC_PROVIDER_HOST"
	// accTofu marks the run of this test binary that uses tofu.
	accTofu = "CAIRN_TEST_TOFU"
)

// accSetup finds the engine of the acceptance tests, and prints which it is.
func accSetup(dir string) error {
	binary := os.Getenv(accBinary)
	if binary == "" {
		binary, _ = exec.LookPath("terraform")
	}
	if binary == "" {
		fmt.Println("acceptance tests: no terraform on PATH, and TF_ACC_TERRAFORM_PATH is not set: skipped")
		return nil
	}
	out, err := exec.Command(binary, "version").Output()
	if err != nil {
		return fmt.Errorf("%s version: %w", binary, err)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	fmt.Printf("acceptance tests: %s (%s)\n", first, binary)
	rc := filepath.Join(dir, "terraform.rc")
	return errors.Join(os.WriteFile(rc, []byte("disable_checkpoint = true\n"), 0o600), os.Setenv("TF_CLI_CONFIG_FILE", rc), os.Setenv("CHECKPOINT_DISABLE", "1"),
		os.Setenv(accBinary, binary), os.Setenv(accOn, "1"))
}

// needEngine skips without one.
func needEngine(t *testing.T) {
	t.Helper()
	if os.Getenv(accOn) == "" {
		t.Skip("there is no terraform on PATH, and TF_ACC_TERRAFORM_PATH is not set")
	}
}

// The same tests once more with OpenTofu.
func TestTofu(t *testing.T) {
	t.Parallel()
	tofu, err := exec.LookPath("tofu")
	if err != nil {
		t.Skip("there is no tofu on PATH")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAcc", "-test.v", "-test.parallel=4")
	cmd.Env = append(os.Environ(), accTofu+"=1", accBinary+"="+tofu, accHost+"=registry.opentofu.org")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v", out, err)
	}
	if !strings.Contains(string(out), "acceptance tests: OpenTofu") || !strings.Contains(string(out), "--- PASS: TestAccStack") {
		t.Errorf("tofu has run nothing: %s", out)
	}
}

// A shop makes the provider for Terraform, as its process: the one before has
// ended by the time that the next is started.
type shop struct {
	t    *testing.T
	dir  string
	more string // of the provider block

	mu   sync.Mutex
	last *Provider
}

func newShop(t *testing.T, more string) *shop {
	t.Helper()
	needEngine(t)
	s := &shop{t: t, dir: t.TempDir(), more: more}
	if err := os.WriteFile(filepath.Join(s.dir, "cloud.hcl"), []byte(cloudText), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	return s
}

func (s *shop) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		return
	}
	if err := s.last.Close(context.Background()); err != nil {
		s.t.Error(err)
	}
	s.last = nil
}

func (s *shop) factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){"cairn": func() (tfprotov6.ProviderServer, error) {
		s.end()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = New(resources.All())
		return providerserver.NewProtocol6(s.last)(), nil
	}}
}

// config is a whole configuration.
func (s *shop) config(text string) string {
	return fmt.Sprintf("provider \"cairn\" {\n  cloud = %q\n  stack = \"acc\"\n%s\n}\n", filepath.Join(s.dir, "cloud.hcl"), s.more) + text
}

// lab looks at the cloud from outside.
func (s *shop) lab() *lab { return &lab{TB: s.t, provider: New(resources.All()), dir: s.dir} }

// empty is what a destroy has to leave.
func (s *shop) empty(*terraform.State) error {
	s.end()
	if left := s.lab().left("acc"); len(left) > 0 {
		return fmt.Errorf("left behind: %s", strings.Join(left, ", "))
	}
	return nil
}

// vanish deletes an object of the embedded cloud behind everybody's back.
func (s *shop) vanish(typ, name string) {
	s.t.Helper()
	l := s.lab()
	site := l.site()
	for _, id := range l.strings(l.open(filepath.Join(".cairn", "embedded.db")), fmt.Sprintf("SELECT id FROM objects WHERE type = '%s'", typ)) {
		h := site.Systems.For(typ)
		o, err := h.Import(context.Background(), id)
		if err != nil {
			s.t.Fatal(err)
		}
		if resources.All().Resource(typ).Texts(o, "name")[0] != name {
			continue
		}
		if err := h.Delete(context.Background(), nil, o); err != nil {
			s.t.Fatal(err)
		}
		return
	}
	s.t.Fatalf("there is no %s named %s", typ, name)
}

const shopText = `
resource "cairn_network" "n" {
  name = "n"
}
resource "cairn_subnet" "s" {
  name       = "s"
  network_id = cairn_network.n.id
  cidr       = "10.1.0.0/24"
}
resource "cairn_flavor" "f" {
  name    = "f"
  vcpus   = 1
  ram_mb  = 256
  disk_gb = 1
}
data "cairn_image" "tiny" {
  name = "tiny"
}
resource "cairn_instance" "i" {
  name      = "i"
  flavor_id = cairn_flavor.f.id
  image_id  = data.cairn_image.tiny.id
  networks  = [{ port = cairn_port.p.id }]
}
`

func portText(more string) string {
	return `
resource "cairn_port" "p" {
  name       = "p"
  network_id = cairn_network.n.id
  fixed_ips  = [{ subnet_id = cairn_subnet.s.id, ip_address = "10.1.0.7" }]
` + more + `
}
`
}

// still is the check that a step leaves nothing to do.
var still = []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}

// A network with a machine is made, changed, replaced and brought in again.
func TestAccStack(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	const port = "cairn_port.p"
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		Steps: []resource.TestStep{
			{
				Config: s.config(shopText + portText("")),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectUnknownValue(port, tfjsonpath.New("mac_address")), plancheck.ExpectKnownValue(port, tfjsonpath.New("admin_state_up"), knownvalue.Bool(true))},
					PostApplyPostRefresh: still,
				},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(port, tfjsonpath.New("fixed_ips").AtSliceIndex(0).AtMapKey("ip_address"), knownvalue.StringExact("10.1.0.7")),
					statecheck.ExpectKnownValue(port, tfjsonpath.New("mac_address"), knownvalue.StringRegexp(regexp.MustCompile("^fa:16:3e:"))),
					statecheck.ExpectKnownValue("cairn_instance.i", tfjsonpath.New("access_ip_v4"), knownvalue.StringExact("10.1.0.7")),
					statecheck.ExpectKnownValue("cairn_instance.i", tfjsonpath.New("status"), knownvalue.StringExact("ACTIVE")),
				},
			},
			{
				Config: s.config(shopText + portText(`description = "new"`)),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(port, plancheck.ResourceActionUpdate), plancheck.ExpectResourceAction("cairn_instance.i", plancheck.ResourceActionNoop)},
					PostApplyPostRefresh: still,
				},
			},
			{ResourceName: port, ImportState: true, ImportStateVerify: true, Config: s.config(shopText + portText(`description = "new"`))},
			{ResourceName: port, ImportState: true, ImportStateVerify: true, ImportStateId: "p", Config: s.config(shopText + portText(`description = "new"`))},
			{ResourceName: "cairn_network.n", ImportState: true, ImportStateKind: resource.ImportBlockWithID, Config: s.config(shopText + portText(`description = "new"`))},
			{
				Config: s.config(strings.Replace(shopText, `name      = "i"`, "name      = \"i\"\n  user_data = \"#!/bin/sh\"", 1) + portText(`description = "new"`)),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("cairn_instance.i", plancheck.ResourceActionReplace), plancheck.ExpectResourceAction(port, plancheck.ResourceActionNoop)},
					PostApplyPostRefresh: still,
				},
			},
		},
	})
}

const wireText = `
resource "cairn_network" "n" {
  name = "n"
}
resource "cairn_subnet" "s" {
  name       = "s"
  network_id = cairn_network.n.id
  cidr       = "10.1.0.0/24"
}
`

// What was removed behind Terraform's back is made again, with the address that
// its author gave it.
func TestAccDrift(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		Steps: []resource.TestStep{
			{Config: s.config(wireText + portText(""))},
			{
				PreConfig: func() { s.vanish("port", "p") },
				Config:    s.config(wireText + portText("")),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("cairn_port.p", plancheck.ResourceActionCreate)},
					PostApplyPostRefresh: still,
				},
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue("cairn_port.p", tfjsonpath.New("fixed_ips").AtSliceIndex(0).AtMapKey("ip_address"), knownvalue.StringExact("10.1.0.7"))},
			},
		},
	})
}

func TestAccDisappears(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		Steps: []resource.TestStep{{
			Config:             s.config(wireText + portText("")),
			Check:              func(*terraform.State) error { s.end(); s.vanish("port", "p"); return nil },
			ExpectNonEmptyPlan: true,
		}},
	})
}

// Facts of the cloud, objects of others, and functions.
func TestAccData(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)},
		Steps: []resource.TestStep{
			{
				Config:      s.config("data \"cairn_project\" \"mine\" {\n  name = \"defualt\"\n}\n"),
				ExpectError: regexp.MustCompile(`Did you mean\s+"default"\?`),
			},
			{
				Config:      s.config("output \"x\" {\n  value = provider::cairn::ptr(\"ten\")\n}\n"),
				ExpectError: regexp.MustCompile(`"ten" is no\s+address`),
			},
			{
				Config: s.config(`
data "cairn_availability_zones" "all" {}
data "cairn_project" "mine" {
  name = "default"
}
resource "cairn_network" "n" {
  name       = "n"
  project_id = data.cairn_project.mine.id
}
data "cairn_network" "n" {
  id = cairn_network.n.id
}
resource "cairn_random_password" "p" {
  length = 20
}
output "zones" {
  value = data.cairn_availability_zones.all.names
}
output "name" {
  value = data.cairn_network.n.name
}
output "ptr" {
  value = provider::cairn::ptr("10.0.0.5")
}
output "data" {
  value = provider::cairn::cloudinit("#!/bin/sh", "#cloud-config")
}
`),
				ConfigPlanChecks: resource.ConfigPlanChecks{PostApplyPostRefresh: still},
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownOutputValue("zones", knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact("z1"), knownvalue.StringExact("z2")})),
					statecheck.ExpectKnownOutputValue("name", knownvalue.StringExact("n")),
					statecheck.ExpectKnownOutputValue("ptr", knownvalue.StringExact("5.0.0.10.in-addr.arpa.")),
					statecheck.ExpectKnownOutputValue("data", knownvalue.StringRegexp(regexp.MustCompile("multipart/mixed"))),
					statecheck.ExpectSensitiveValue("cairn_random_password.p", tfjsonpath.New("result")),
				},
			},
		},
	})
}

// A declaration with two names: an object changes its name and nothing else.
func TestAccMoved(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	id := statecheck.CompareValue(sameValue{})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_8_0)},
		Steps: []resource.TestStep{
			{
				Config:            s.config("resource \"cairn_terraform_data\" \"x\" {\n  input = \"kept\"\n}\n"),
				ConfigStateChecks: []statecheck.StateCheck{id.AddStateValue("cairn_terraform_data.x", tfjsonpath.New("id"))},
			},
			{
				Config: s.config("resource \"cairn_value\" \"x\" {\n  input = \"kept\"\n}\nmoved {\n  from = cairn_terraform_data.x\n  to   = cairn_value.x\n}\n"),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction("cairn_value.x", plancheck.ResourceActionNoop)},
					PostApplyPostRefresh: still,
				},
				ConfigStateChecks: []statecheck.StateCheck{id.AddStateValue("cairn_value.x", tfjsonpath.New("id"))},
			},
		},
	})
}

// sameValue holds when all values are one.
type sameValue struct{}

func (sameValue) CompareValues(values ...any) error {
	for _, v := range values[1:] {
		if v != values[0] {
			return fmt.Errorf("%v became %v", values[0], v)
		}
	}
	return nil
}

// With reservations a plan shows what the apply will choose.
func TestAccReservations(t *testing.T) {
	t.Parallel()
	s := newShop(t, "plan_reservations = true")
	address := tfjsonpath.New("fixed_ips").AtSliceIndex(0).AtMapKey("ip_address")
	const port = `
resource "cairn_port" "q" {
  name       = "q"
  network_id = cairn_network.n.id
}
resource "cairn_port" "nameless" {
  network_id = cairn_network.n.id
}
`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		Steps: []resource.TestStep{
			{
				Config: s.config(wireText),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue("cairn_network.n", tfjsonpath.New("id"), knownvalue.NotNull()),
					plancheck.ExpectKnownValue("cairn_network.n", tfjsonpath.New("mtu"), knownvalue.NotNull()),
				}},
			},
			{
				Config: s.config(wireText + port),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PreApply: []plancheck.PlanCheck{
						plancheck.ExpectKnownValue("cairn_port.q", address, knownvalue.StringRegexp(regexp.MustCompile(`^10\.1\.0\.`))),
						plancheck.ExpectKnownValue("cairn_port.q", tfjsonpath.New("mac_address"), knownvalue.NotNull()),
						plancheck.ExpectUnknownValue("cairn_port.nameless", tfjsonpath.New("mac_address")),
					},
					PostApplyPostRefresh: still,
				},
			},
		},
	})
}

// Import by identity, which Terraform knows since 1.12.
func TestAccIdentity(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_12_0)},
		Steps: []resource.TestStep{
			{
				Config:            s.config(wireText),
				ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValueMatchesState("cairn_network.n", tfjsonpath.New("id"))},
			},
			{ResourceName: "cairn_network.n", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity, Config: s.config(wireText)},
		},
	})
}

// A query lists what the stack has, which Terraform can since 1.14.
func TestAccQuery(t *testing.T) {
	t.Parallel()
	s := newShop(t, "")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: s.factories(), CheckDestroy: s.empty,
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_14_0)},
		Steps: []resource.TestStep{
			{Config: s.config(wireText + portText(""))},
			{
				Query:             true,
				Config:            s.config("list \"cairn_port\" \"all\" {\n  provider = cairn\n  config {\n    name = \"p\"\n  }\n}\n"),
				QueryResultChecks: []querycheck.QueryResultCheck{querycheck.ExpectLength("cairn_port.all", 1)},
			},
		},
	})
}
