//go:build linux

package acceptance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"github.com/cairncloud/cairn/lab"
)

// guestCommands are those of stories whose hosts run guests.
func guestCommands() map[string]command {
	return map[string]command{
		"hostof":   {usage: "hostof INSTANCE", run: hostOf, not: fails},
		"console":  {usage: "console INSTANCE", run: console, not: fails},
		"booted":   {usage: "booted INSTANCE [within D]", run: booted},
		"ask":      {usage: "ask FROM ADDRESS COMMAND...", run: ask, not: fails},
		"virsh":    {usage: "virsh HOST ARGS...", run: virsh, not: fails},
		"domains":  {usage: "domains", run: domains},
		"handmade": {usage: "handmade HOST NAME", run: handMade},
		"cut-off":  {usage: "cut-off N cairn ARGS...", run: cutOff},
	}
}

// bootTime is how long a guest may take, in software, beside others.
const bootTime = 90 * time.Second

// A guest is a domain on a host.
type guest struct{ host, name, uuid string }

// guests finds the domains whose title, UUID or name it is, on all hosts.
func (s *story) guests(ctx context.Context, named string) ([]guest, error) {
	var found []guest
	for _, h := range lab.Hosts() {
		out, err := s.lab.Virsh(ctx, h.Name, "list", "--all", "--name")
		if err != nil {
			return nil, err
		}
		for _, name := range strings.Fields(out) {
			title, err := s.lab.Virsh(ctx, h.Name, "desc", name, "--title")
			if err != nil {
				return nil, err
			}
			uuid, err := s.lab.Virsh(ctx, h.Name, "domuuid", name)
			if err != nil {
				return nil, err
			}
			g := guest{h.Name, name, strings.TrimSpace(uuid)}
			if named == "" || slices.Contains([]string{g.uuid, g.name, strings.TrimSpace(title)}, named) {
				found = append(found, g)
			}
		}
	}
	return found, nil
}

// guest finds the one domain of an instance.
func (c *call) guest() (guest, error) {
	words, err := c.need(1)
	if err != nil {
		return guest{}, err
	}
	found, err := c.guests(c.ctx, words[0])
	switch {
	case err != nil:
		return guest{}, err
	case len(found) == 0:
		return guest{}, fmt.Errorf("no host has a domain %s", words[0])
	case len(found) > 1:
		return guest{}, fmt.Errorf("%s is on several hosts: %v", words[0], found)
	}
	return found[0], nil
}

func hostOf(c call) (string, error) {
	g, err := c.guest()
	if err != nil {
		return "", err
	}
	return g.host + "\n", c.done()
}

// said is what a guest has written on its console.
func (s *story) said(g guest) (string, error) {
	at := s.consoles[g.uuid]
	if at == "" {
		at = filepath.Join(s.lab.Pool(g.host), "console-"+g.uuid+".log")
	}
	b, err := os.ReadFile(at)
	return string(b), err
}

func console(c call) (string, error) {
	g, err := c.guest()
	if err != nil {
		return "", err
	}
	return c.said(g)
}

func booted(c call) (string, error) {
	limit, err := c.within(bootTime)
	if err != nil {
		return "", err
	}
	g, err := c.guest()
	if err != nil {
		return "", err
	}
	return "", again(c.ctx, limit, func() error {
		text, err := c.said(g)
		if err != nil {
			return err
		}
		// The last boot counts: the log goes on.
		_, last, _ := cutLast(text, "GUEST-BOOTS")
		if !strings.Contains(last, "GUEST-READY") {
			return fmt.Errorf("%s has not booted: %s", g.name, tail(text, 3))
		}
		return nil
	})
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// ask has a guest run a command, over HTTP.
func ask(c call) (string, error) {
	words, err := c.need(2)
	if err != nil || len(c.args) == 0 {
		return "", errUsage
	}
	target := "http://" + words[1] + "/cgi-bin/run?" + url.PathEscape(strings.Join(c.args, " "))
	argv, err := c.lab.In(c.where(words[0]), filepath.Join(c.bin, "cairn-lab"), "tool", "get", target)
	if err != nil {
		return "", err
	}
	var out string
	err = again(c.ctx, patience, func() (err error) {
		cmd := exec.CommandContext(c.ctx, argv[0], argv[1:]...)
		b, err := cmd.CombinedOutput()
		if out = string(b); err != nil {
			err = fmt.Errorf("%s does not answer: %w: %s", words[1], err, tail(out, 2))
		}
		return err
	})
	return out, err
}

func virsh(c call) (string, error) {
	words, err := c.need(1)
	if err != nil || len(c.args) == 0 {
		return "", errUsage
	}
	return c.lab.Virsh(c.ctx, words[0], c.args...)
}

// domains lists what the hosts hold: domains and their state, then files that are
// not images.
func domains(c call) (string, error) {
	if err := c.done(); err != nil {
		return "", err
	}
	lines, err := c.holdings(c.ctx)
	return strings.Join(lines, ""), err
}

func (s *story) holdings(ctx context.Context) (lines []string, err error) {
	for _, h := range lab.Hosts() {
		out, err := s.lab.Virsh(ctx, h.Name, "list", "--all")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); len(words) > 2 {
				lines = append(lines, fmt.Sprintf("%s domain %s %s\n", h.Name, words[1], strings.Join(words[2:], " ")))
			}
		}
		for _, dir := range []string{s.lab.Pool(h.Name), filepath.Join(filepath.Dir(s.lab.Pool(h.Name)), "qemu", "nvram"), filepath.Join(filepath.Dir(s.lab.Pool(h.Name)), "qemu", "save")} {
			entries, err := os.ReadDir(dir)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
			for _, e := range entries {
				if !strings.HasPrefix(e.Name(), "image-") {
					lines = append(lines, fmt.Sprintf("%s file %s\n", h.Name, e.Name()))
				}
			}
		}
	}
	return lines, nil
}

