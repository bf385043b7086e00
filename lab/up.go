//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options says how a lab comes up.
type Options struct {
	// Listen is a port of 127.0.0.1 where the northbound database listens too; 0
	// for none.
	Listen int
	// Progress is told each step and how long it took.
	Progress io.Writer
}

// ErrUp is answered by Up for a lab that is up and well.
var ErrUp = errors.New("the lab is up already")

// Up brings the lab up: it installs what is missing, and starts what does not run.
// What is left of a lab that was killed is started anew on the databases that it had.
func (l *Lab) Up(ctx context.Context, o Options) error {
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if err := able(); err != nil {
		return err
	}
	if err := l.mine(); err != nil {
		return err
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := install(ctx, o.Progress, needs); err != nil {
		return err
	}
	st, err := l.Status(ctx)
	if err != nil {
		return err
	}
	r, err := l.load()
	if err != nil {
		return err
	}
	if st.Well() && (o.Listen == 0 || o.Listen == r.Listen) {
		return ErrUp
	}
	if st.Well() {
		return errors.New("the lab is up and does not listen there: `cairn-lab down` first")
	}
	if err := l.clear(ctx, r); err != nil {
		return err
	}
	r.Listen = o.Listen
	if _, err := os.Stat(netnsDir); errors.Is(err, fs.ErrNotExist) {
		r.OwnNetns = true
	}
	r.Made = append(r.Made, notThere()...)
	if err := l.save(r); err != nil {
		return err
	}
	said := ""
	steps := []struct {
		name string
		do   func() error
	}{
		{"users of libvirt's", func() error { return users(ctx) }},
		{"the guests' image", func() error { return l.buildGuest(ctx) }},
		{"how guests run", func() (err error) { r, said, err = l.chooseVirt(ctx, r); return err }},
		{"namespaces and cables", func() error { return wireUp(ctx) }},
		{"OVN's databases and northd", func() error { return l.startCentral(ctx, r) }},
		{"hv1, which finds out what QEMU can do", func() error { return l.powerOn(ctx, hosts[0]) }},
		{"hv2 and hv3", func() error { return each(func(h Host) error { return l.powerOn(ctx, h) }) }},
		{"the world outside", func() error { return l.startOutside(ctx) }},
		{"chassis registered", func() error { return l.awaitChassis(ctx) }},
		{l.CloudFile(), func() error {
			text, err := l.Cloud("run/cairn.db", Machines)
			if err != nil {
				return err
			}
			return os.WriteFile(l.CloudFile(), []byte(text), 0o644)
		}},
	}
	for _, s := range steps {
		start := time.Now()
		if err := s.do(); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(o.Progress, "%6.1f s  %s%s\n", time.Since(start).Seconds(), s.name, said)
		said = ""
	}
	return nil
}

// chooseVirt finds out whether guests boot by KVM, unless that is known.
func (l *Lab) chooseVirt(ctx context.Context, r record) (_ record, said string, err error) {
	cache, err := cacheDir()
	if err != nil {
		return r, "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return r, "", err
	}
	verdict := filepath.Join(cache, "virt-"+strings.TrimSpace(string(boot))) // it holds until the machine starts anew
	if b, err := os.ReadFile(verdict); err == nil {
		r.Virt = string(b)
	}
	if r.Virt == "" {
		r.Virt = "qemu"
		if l.kvmBoots(ctx) {
			r.Virt = "kvm"
		}
	}
	if err := os.WriteFile(verdict, []byte(r.Virt), 0o644); err != nil {
		return r, "", err
	}
	said = ": by KVM"
	if r.Virt == "qemu" {
		said = ": in software, since nothing boots by /dev/kvm here"
	}
	return r, said, l.save(r)
}

// Down ends all of the lab and removes it: processes, namespaces, files. What is
// away already is no error.
func (l *Lab) Down(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errNotRoot
	}
	if _, err := os.Stat(l.Dir); errors.Is(err, fs.ErrNotExist) {
		return l.clearStray(ctx)
	}
	if err := l.mine(); err != nil {
		return err
	}
	unlock, err := l.lock()
	if err != nil {
		return err
	}
	defer unlock()
	r, err := l.load()
	if err != nil {
		return err
	}
	if err := l.clear(ctx, r); err != nil {
		return err
	}
	forget(r.Made)
	if r.OwnNetns {
		if err := removeNetnsDir(); err != nil {
			return err
		}
	}
	if b, err := os.ReadFile(l.CloudFile()); err == nil && strings.HasPrefix(string(b), mark) {
		if err := os.Remove(l.CloudFile()); err != nil {
			return err
		}
	}
	return os.RemoveAll(l.Dir)
}

