//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A service is one daemon of Open vSwitch or OVN, known by its pid file.
type service struct {
	name string // "northd", "hv1/controller"
	ns   netns
	dir  string // of its pid file, control socket and log
	base string // of their names
	env  []string
	argv []string // without what every daemon gets
}

func (s service) pidFile() string { return filepath.Join(s.dir, s.base+".pid") }
func (s service) log() string     { return filepath.Join(s.dir, s.base+".log") }

// control is the socket that ovs-appctl speaks to. ovn-controller of OVN 23.03 lets
// nobody name it.
func (s service) control() string {
	if s.base == "controller" {
		return filepath.Join(s.dir, fmt.Sprintf("ovn-controller.%d.ctl", s.pid()))
	}
	return filepath.Join(s.dir, s.base+".ctl")
}

// services lists all of a lab, in the order in which they start.
func (l *Lab) services(r record) []service {
	db := func(name string, port int) service {
		s := service{
			name: name, ns: fabricNS, dir: l.Dir, base: name,
			argv: []string{"ovsdb-server", "--remote=punix:" + l.path(name+".sock"), fmt.Sprintf("--remote=ptcp:%d:%s", port, central), l.path(name + ".db")},
		}
		// The machine's own loopback is not in the fabric, so then nor is the server.
		if name == "nb" && r.Listen != 0 {
			s.ns, s.argv[2] = "", fmt.Sprintf("--remote=ptcp:%d:127.0.0.1", r.Listen)
		}
		return s
	}
	all := []service{
		db("nb", 6641), db("sb", 6642),
		{
			name: "northd", ns: fabricNS, dir: l.Dir, base: "northd",
			argv: []string{"ovn-northd", "--ovnnb-db=unix:" + l.Northbound(), "--ovnsb-db=unix:" + l.Southbound()},
		},
	}
	all = append(all, l.openVSwitch("outside")...)
	for _, h := range hosts {
		all = append(all, l.openVSwitch(h.Name)...)
		all = append(all, l.libvirtd(h), service{
			name: h.Name + "/controller", ns: h.ns(), dir: l.path(h.Name), base: "controller",
			argv: []string{"ovn-controller", "unix:" + l.path(h.Name, "db.sock"), "--monitor"},
		})
	}
	for i := range all {
		all[i].env = l.env(all[i].dir)
	}
	return all
}

// openVSwitch is the two daemons of a place, "hv1" or "outside".
func (l *Lab) openVSwitch(place string) []service {
	dir, ns, sock := l.path(place), netns(prefix+place), "unix:"+l.path(place, "db.sock")
	return []service{
		{name: place + "/ovsdb", ns: ns, dir: dir, base: "ovsdb", argv: []string{"ovsdb-server", "--remote=p" + sock, filepath.Join(dir, "conf.db")}},
		{name: place + "/vswitchd", ns: ns, dir: dir, base: "vswitchd", argv: []string{"ovs-vswitchd", sock}},
	}
}

// env keeps a program of Open vSwitch or OVN within a folder, and says whose it is.
func (l *Lab) env(dir string) []string {
	env := []string{EnvDir + "=" + l.Dir}
	for _, key := range []string{"OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR", "OVN_RUNDIR", "OVN_LOGDIR", "OVN_DBDIR", "OVN_SYSCONFDIR"} {
		env = append(env, key+"="+dir)
	}
	return env
}

func (l *Lab) service(name string) (service, error) {
	r, err := l.load()
	if err != nil {
		return service{}, err
	}
	var names []string
	for _, s := range l.services(r) {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	return service{}, fmt.Errorf("no service %q: they are %s", name, strings.Join(names, ", "))
}

// start starts the daemon and returns when it serves. One that runs is left alone.
func (s service) start(ctx context.Context) error {
	if s.pid() != 0 {
		return nil
	}
	if s.base == "libvirtd" { // whoever has its pid file has ended
		if err := os.Remove(s.pidFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, err := run(ctx, s.env, s.ns.argv(s.argv...)...); err != nil {
			return fmt.Errorf("start %s: %w", s.name, err)
		}
		return nil
	}
	argv := append(s.argv, "--detach", "--no-chdir", "--overwrite-pidfile", "--pidfile="+s.pidFile(),
		"--log-file="+s.log(), "-vconsole:off", "-vsyslog:off")
	if s.base != "controller" {
		argv = append(argv, "--unixctl="+s.control())
	}
	if _, err := run(ctx, s.env, s.ns.argv(argv...)...); err != nil {
		return fmt.Errorf("start %s: %w", s.name, err)
	}
	return nil
}

// pid is the daemon's process, or 0 if it does not run. A pid file that outlived its
// process names nobody, whoever has the number now.
func (s service) pid() int {
	b, err := os.ReadFile(s.pidFile())
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 0
	}
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || !bytes.Contains(cmdline, []byte("="+s.pidFile()+"\x00")) {
		return 0
	}
	return pid
}

// frozen reports whether the daemon was stopped by Freeze.
func (s service) frozen() bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.pid()))
	// The state follows the name, which is in brackets.
	_, after, ok := strings.Cut(string(b), ") ")
	return err == nil && ok && strings.HasPrefix(after, "T")
}