// cutOff kills cairn as it begins its Nth step.
func cutOff(c call) (string, error) {
	words, err := c.need(2)
	if err != nil || words[1] != "cairn" {
		return "", errUsage
	}
	n, err := strconv.Atoi(words[0])
	if err != nil {
		return "", errUsage
	}
	c.remember(c.args)
	argv, err := c.ours(append(c.args, "-json"))
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(c.ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.ts.MkAbs("."), c.environ()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var last string
	met := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), `"type":"apply_start"`) {
			if met++; met == n {
				last = lines.Text()
				break
			}
		}
	}
	if met < n {
		return "", errors.Join(fmt.Errorf("cairn had only %d steps", met), cmd.Wait())
	}
	// The call is under way now, if only for a moment.
	time.Sleep(time.Duration(n%4) * 40 * time.Millisecond)
	if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return "", err
	}
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil && !endedBy(err, syscall.SIGKILL) {
		return "", err
	}
	return last + "\n", nil
}

// handMade makes a machine as somebody would without cairn: two disks in files, a card
// in a bridge of the host's own, and one in QEMU's. It and its bridge go with the story.
func handMade(c call) (string, error) {
	words, err := c.need(2)
	if err != nil || c.done() != nil {
		return "", errUsage
	}
	host, name := words[0], words[1]
	root, data, said := c.ts.MkAbs(name+".qcow2"), c.ts.MkAbs(name+".img"), c.ts.MkAbs(name+".console")
	for _, argv := range [][]string{
		{"cp", filepath.Join(c.lab.Dir, "images", "guest.qcow2"), root},
		{"truncate", "-s", "64M", data},
	} {
		if out, err := exec.CommandContext(c.ctx, argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w: %s", err, out)
		}
	}
	bridge, err := c.lab.In(host, "sh", "-c", "ip link show "+ownBridge+" >/dev/null 2>&1 || ip link add "+ownBridge+" type bridge; ip link set "+ownBridge+" up")
	if err != nil {
		return "", err
	}
	if out, err := exec.CommandContext(c.ctx, bridge[0], bridge[1:]...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	id := uuid.NewString()
	form := fmt.Sprintf(`<domain type='qemu'><name>%[1]s</name><uuid>%[2]s</uuid><memory unit='MiB'>192</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os><features><acpi/></features>
<devices>
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%[4]s'/><target dev='vdb' bus='virtio'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='%[3]s'/><target dev='vda' bus='virtio'/></disk>
<interface type='bridge'><source bridge='%[5]s'/><model type='virtio'/></interface>
<interface type='user'><model type='virtio'/></interface>
<serial type='pty'><log file='%[6]s'/></serial>
</devices></domain>`, name, id, root, data, ownBridge, said)
	if err := os.WriteFile(c.ts.MkAbs(name+".xml"), []byte(form), 0o600); err != nil {
		return "", err
	}
	story := c.story
	if story.consoles == nil {
		story.consoles = map[string]string{}
	}
	story.consoles[id] = said
	c.ts.Defer(func() {
		ctx := context.Background()
		_, _ = story.lab.Virsh(ctx, host, "destroy", id) // cairn may have done all of it
		_, _ = story.lab.Virsh(ctx, host, "undefine", id)
		if gone, err := story.lab.In(host, "ip", "link", "del", ownBridge); err == nil {
			_ = exec.CommandContext(ctx, gone[0], gone[1:]...).Run()
		}
	})
	if _, err := c.lab.Virsh(c.ctx, host, "define", c.ts.MkAbs(name+".xml")); err != nil {
		return "", err
	}
	_, err = c.lab.Virsh(c.ctx, host, "start", name)
	return id + "\n", err
}

// ownBridge is a bridge of a host that nobody but its owner knows of.
const ownBridge = "br-own"
