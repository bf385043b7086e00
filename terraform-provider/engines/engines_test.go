// Package engines compares what one folder comes to under cairn, Terraform and
// OpenTofu, and hands its stack from one to the other.
package engines

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/site"
)

const stack = "three-tier"

// A bench has both programs built, and the engines that are on PATH.
type bench struct {
	dir     string
	engines []string
}

var programs bench

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "engines")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	programs.dir = dir
	for _, name := range []string{"terraform", "tofu"} {
		if path, err := exec.LookPath(name); err == nil {
			programs.engines = append(programs.engines, path)
		}
	}
	fmt.Printf("engines besides cairn: %s\n", strings.Join(programs.engines, ", "))
	for name, pkg := range map[string]string{"cairn": "../../cmd/cairn", "plugin/terraform-provider-cairn": ".."} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), pkg).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v: %s\n", name, err, out)
			return 1
		}
	}
	rc := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  dev_overrides { \"cairncloud/cairn\" = %q }\n  direct {}\n}\n", filepath.Join(dir, "plugin"))
	if err := os.WriteFile(filepath.Join(dir, "rc"), []byte(rc), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for k, v := range map[string]string{"TF_CLI_CONFIG_FILE": filepath.Join(dir, "rc"), "CHECKPOINT_DISABLE": "1", "CAIRN_KEYSET": filepath.Join(dir, "keyset.json"), "NO_COLOR": "1", "TF_CLI_ARGS": "-no-color"} {
		if err := os.Setenv(k, v); err != nil {
			return 1
		}
	}
	return m.Run()
}

// do runs a program in a folder; the exit code must be the given one.
func do(t *testing.T, folder string, code int, program string, args ...string) string {
	t.Helper()
	c := exec.Command(program, args...)
	c.Dir = folder
	out, err := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != code {
		t.Fatalf("%s %s: exit code %d (%v), not %d:\n%s", filepath.Base(program), strings.Join(args, " "), got, err, code, out)
	}
	return string(out)
}

func (b bench) cairn() string { return filepath.Join(b.dir, "cairn") }

// converted is the three-tier example as Terraform reads it, in a folder of its own.
func converted(t *testing.T) string {
	folder := filepath.Join(t.TempDir(), "stack")
	example, err := filepath.Abs("../../examples/three-tier")
	if err != nil {
		t.Fatal(err)
	}
	do(t, filepath.Dir(folder), 0, programs.cairn(), "convert", "terraform", example, "-out", folder)
	return folder
}

// TestEnginesMakeTheSame applies one folder with each engine, in clouds of their
// own, and compares what is there.
func TestEnginesMakeTheSame(t *testing.T) {
	t.Parallel()
	if len(programs.engines) == 0 {
		t.Skip("neither terraform nor tofu is on PATH: there is nothing to compare cairn with")
	}
	own := converted(t)
	do(t, own, 0, programs.cairn(), "apply", "-auto-approve")
	want := objects(t, own)
	for _, engine := range programs.engines {
		t.Run(filepath.Base(engine), func(t *testing.T) {
			t.Parallel()
			folder := converted(t)
			do(t, folder, 0, engine, "get")
			do(t, folder, 0, engine, "apply", "-auto-approve")
			do(t, folder, 0, engine, "plan", "-detailed-exitcode")
			got := objects(t, folder)
			if !slices.Equal(got, want) {
				t.Errorf("%s has made\n  %s\nand cairn\n  %s", engine, strings.Join(minus(got, want), "\n  "), strings.Join(minus(want, got), "\n  "))
			}
			do(t, folder, 0, engine, "destroy", "-auto-approve")
			if left := objects(t, folder); len(left) > 0 {
				t.Errorf("after destroy there is still %s", left)
			}
		})
	}
}

