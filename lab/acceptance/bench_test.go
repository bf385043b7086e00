//go:build linux

package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cairncloud/cairn/lab"
)

const benchStack = `stack "first-ping" {}

variable "n" {
  default = 0
}

data "image" "tiny" {
  name = "tiny"
}

data "flavor" "tiny" {
  name = "tiny"
}

resource "network" "n" {}

resource "subnet" "n" {
  network_id = network.n.id
  cidr       = "10.76.0.0/24"
}

resource "port" "probe" {
  network_id = network.n.id
  fixed_ips  = [{ subnet_id = subnet.n.id, ip_address = "10.76.0.9" }]
}

resource "instance" "web" {
  count     = var.n
  name      = "web"
  flavor_id = data.flavor.tiny.id
  image_id  = data.image.tiny.id
  host      = "hv1"
  networks  = [{ network_id = network.n.id, fixed_ip_v4 = "10.76.0.10" }]
}

output "probe" {
  value = port.probe.id
}
`

// BenchmarkFirstPing measures the time from the start of `cairn apply` to the first
// ping that the new guest answers, and how much of it cairn has worked, on whatever
// processor: the rest is libvirt, OVN and the guest.
func BenchmarkFirstPing(b *testing.B) {
	if os.Getenv(lab.EnvDir) == "" {
		b.Skipf("%s names no lab: `make bench-libvirt` brings one up", lab.EnvDir)
	}
	l, err := lab.Open("")
	if err != nil {
		b.Fatal(err)
	}
	dir, bin := b.TempDir(), build(b)
	text, err := l.Cloud("cairn.db", lab.Machines)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{"cloud.hcl": text, "main.stack.hcl": benchStack} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	cairn := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, "cairn"), args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CAIRN_KEYSET="+filepath.Join(dir, "keys.json"), "CAIRN_CLOUD="+filepath.Join(dir, "cloud.hcl"))
		return cmd
	}
	must := func(cmd *exec.Cmd) string {
		b.Helper()
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
		return string(out)
	}
	must(cairn("apply", "-auto-approve"))
	port := must(cairn("output", "-raw", "probe"))
	if _, err := l.Plug(b.Context(), lab.Endpoint{Port: port, Host: "hv2"}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		must(cairn("destroy", "-auto-approve", "-purge"))
	})
	if _, err := l.Lease(b.Context(), port); err != nil {
		b.Fatal(err)
	}
	ping, err := l.In(port, "ping", "-n", "-c", "1", "-i", "0.01", "-W", "0.2", "10.76.0.10")
	if err != nil {
		b.Fatal(err)
	}
	forget, err := l.In(port, "ip", "neigh", "flush", "all") // the guest of the last round had another MAC
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		must(exec.Command(forget[0], forget[1:]...))
		apply := cairn("apply", "-auto-approve", "-var", "n=1")
		began := time.Now()
		if err := apply.Start(); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error, 1)
		var applied time.Duration
		go func() {
			err := apply.Wait()
			applied = time.Since(began)
			ended <- err
		}()
		for exec.Command(ping[0], ping[1:]...).Run() != nil {
			if time.Since(began) > 2*time.Minute {
				b.Fatal("the guest answers no ping after two minutes")
			}
			time.Sleep(50 * time.Millisecond) // the guest wants the processors, too
		}
		whole := time.Since(began)
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		work := apply.ProcessState.UserTime() + apply.ProcessState.SystemTime()
		b.ReportMetric(whole.Seconds(), "ping-s")
		b.ReportMetric(applied.Seconds(), "apply-s")
		b.ReportMetric(work.Seconds(), "cairn-s")
		b.ReportMetric(100*work.Seconds()/whole.Seconds(), "cairn-%")
		must(cairn("apply", "-auto-approve"))
	}
	if err := l.Unplug(b.Context(), port); err != nil {
		b.Fatal(err)
	}

}
