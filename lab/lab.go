//go:build linux

package lab

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Dir is where the lab is kept unless CAIRN_LAB names another folder. The
// lab's cloud.hcl is written beside it.
const Dir = "lab/run"

// EnvDir is the environment variable that names the lab's folder. Every
// process of a lab has it too, so that a namespace tells whose it is.
const EnvDir = "CAIRN_LAB"

// longestSocket is the longest name of a socket below a lab's folder, with the
// largest process id.
const longestSocket = "/hv1/ovn-controller.4194304.ctl"

// maxSocket is how long the path of a Unix socket may be: sockaddr_un holds 108
// bytes, the last of them zero.
const maxSocket = 107

// mark is how the cloud.hcl begins that a lab may overwrite and remove.
const mark = "# Written by cairn-lab; `cairn-lab down` removes it.\n"

// A Lab is a folder where a lab is up, or may be.
type Lab struct {
	// Dir is the absolute path of the folder.
	Dir string
}

// Open names a lab: the folder dir, else CAIRN_LAB, else lab/run. It looks at
// nothing but the name.
func Open(dir string) (*Lab, error) {
	if dir == "" {
		dir = os.Getenv(EnvDir)
	}
	if dir == "" {
		dir = Dir
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if over := len(dir) + len(longestSocket) - maxSocket; over > 0 {
		return nil, fmt.Errorf("the folder %s is %d bytes too long for the Unix sockets in it: name a shorter one with -dir or %s", dir, over, EnvDir)
	}
	if strings.ContainsAny(dir, " \t\n\"'\\$,") {
		return nil, fmt.Errorf("the folder %q has a character that Open vSwitch's commands can't take: name another with -dir or %s", dir, EnvDir)
	}
	return &Lab{Dir: dir}, nil
}

// Northbound is the Unix socket of OVN's northbound database.
func (l *Lab) Northbound() string { return l.path("nb.sock") }

// Southbound is the Unix socket of OVN's southbound database.
func (l *Lab) Southbound() string { return l.path("sb.sock") }

// CloudFile is the cloud.hcl that describes the lab to cairn.
func (l *Lab) CloudFile() string { return filepath.Join(filepath.Dir(l.Dir), "cloud.hcl") }

func (l *Lab) path(elem ...string) string {
	return filepath.Join(append([]string{l.Dir}, elem...)...)
}

// record is what a lab must remember of itself.
type record struct {
	// Listen is the port of 127.0.0.1 where the northbound database listens, or 0.
	Listen int `json:"listen,omitempty"`
	// OwnNetns says that /run/netns was made for this lab, and goes with it.
	OwnNetns bool `json:"own_netns,omitempty"`
	// Made are folders of the machine that were not there before.
	Made []string `json:"made,omitempty"`
	// Virt is how guests run: kvm, or qemu, which is in software.
	Virt string `json:"virt,omitempty"`
}

func (l *Lab) load() (r record, err error) {
	err = readJSON(l.path("lab.json"), &r)
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	return r, err
}

func (l *Lab) save(r record) error { return writeJSON(l.path("lab.json"), r) }

// lock keeps other processes from changing what is up, until unlock.
func (l *Lab) lock() (unlock func(), err error) {
	if err := os.MkdirAll(l.Dir, 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(l.path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another cairn-lab is at work in %s: try again when it has ended", l.Dir)
	}
	return func() { f.Close() }, nil
}

// hosts are the names of the chassis.
var hosts = []Host{
	{Name: "hv1", Zone: "a", number: 1, Physnets: []string{"physnet1", "physnet2"}},
	{Name: "hv2", Zone: "a", number: 2, Physnets: []string{"physnet1", "physnet2"}},
	{Name: "hv3", Zone: "b", number: 3, Physnets: []string{"physnet1"}},
}

// A Host is one chassis.
type Host struct {
	Name, Zone string
	Physnets   []string // that it reaches
	number     int
}

// Hosts lists the chassis of every lab.
func Hosts() []Host { return slices.Clone(hosts) }

func hostNamed(name string) (Host, error) {
	for _, h := range hosts {
		if h.Name == name {
			return h, nil
		}
	}
	return Host{}, fmt.Errorf("no host %q: they are hv1, hv2 and hv3", name)
}

func (h Host) ns() netns              { return netns(prefix + h.Name) }
func (h Host) address(on wire) string { return fmt.Sprintf("%s.%d", on.subnet, h.number) }

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// writeJSON replaces the file at once: a reader sees the old or the new one.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
