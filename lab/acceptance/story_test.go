//go:build linux

package acceptance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cairncloud/cairn/lab"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// A story is one file of testdata while it runs.
type story struct {
	*harness
	t       *testing.T
	slot    lab.Slot
	as      lab.Hypervisors
	work    string
	env     []string // what setup has set
	ports   map[string]string
	running map[string]*process // servers and flows
	stacks  []string            // folders where something was applied
	faulty  bool                // something was broken by it
	logs    map[string]int64    // how long each log was when it began
	// consoles of machines that were made by hand, by their UUIDs.
	consoles map[string]string
}

type storyKey struct{}

func (story) key() any { return storyKey{} }

func (s *story) slotVars() map[string]string {
	return map[string]string{
		"VLAN":     fmt.Sprint(s.slot.VLAN),
		"OUT":      fmt.Sprintf("172.25.%d", s.slot.VLAN),
		"OUT_NET":  s.slot.Net,
		"OUT_GW":   s.slot.Gate,
		"OUT6":     fmt.Sprintf("2001:db8:%d:", s.slot.VLAN),
		"OUT_NET6": s.slot.Net6,
		"OUT_GW6":  s.slot.Gate6,
	}
}

// where turns a name of the story into what the lab knows: a port, else "outside" or
// a host.
func (s *story) where(name string) string {
	if port, ok := s.ports[name]; ok {
		return port
	}
	return name
}

// end takes down what the story has left, and if it failed tells what helps to see
// why.
func (s *story) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	if s.t.Failed() {
		s.t.Log(s.diagnosis(ctx))
	}
	var errs []error
	if s.faulty {
		errs = append(errs, s.lab.Heal(ctx))
	}
	for _, p := range s.running {
		_, err := p.stop()
		errs = append(errs, err)
	}
	if s.t.Failed() {
		for _, dir := range s.stacks {
			argv, err := s.ours([]string{"destroy", "-auto-approve"})
			if err != nil {
				errs = append(errs, err)
				continue
			}
			cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), s.env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				s.t.Logf("destroy what is left: %v\n%s", err, tail(string(out), 10))
			}
		}
	}
	for _, port := range s.ports {
		errs = append(errs, s.lab.Unplug(ctx, port))
	}
	if err := errors.Join(errs...); err != nil {
		s.t.Errorf("after the story: %v", err)
	}
}

// A process is a program in a namespace, until it is stopped.
type process struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	said strings.Builder
	done chan struct{} // closed when the output has ended
}

// launch starts a tool and returns when it says that it is ready.
func (s *story) launch(where string, args ...string) (*process, error) {
	argv, err := s.lab.In(s.where(where), append([]string{filepath.Join(s.bin, "cairn-lab"), "tool"}, args...)...)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), lab.EnvDir+"="+s.lab.Dir)
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		r.Close()
		return nil, err
	}
	ready := make(chan struct{})
	go p.listen(r, ready)
	select {
	case <-ready:
		return p, nil
	case <-p.done:
	case <-time.After(10 * time.Second):
	}
	said, err := p.stop()
	return nil, errors.Join(fmt.Errorf("%s in %s is not ready: %s", strings.Join(args, " "), where, said), err)
}

func (p *process) listen(r io.ReadCloser, ready chan<- struct{}) {
	defer close(p.done)
	defer r.Close()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if lines.Text() == "ready" {
			close(ready)
			continue
		}
		p.mu.Lock()
		fmt.Fprintln(&p.said, lines.Text())
		p.mu.Unlock()
	}
}

// stop asks the program to end, waits for it, and returns what it said.
func (p *process) stop() (string, error) {
	err := p.cmd.Process.Signal(os.Interrupt)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	late := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	<-p.done
	if e := p.cmd.Wait(); e != nil && !endedBy(e, syscall.SIGINT, syscall.SIGKILL) {
		err = errors.Join(err, e)
	}
	return p.said.String(), err
}

func endedBy(err error, signals ...syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	ws, ok := exit.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && slices.Contains(signals, ws.Signal())
}

// clean says what the story has left in the lab, where nothing may be.
func (s *story) clean(ctx context.Context) error {
	var errs []error
	rows, err := s.rows(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		errs = append(errs, fmt.Errorf("the northbound database still has, in %s", r))
	}
	for name, port := range s.ports {
		errs = append(errs, fmt.Errorf("%s is still plugged, into %s", name, port))
	}
	if s.as != lab.Modelled {
		left, err := s.holdings(ctx)
		if err != nil {
			return err
		}
		for _, line := range left {
			errs = append(errs, fmt.Errorf("the hosts still have: %s", strings.TrimSpace(line)))
		}
	}
	complaints, err := s.complaints()
	if err != nil {
		return err
	}
	for _, c := range complaints {
		errs = append(errs, fmt.Errorf("OVN did not understand: %s", c))
	}
	return errors.Join(errs...)
}

