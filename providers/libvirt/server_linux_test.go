package libvirt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// server is a real libvirtd in namespaces of its own: its mounts, its network and its
// processes. When it ends, its guests end with it.
type server struct {
	dir  string // what libvirtd sees as its folders
	cmd  *exec.Cmd
	said bytes.Buffer
}

// folders are those of libvirt that each server has to itself.
var folders = map[string]string{"etc": "/etc/libvirt", "run": "/run/libvirt", "lib": "/var/lib/libvirt", "log": "/var/log/libvirt", "cache": "/var/cache/libvirt"}

// servers are those of the tests, two hosts each. A test has two to itself for its
// time; they are started when the first test wants them, and end with the process.
var servers struct {
	mu   sync.Mutex
	idle [][2]*server
	all  []*server
	dir  string
}

// serverPairs is how many tests have servers at a time.
const serverPairs = 2

var turns = make(chan struct{}, serverPairs)

// lacks is why this machine can start no libvirtd, "" where it can.
func lacks() string {
	if os.Geteuid() != 0 {
		return "namespaces need root"
	}
	for _, tool := range []string{"libvirtd", "virsh", "qemu-system-x86_64", "unshare", "ip"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Sprintf("no %s on PATH: install libvirt-daemon, libvirt-daemon-driver-qemu, libvirt-clients, qemu-system-x86 and iproute2", tool)
		}
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return "no /dev/net/tun, which the network cards of guests need"
	}
	return ""
}

// startServers answers with two hosts that hold nothing, for the time of a test.
func startServers(t testing.TB) [2]*server {
	t.Helper()
	if why := lacks(); why != "" {
		t.Skip("the driver is not tried on a real libvirtd here: " + why)
	}
	turns <- struct{}{}
	t.Cleanup(func() { <-turns })
	servers.mu.Lock()
	defer servers.mu.Unlock()
	var pair [2]*server
	if n := len(servers.idle); n > 0 {
		pair, servers.idle = servers.idle[n-1], servers.idle[:n-1]
	} else {
		for i := range pair {
			s, err := startServer("")
			if err != nil {
				t.Fatal(err)
			}
			pair[i] = s
		}
	}
	t.Cleanup(func() {
		for _, s := range pair {
			s.empty(t)
		}
		servers.mu.Lock()
		defer servers.mu.Unlock()
		servers.idle = append(servers.idle, pair)
	})
	return pair
}

// startListener starts a server that takes calls from the machine's network, as these
// lines of its libvirtd.conf say. It runs no guests.
func startListener(t testing.TB, conf string) {
	t.Helper()
	if why := lacks(); why != "" {
		t.Skip("the driver is not tried on a real libvirtd here: " + why)
	}
	servers.mu.Lock()
	defer servers.mu.Unlock()
	if _, err := startServer(conf); err != nil {
		t.Fatal(err)
	}
}

