// Command bench measures the provider under a real Terraform: what its process
// costs in a plan of which nothing comes, beside a provider of the same schemas
// with nothing behind them, in the same run; and how soon it answers with its
// schemas.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	if real := os.Getenv("BENCH_PROVIDER"); real != "" { // Terraform has started it as a provider
		os.Exit(wrap(real))
	}
	sizes := flag.String("sizes", "1000,5000", "how many ports")
	rounds := flag.Int("rounds", 3, "plans of each kind; the cheapest counts")
	flag.Parse()
	if err := run(*sizes, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// used is what one provider process has cost.
type used struct {
	CPU time.Duration
	MB  int64
}

// wrap runs the real provider and notes what it has cost.
func wrap(real string) int {
	c := exec.Command(real, os.Args[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := c.Run()
	u := used{CPU: c.ProcessState.UserTime() + c.ProcessState.SystemTime()}
	if r, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.MB = r.Maxrss >> 10
	}
	text, _ := json.Marshal(u)
	if f, err := os.OpenFile(os.Getenv("BENCH_COSTS"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600); err == nil {
		_, _ = f.Write(append(text, '\n'))
		_ = f.Close()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

func run(sizes string, rounds int) error {
	engine, err := exec.LookPath("terraform")
	if err != nil {
		return errors.New("terraform is not on PATH: there is nothing to measure with")
	}
	dir, err := os.MkdirTemp("", "bench-terraform")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{dir: dir, engine: engine}
	if err := b.build(); err != nil {
		return err
	}
	if err := b.start(); err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ports\tprovider\tCPU of a plan\tof an apply\tpeak MB of a plan")
	for size := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil {
			return fmt.Errorf("-sizes: %q is no number", size)
		}
		var plans []time.Duration
		for _, provider := range []string{"empty", "cairn"} {
			plan, apply, err := b.measure(provider, n, rounds)
			if err != nil {
				return fmt.Errorf("%d ports, %s: %w", n, provider, err)
			}
			plans = append(plans, plan.CPU)
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\n", n, provider, plan.CPU.Round(time.Millisecond), apply.CPU.Round(time.Millisecond), plan.MB)
		}
		fmt.Fprintf(w, "%d\tratio\t%.2f\t\t\n", n, float64(plans[1])/float64(plans[0]))
		if err := w.Flush(); err != nil { // thousands of ports take Terraform a quarter of an hour
			return err
		}
	}
	return nil
}

type bench struct{ dir, engine string }

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) build() error {
	for name, pkg := range map[string]string{"cairn": "..", "empty": "./empty", "wrap": "."} {
		c := exec.Command("go", "build", "-o", b.path(name), pkg)
		c.Dir = filepath.Join("terraform-provider", "bench")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, out)
		}
	}
	if err := os.Mkdir(b.path("plugin"), 0o700); err != nil {
		return err
	}
	if err := os.Rename(b.path("wrap"), b.path("plugin/terraform-provider-cairn")); err != nil {
		return err
	}
	return os.WriteFile(b.path("rc"), fmt.Appendf(nil, "disable_checkpoint = true\nprovider_installation {\n  dev_overrides { \"cairncloud/cairn\" = %q }\n  direct {}\n}\n", b.path("plugin")), 0o600)
}

// terraform runs a command in a folder, and answers with the costs of the last
// provider process that it started.
func (b *bench) terraform(folder, provider string, args ...string) (used, error) {
	costs := filepath.Join(folder, "costs")
	_ = os.Remove(costs)
	c := exec.Command(b.engine, args...)
	c.Dir = folder
	c.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+b.path("rc"), "CHECKPOINT_DISABLE=1", "BENCH_PROVIDER="+b.path(provider), "BENCH_COSTS="+costs,
		"CAIRN_KEYSET="+b.path("keyset.json"))
	if out, err := c.CombinedOutput(); err != nil {
		return used{}, fmt.Errorf("terraform %s: %w: %s", args[0], err, out[max(0, len(out)-2000):])
	}
	text, err := os.ReadFile(costs)
	if err != nil {
		return used{}, err
	}
	// The processes that validate are other ones; the dearest is the one that counts.
	var most used
	for line := range strings.Lines(string(text)) {
		var u used
		if err := json.Unmarshal([]byte(line), &u); err != nil {
			return used{}, err
		}
		if u.CPU > most.CPU {
			most = u
		}
	}
	return most, nil
}

// measure makes ports and plans them again, as often as rounds says.
func (b *bench) measure(provider string, n, rounds int) (plan, apply used, err error) {
	folder := b.path(fmt.Sprintf("%s-%d", provider, n))
	if err := os.Mkdir(folder, 0o700); err != nil {
		return plan, apply, err
	}
	config := `terraform {
  required_providers { cairn = { source = "cairncloud/cairn" } }
}
resource "cairn_network" "lan" { name = "lan" }
resource "cairn_subnet" "lan" {
  network_id = cairn_network.lan.id
  cidr       = "10.0.0.0/16"
}
`
	var b2 strings.Builder
	b2.WriteString(config)
	for i := range n { // blocks of their own: Terraform itself is slow with many of one
		fmt.Fprintf(&b2, "resource \"cairn_port\" \"p%d\" {\n  name       = \"p%d\"\n  network_id = cairn_network.lan.id\n  depends_on = [cairn_subnet.lan]\n}\n", i, i)
	}
	if err := os.WriteFile(filepath.Join(folder, "main.tf"), []byte(b2.String()), 0o600); err != nil {
		return plan, apply, err
	}
	if apply, err = b.terraform(folder, provider, "apply", "-auto-approve"); err != nil {
		return plan, apply, err
	}
	for range rounds {
		u, err := b.terraform(folder, provider, "plan", "-detailed-exitcode")
		if err != nil {
			return plan, apply, err
		}
		if plan.CPU == 0 || u.CPU < plan.CPU {
			plan = u
		}
	}
	return plan, apply, nil
}

// start measures how soon the provider has answered with its schemas.
func (b *bench) start() error {
	folder := b.path("start")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "main.tf"), []byte("terraform {\n  required_providers { cairn = { source = \"cairncloud/cairn\" } }\n}\n"), 0o600); err != nil {
		return err
	}
	var best used
	for range 5 {
		u, err := b.terraform(folder, "cairn", "providers", "schema", "-json")
		if err != nil {
			return err
		}
		if best.CPU == 0 || u.CPU < best.CPU {
			best = u
		}
	}
	fmt.Printf("Start to schema answered and end of the process: %s of CPU, %d MB.\n\n", best.CPU.Round(time.Millisecond), best.MB)
	return nil
}