// rows are those of the northbound database that carry the mark of the story's cloud.
func (s *story) rows(ctx context.Context) ([]string, error) {
	id, err := s.cloudID(ctx)
	if err != nil || id == "" {
		return nil, err
	}
	return s.lab.Rows(ctx, id)
}

// unplugged makes sure that neither a host nor OVN knows a port of the story any more.
func (s *story) unplugged(ctx context.Context, port string) error {
	for _, h := range lab.Hosts() {
		out, err := s.lab.Vsctl(ctx, h.Name, "--bare", "--columns=name", "find", "Interface", "external_ids:iface-id="+fmt.Sprintf("%q", port))
		if err != nil {
			return err
		}
		if name := strings.TrimSpace(out); name != "" {
			return fmt.Errorf("%s still has interface %s of port %s", h.Name, name, port)
		}
	}
	return nil
}

// cloudID is the id of the story's cloud, "" if nothing was applied.
func (s *story) cloudID(ctx context.Context) (string, error) {
	store, err := sqlite.Open(ctx, filepath.Join(s.work, "cairn.db"), sqlite.Existing())
	if errors.Is(err, state.ErrNoStore) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer store.Close()
	return store.CloudID(), nil
}

func (s *story) markLogs() error {
	logs, err := s.lab.Logs()
	if err != nil {
		return err
	}
	for name, file := range logs {
		if info, err := os.Stat(file); err == nil {
			s.logs[name] = info.Size()
		}
	}
	return nil
}

// logged returns the lines of all logs since the story began that keep wants.
func (s *story) logged(keep func(service, line string) bool) ([]string, error) {
	logs, err := s.lab.Logs()
	if err != nil {
		return nil, err
	}
	var lines []string
	for name, file := range logs {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b[min(s.logs[name], int64(len(b))):])) {
			if keep(name, line) {
				lines = append(lines, name+": "+strings.TrimSpace(line))
			}
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// complaints are what ovn-controller and northd say of rows that they can't use. They
// pass over the row, so that nothing else would tell.
func (s *story) complaints() ([]string, error) {
	return s.logged(func(service, line string) bool {
		if service != "northd" && !strings.HasSuffix(service, "/controller") {
			return false
		}
		// A group that goes after its guests takes its address set along, and a controller
		// may meet that before the flows that go with it.
		if s.as != lab.Modelled && strings.Contains(line, "expecting address set name") {
			return false
		}
		// Where something was broken, errors are to be expected.
		return strings.Contains(line, "error parsing") || !s.faulty && strings.Contains(line, "|ERR|")
	})
}

// diagnosis is what one would look at first.
func (s *story) diagnosis(ctx context.Context) string {
	var b strings.Builder
	show := func(title string, look func() (string, error)) {
		out, err := look()
		if err != nil {
			out += fmt.Sprintf("(%v)\n", err)
		}
		fmt.Fprintf(&b, "--- %s\n%s\n", title, tail(out, 60))
	}
	show("lab", func() (string, error) {
		var out strings.Builder
		st, err := s.lab.Status(ctx)
		err = errors.Join(err, st.Print(&out))
		return out.String(), err
	})
	show("ovn-nbctl show", func() (string, error) { return s.lab.Nbctl(ctx, "show") })
	show("port bindings", func() (string, error) {
		return s.lab.Sbctl(ctx, "--format=csv", "--columns=logical_port,type,chassis,up", "list", "Port_Binding")
	})
	for name, port := range s.ports {
		show(name+", port "+port, func() (string, error) {
			argv, err := s.lab.In(port, "sh", "-c", "ip -br addr; ip route; ip -6 route")
			if err != nil {
				return "", err
			}
			out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
			return string(out), err
		})
	}
	for _, h := range lab.Hosts() {
		show("flows of br-int on "+h.Name, func() (string, error) { return s.lab.Flows(ctx, h.Name) })
	}
	if s.as != lab.Modelled {
		show("domains and files", func() (string, error) {
			lines, err := s.holdings(ctx)
			return strings.Join(lines, ""), err
		})
		if guests, err := s.guests(ctx, ""); err == nil {
			for _, g := range guests {
				show("console of "+g.name+" on "+g.host, func() (string, error) {
					text, err := s.said(g)
					return tail(text, 15), err
				})
			}
		}
	}
	show("warnings since the story began", func() (string, error) {
		lines, err := s.logged(func(_, line string) bool {
			// vswitchd wonders where the devices went that were moved to an endpoint.
			moved := strings.Contains(line, "netdev_linux|WARN")
			return !moved && (strings.Contains(line, "|WARN|") || strings.Contains(line, "|ERR|"))
		})
		return strings.Join(lines, "\n"), err
	})
	return b.String()
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	if len(lines) <= n {
		return strings.Join(lines, "\n")
	}
	return fmt.Sprintf("... %d lines more\n", len(lines)-n) + strings.Join(lines[len(lines)-n:], "\n")
}