// clear ends what runs and takes the namespaces away; files stay.
func (l *Lab) clear(ctx context.Context, r record) error {
	for _, s := range l.services(r) {
		if s.ns == "" && s.pid() != 0 {
			if err := errors.Join(s.signal(syscall.SIGKILL), s.wait(ctx)); err != nil {
				return err
			}
		}
	}
	return l.clearStray(ctx)
}

// clearStray removes namespaces of this lab, and of labs of which nothing runs.
func (l *Lab) clearStray(ctx context.Context) error {
	if err := l.mine(); err != nil {
		return err
	}
	all, err := namespaces()
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := n.remove(ctx); err != nil {
			return err
		}
	}
	return nil
}

// mine makes sure that the namespaces and the folder are this lab's, or nobody's.
func (l *Lab) mine() error {
	all, err := namespaces()
	if err != nil {
		return err
	}
	for _, n := range all {
		pids, err := n.pids()
		if err != nil {
			return err
		}
		for _, pid := range pids {
			if dir := labOf(pid); dir != "" && dir != l.Dir {
				return fmt.Errorf("another lab is up in %s, and a machine has room for one: `cairn-lab down -dir %s` first", dir, dir)
			}
		}
	}
	return l.folderIsMine()
}

// folderIsMine makes sure that nothing there is somebody else's: Down removes it all.
func (l *Lab) folderIsMine() error {
	if b, err := os.ReadFile(l.CloudFile()); err == nil && !strings.HasPrefix(string(b), mark) {
		return fmt.Errorf("%s is not the lab's: move it, or name another folder with -dir or %s", l.CloudFile(), EnvDir)
	}
	entries, err := os.ReadDir(l.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ours := func(e fs.DirEntry) bool { return e.Name() == "lab.json" || e.Name() == "lock" && len(entries) == 1 }
	if len(entries) > 0 && !slices.ContainsFunc(entries, ours) {
		return fmt.Errorf("the folder %s holds something that is no lab: name another with -dir or %s", l.Dir, EnvDir)
	}
	return nil
}

// labOf is the folder of the lab that a process belongs to, "" if of none.
func labOf(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return ""
	}
	for kv := range strings.SplitSeq(string(b), "\x00") {
		if dir, ok := strings.CutPrefix(kv, EnvDir+"="); ok {
			return dir
		}
	}
	return ""
}

// removeNetnsDir undoes what the first `ip netns add` of a machine does, unless
// somebody else has a namespace by now.
func removeNetnsDir() error {
	entries, err := os.ReadDir(netnsDir)
	if err != nil || len(entries) > 0 {
		return nil
	}
	if err := syscall.Unmount(netnsDir, 0); err != nil && !errors.Is(err, syscall.EINVAL) {
		return fmt.Errorf("unmount %s: %w", netnsDir, err)
	}
	return os.Remove(netnsDir)
}

func (l *Lab) startCentral(ctx context.Context, r record) error {
	for _, db := range []string{"nb", "sb"} {
		if err := createDB(ctx, l.path(db+".db"), filepath.Join(schemas, "ovn", "ovn-"+db+".ovsschema")); err != nil {
			return err
		}
	}
	for _, s := range l.services(r)[:3] {
		if err := s.start(ctx); err != nil {
			return err
		}
	}
	if _, err := l.Nbctl(ctx, "init"); err != nil {
		return err
	}
	_, err := l.Sbctl(ctx, "init")
	return err
}

// awaitChassis waits until the southbound database has all chassis and they have
// done what it says.
func (l *Lab) awaitChassis(ctx context.Context) error {
	err := until(ctx, 20*time.Second, "the chassis to register", func() (bool, error) {
		names, err := l.chassis(ctx)
		return len(names) == len(hosts), err
	})
	if err != nil {
		return err
	}
	_, err = l.Nbctl(ctx, "--wait=hv", "sync")
	return err
}

// chassis lists the names that the southbound database has.
func (l *Lab) chassis(ctx context.Context) ([]string, error) {
	out, err := l.Sbctl(ctx, "--bare", "--columns=name", "list", "Chassis")
	return strings.Fields(out), err
}

// each does one thing on all hosts at a time.
func each(do func(Host) error) error {
	errs := make([]error, len(hosts))
	var wg sync.WaitGroup
	for i, h := range hosts {
		wg.Go(func() { errs[i] = do(h) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