// TestHandOver moves a stack from an engine's state to cairn's and back.
func TestHandOver(t *testing.T) {
	t.Parallel()
	if len(programs.engines) == 0 {
		t.Skip("neither terraform nor tofu is on PATH: there is nobody to hand a stack over to")
	}
	for _, engine := range programs.engines {
		t.Run(filepath.Base(engine), func(t *testing.T) {
			t.Parallel()
			folder := converted(t)
			do(t, folder, 0, engine, "get")
			do(t, folder, 0, engine, "apply", "-auto-approve")
			made := objects(t, folder)

			out := do(t, folder, 1, programs.cairn(), "plan")
			says(t, out, "Stack three-tier is kept by terraform", "cairn state import-terraform")
			out = do(t, folder, 0, programs.cairn(), "state", "import-terraform", "terraform.tfstate")
			says(t, out, "Stack three-tier is cairn's now: 24 objects.")
			do(t, folder, 0, programs.cairn(), "plan", "-detailed-exitcode")
			do(t, folder, 0, programs.cairn(), "apply", "-auto-approve")
			same(t, "taken over", objects(t, folder), made)
			out = do(t, folder, 1, engine, "plan")
			says(t, out, "stack three-tier is kept by cairn", "stack = \"three-tier\"")

			out = do(t, folder, 1, programs.cairn(), "state", "export-terraform")
			says(t, out, "there is no terminal to ask for approval")
			out = do(t, folder, 0, programs.cairn(), "state", "export-terraform", "-auto-approve")
			says(t, out, "Stack three-tier is Terraform's now: 24 objects, with an import block each in import.tf.")
			if err := os.Remove(filepath.Join(folder, "terraform.tfstate")); err != nil {
				t.Fatal(err)
			}
			// What a configuration calls sensitive is not so in what is imported: the engine
			// changes that mark, and nothing else.
			out = do(t, folder, 0, engine, "plan", "-out=plan")
			says(t, out, "24 to import, 0 to add, 1 to change, 0 to destroy")
			do(t, folder, 0, engine, "apply", "plan")
			do(t, folder, 0, engine, "plan", "-detailed-exitcode")
			same(t, "given back", objects(t, folder), made)
			do(t, folder, 0, engine, "destroy", "-auto-approve")
		})
	}
}

const ports = `terraform {
  required_providers { cairn = { source = "cairncloud/cairn" } }
}
provider "cairn" {
  stack  = "three-tier"
  config = "cloud \"slow\" {\n embedded {\n latency = \"30ms\"\n }\n}"
}
resource "cairn_network" "lan" { name = "lan" }
resource "cairn_subnet" "lan" {
  network_id = cairn_network.lan.id
  cidr       = "10.0.0.0/24"
}
resource "cairn_port" "named" {
  count      = 20
  name       = "p${count.index}"
  network_id = cairn_network.lan.id
  depends_on = [cairn_subnet.lan]
}
resource "cairn_port" "nameless" {
  count      = 20
  network_id = cairn_network.lan.id
  depends_on = [cairn_subnet.lan]
}
`

// TestKilledEngine kills an engine again and again, its provider as well or not,
// until an apply gets through; then there is what the state says, and gc removes the
// rest.
func TestKilledEngine(t *testing.T) {
	t.Parallel()
	if len(programs.engines) == 0 {
		t.Skip("neither terraform nor tofu is on PATH: there is nobody to kill")
	}
	engine := programs.engines[0]
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.tf"), []byte(ports), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		c := exec.Command(engine, "apply", "-auto-approve")
		c.Dir = folder
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300*time.Millisecond + time.Duration(rand.IntN(900))*time.Millisecond)
		pid := c.Process.Pid
		if i%2 == 0 {
			pid = -pid // the group: the provider as well
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_ = c.Wait()
		_ = os.Remove(filepath.Join(folder, ".terraform.tfstate.lock.info"))
	}
	do(t, folder, 0, engine, "apply", "-auto-approve")
	do(t, folder, 0, engine, "plan", "-detailed-exitcode")
	out := do(t, folder, 0, programs.cairn(), "-chdir", folder, "gc", "-auto-approve")
	t.Logf("%s", out)
	state := do(t, folder, 0, engine, "state", "list")
	want := len(strings.Fields(state))
	if got := len(objects(t, folder)); got != want || want != 42 {
		t.Errorf("the state has %d objects, the cloud %d, and 42 are configured", want, got)
	}
	out = do(t, folder, 0, programs.cairn(), "gc", "-auto-approve")
	says(t, out, "Nothing to remove")
	do(t, folder, 0, engine, "plan", "-detailed-exitcode")
	do(t, folder, 0, engine, "destroy", "-auto-approve")
	if left := objects(t, folder); len(left) > 0 {
		t.Errorf("after destroy there is still %s", left)
	}
}