// startServer starts one more, with a network to itself unless it is to listen on the
// machine's. Called under servers.mu.
func startServer(listens string) (_ *server, err error) {
	if servers.dir == "" {
		if servers.dir, err = os.MkdirTemp("", "lv"); err != nil { // a socket's path is short
			return nil, err
		}
	}
	s := &server{dir: filepath.Join(servers.dir, fmt.Sprint(len(servers.all)))}
	var sh strings.Builder
	sh.WriteString("mount --make-rprivate /")
	daemon, spaces := "libvirtd --config=/etc/libvirt/libvirtd.conf --pid-file=/run/libvirt/libvirtd.pid", []string{"--mount", "--uts", "--pid"}
	if listens == "" {
		sh.WriteString(" && ip link set lo up && ip link add br0 type bridge && ip link set br0 up")
		spaces = append(spaces, "--net")
	} else {
		daemon += " --listen"
	}
	for name, at := range folders {
		for _, dir := range []string{filepath.Join(s.dir, name), at} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(&sh, " && mount --bind %s %s", filepath.Join(s.dir, name), at)
	}
	// The shell is the first process of its namespace, and buries what guests leave.
	sh.WriteString(" && { " + daemon + " & wait; }")
	conf := "unix_sock_group = \"root\"\nunix_sock_rw_perms = \"0700\"\nauth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\nmax_clients = 500\nhost_uuid = \"c0ffee00-0000-4000-8000-" + fmt.Sprintf("%012x", len(servers.all)+1) + "\"\n" + listens
	qemu := "user = \"root\"\ngroup = \"root\"\ndynamic_ownership = 0\nremember_owner = 0\nsecurity_driver = \"none\"\ncgroup_controllers = [ ]\nnamespaces = [ ]\nstdio_handler = \"file\"\nseccomp_sandbox = 0\n"
	if err := errors.Join(os.WriteFile(filepath.Join(s.dir, "etc", "libvirtd.conf"), []byte(conf), 0o600), os.WriteFile(filepath.Join(s.dir, "etc", "qemu.conf"), []byte(qemu), 0o600)); err != nil {
		return nil, err
	}
	const found = "cache/qemu/capabilities" // what takes libvirtd ten seconds to find out of QEMU
	if len(servers.all) > 0 {
		if err := os.CopyFS(filepath.Join(s.dir, found), os.DirFS(filepath.Join(servers.all[0].dir, found))); err != nil {
			return nil, err
		}
	}
	s.cmd = exec.Command("unshare", append(spaces, "--fork", "--kill-child=KILL", "--mount-proc", "sh", "-c", sh.String())...)
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	servers.all = append(servers.all, s)
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		_, err := s.virsh("version")
		if err == nil {
			return s, nil
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("libvirtd does not answer: %w\n%s", err, s.said.String())
		}
	}
}

// stopServers ends all of them.
func stopServers() {
	for _, s := range servers.all {
		_ = syscall.Kill(s.cmd.Process.Pid, syscall.SIGTERM)
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
	if servers.dir != "" {
		_ = os.RemoveAll(servers.dir)
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	stopServers()
	os.Exit(code)
}

func (s *server) socket() string { return filepath.Join(s.dir, "run", "libvirt-sock") }

func (s *server) virsh(args ...string) (string, error) {
	out, err := exec.Command("virsh", append([]string{"-q", "-c", "qemu+unix:///system?socket=" + s.socket()}, args...)...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("virsh %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// The pools of a server, as it sees them.
const (
	standardPath = "/var/lib/libvirt/standard"
	fastPath     = "/var/lib/libvirt/fast"
)

// left lists the domains and files that a server has.
func (s *server) left() (all []string) {
	out, err := s.virsh("list", "--all", "--name")
	if err != nil {
		return []string{err.Error()}
	}
	all = append(all, strings.Fields(out)...)
	for _, at := range []string{standardPath, fastPath, "/var/lib/libvirt/qemu/nvram", "/var/lib/libvirt/qemu/save"} {
		files, _ := os.ReadDir(filepath.Join(s.dir, "lib", strings.TrimPrefix(at, "/var/lib/libvirt/")))
		for _, f := range files {
			all = append(all, f.Name())
		}
	}
	return all
}

// empty takes away what a test that failed has left.
func (s *server) empty(t testing.TB) {
	out, err := s.virsh("list", "--all", "--name")
	if err != nil {
		t.Error(err)
	}
	for _, name := range strings.Fields(out) {
		_, _ = s.virsh("destroy", name) // it may be off
		if _, err := s.virsh("undefine", "--managed-save", "--nvram", name); err != nil {
			t.Error(err)
		}
	}
	for _, at := range []string{"standard", "fast"} {
		if err := os.RemoveAll(filepath.Join(s.dir, "lib", at)); err != nil {
			t.Error(err)
		}
		_, _ = s.virsh("pool-destroy", "cairn-"+at)
		_, _ = s.virsh("pool-undefine", "cairn-"+at)
	}
}