func (s service) signal(sig syscall.Signal) error {
	pid := s.pid()
	if pid == 0 {
		return fmt.Errorf("%s does not run", s.name)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		return fmt.Errorf("signal %s: %w", s.name, err)
	}
	return nil
}

func (s service) wait(ctx context.Context) error {
	return until(ctx, 10*time.Second, s.name+" to end", func() (bool, error) { return s.pid() == 0, nil })
}

// Start starts a service that was stopped or killed: nb, sb, northd, or one of a
// host, as hv1/controller, hv1/vswitchd, hv1/ovsdb. Endpoints of a host whose
// vswitchd starts come back as if they had just been plugged.
func (l *Lab) Start(ctx context.Context, name string) error {
	s, err := l.service(name)
	if err != nil {
		return err
	}
	if s.base == "libvirtd" {
		h, err := hostNamed(filepath.Base(s.dir))
		if err != nil {
			return err
		}
		return l.startLibvirt(ctx, h)
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	if s.base != "vswitchd" {
		return nil
	}
	if s.ns == outsideNS {
		return l.dressOutside(ctx)
	}
	h, err := hostNamed(filepath.Base(s.dir))
	if err != nil {
		return err
	}
	return l.dress(ctx, h)
}

// Stop asks a service to end, as a service manager would, and waits until it has.
func (l *Lab) Stop(ctx context.Context, name string) error {
	s, err := l.service(name)
	if err != nil {
		return err
	}
	if s.pid() == 0 {
		return nil
	}
	if s.base == "libvirtd" {
		if err := s.signal(syscall.SIGTERM); err != nil {
			return err
		}
		return s.wait(ctx)
	}
	if _, err := run(ctx, s.env, "ovs-appctl", "--timeout=10", "-t", s.control(), "exit"); err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	return s.wait(ctx)
}

// Kill ends a service at once.
func (l *Lab) Kill(ctx context.Context, name string) error {
	s, err := l.service(name)
	if err != nil {
		return err
	}
	if err := s.signal(syscall.SIGKILL); err != nil {
		return err
	}
	return s.wait(ctx)
}

// Freeze makes a service hang: it keeps its connections and answers nothing.
func (l *Lab) Freeze(name string) error { return l.signal(name, syscall.SIGSTOP) }

// Thaw lets a service go on that Freeze has stopped.
func (l *Lab) Thaw(name string) error { return l.signal(name, syscall.SIGCONT) }

func (l *Lab) signal(name string, sig syscall.Signal) error {
	s, err := l.service(name)
	if err != nil {
		return err
	}
	return s.signal(sig)
}

// Heal undoes what was stopped, killed, frozen, cut and powered off. What is well is
// left alone.
func (l *Lab) Heal(ctx context.Context) error {
	r, err := l.load()
	if err != nil {
		return err
	}
	all := l.services(r)
	for _, s := range all {
		if s.pid() != 0 && s.frozen() {
			if err := s.signal(syscall.SIGCONT); err != nil {
				return err
			}
		}
	}
	for _, h := range hosts {
		if err := l.Mend(ctx, h.Name); err != nil {
			return err
		}
	}
	down := map[string]bool{}
	for _, s := range all {
		if s.pid() == 0 {
			down[filepath.Base(s.dir)] = true
		}
	}
	if down[filepath.Base(l.Dir)] {
		if err := l.startCentral(ctx, r); err != nil {
			return err
		}
	}
	if down["outside"] {
		if err := l.startOutside(ctx); err != nil {
			return err
		}
	}
	for _, h := range hosts {
		if down[h.Name] {
			if err := l.powerOn(ctx, h); err != nil {
				return err
			}
		}
	}
	for _, h := range hosts {
		if _, err := l.Virsh(ctx, h.Name, "pool-info", "cairn-local"); err != nil {
			continue // nobody has used it
		}
		if err := l.Empty(ctx, h.Name); err != nil {
			return err
		}
	}
	return l.awaitChassis(ctx)
}

// Logs names the log of every service of the lab.
func (l *Lab) Logs() (map[string]string, error) {
	r, err := l.load()
	if err != nil {
		return nil, err
	}
	logs := map[string]string{}
	for _, s := range l.services(r) {
		logs[s.name] = s.log()
	}
	return logs, nil
}