func says(t *testing.T, text string, all ...string) {
	t.Helper()
	joined := strings.Join(strings.Fields(strings.ReplaceAll(text, "│", "")), " ")
	for _, want := range all {
		if !strings.Contains(joined, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func same(t *testing.T, when string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s, there is\n  %s\ninstead of\n  %s", when, strings.Join(minus(got, want), "\n  "), strings.Join(minus(want, got), "\n  "))
	}
}

func minus(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(x string) bool { return slices.Contains(b, x) })
}

// objects are what a folder's cloud has of its stack, in words that are the same
// whatever was chosen: ids are replaced by what they are the ids of, and of what
// cairn chooses only whether it is there counts.
func objects(t *testing.T, folder string) []string {
	t.Helper()
	types := resources.All()
	s, shut, err := site.Open(context.Background(), cloudfile.Default(folder), types)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shut() }()
	type object struct {
		t *schema.Type
		v cty.Value
	}
	var all []object
	labels := map[string]string{}
	for _, name := range []string{planner.BuiltinStack, stack} {
		err := planner.EachRecord(context.Background(), s, name, func(o address.Object, typ *schema.Type, v cty.Value, _ planner.RecordFacts) error {
			v, _ = v.UnmarkDeep()
			if id := text(v, "id"); id != "" && id != "none" {
				labels[id] = label(typ, v, id)
			}
			if name == stack {
				all = append(all, object{typ, v})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	for _, o := range all {
		words := map[string]string{}
		for _, a := range o.t.Attributes {
			v := o.v.GetAttr(a.Name)
			switch {
			case v.IsNull():
			case a.Source != schema.Author:
				words[a.Name] = "chosen"
			default:
				words[a.Name] = written(a, v)
			}
		}
		line := o.t.Name
		for _, k := range slices.Sorted(maps.Keys(words)) {
			line += " " + k + "=" + words[k]
		}
		for id, l := range labels {
			line = strings.ReplaceAll(line, id, l)
		}
		lines = append(lines, secretless(line))
	}
	slices.Sort(lines)
	return lines
}

// written is a value without what cairn chose inside of it.
func written(a *schema.Attribute, v cty.Value) string {
	if a.Nested == nil || !v.Type().IsListType() {
		return fmt.Sprintf("%#v", v)
	}
	var parts []string
	for _, e := range v.AsValueSlice() {
		for _, n := range a.Nested {
			switch x := e.GetAttr(n.Name); {
			case x.IsNull():
			case n.Source != schema.Author:
				parts = append(parts, n.Name+"=chosen")
			default:
				parts = append(parts, fmt.Sprintf("%s=%#v", n.Name, x))
			}
		}
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// secretless takes the random password out of the user data that has it.
func secretless(line string) string {
	if i := strings.Index(line, "PASSWORD="); i >= 0 {
		return line[:i] + "PASSWORD=..." // the rest hangs on it
	}
	return line
}

func label(t *schema.Type, v cty.Value, id string) string {
	if name := text(v, "name"); name != "" && !strings.Contains(name, id[:min(8, len(id))]) {
		return "<" + t.Name + " " + name + ">"
	}
	return "<" + t.Name + ">"
}

func text(v cty.Value, name string) string {
	if !v.Type().HasAttribute(name) || v.GetAttr(name).IsNull() || v.GetAttr(name).Type() != cty.String {
		return ""
	}
	return v.GetAttr(name).AsString()
}
