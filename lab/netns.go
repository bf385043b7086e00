//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// prefix begins the name of every namespace of a lab, and of nothing else.
const prefix = "cairn-"

// netnsDir is where ip(8) keeps the names of network namespaces.
const netnsDir = "/run/netns"

// patience is how long one command may take.
const patience = 30 * time.Second

// A netns is the name of a network namespace; "" is the machine's own.
type netns string

const (
	fabricNS  netns = prefix + "fabric"  // cables, OVN's databases, northd
	outsideNS netns = prefix + "outside" // the world beyond the provider networks
)

// argv is the command line that runs args inside. nsenter becomes the command, so
// its process id is the command's.
func (n netns) argv(args ...string) []string {
	if n == "" {
		return args
	}
	return append([]string{"nsenter", "--net=" + filepath.Join(netnsDir, string(n)), "--"}, args...)
}

func (n netns) run(ctx context.Context, args ...string) (string, error) {
	argv := n.argv(args...)
	out, err := run(ctx, nil, argv...)
	if err != nil {
		return out, fmt.Errorf("in %s: %w", n, err)
	}
	return out, nil
}

func (n netns) exists() bool {
	_, err := os.Stat(filepath.Join(netnsDir, string(n)))
	return err == nil
}

// set writes sysctls below net.
func (n netns) set(ctx context.Context, sysctls ...string) error {
	var sh strings.Builder
	sh.WriteString("cd /proc/sys/net")
	for _, s := range sysctls {
		key, value, _ := strings.Cut(s, "=")
		fmt.Fprintf(&sh, " && echo %s >%s", value, strings.ReplaceAll(key, ".", "/"))
	}
	_, err := n.run(ctx, "sh", "-c", sh.String())
	return err
}

// pids lists the processes inside.
func (n netns) pids() ([]int, error) {
	inode, err := inodeOf(filepath.Join(netnsDir, string(n)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process that has just ended has no namespace any more.
		if i, err := inodeOf(filepath.Join("/proc", e.Name(), "ns/net")); err == nil && i == inode {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// kill ends every process inside, as a power failure does, and waits until none
// is left.
func (n netns) kill(ctx context.Context) error {
	return until(ctx, 10*time.Second, fmt.Sprintf("processes of %s to end", n), func() (bool, error) {
		pids, err := n.pids()
		for _, pid := range pids {
			if pid == os.Getpid() {
				return false, fmt.Errorf("this command runs inside %s itself", n)
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return false, err
			}
		}
		return len(pids) == 0, err
	})
}

// remove ends all processes inside and takes the namespace away. One that is
// gone already is no error.
func (n netns) remove(ctx context.Context) error {
	if !n.exists() {
		return nil
	}
	if err := n.kill(ctx); err != nil {
		return err
	}
	_, err := run(ctx, nil, "ip", "netns", "del", string(n))
	return err
}

// namespaces lists those of labs that are there.
func namespaces() ([]netns, error) {
	entries, err := os.ReadDir(netnsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []netns
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			all = append(all, netns(e.Name()))
		}
	}
	return all, err
}

func inodeOf(path string) (uint64, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, err
	}
	return st.Ino, nil
}

// run runs a command to its end and returns what it wrote to its standard
// output. An error tells what it wrote to the other.
func run(ctx context.Context, env []string, argv ...string) (string, error) {
	return runIn(ctx, env, "", argv...)
}

func runIn(ctx context.Context, env []string, stdin string, argv ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err == nil {
		return out.String(), nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	said := strings.TrimSpace(errs.String())
	if said == "" {
		return out.String(), fmt.Errorf("%s: %w", shorten(argv), err)
	}
	return out.String(), fmt.Errorf("%s: %w: %s", shorten(argv), err, said)
}

// shorten names a command in an error: without nsenter, and not all of it.
func shorten(argv []string) string {
	if argv[0] == "nsenter" && len(argv) > 3 {
		argv = argv[3:]
	}
	s := strings.Join(argv, " ")
	if len(s) > 120 {
		s = s[:117] + "..."
	}
	return s
}

// ipBatch gives ip(8) many commands at once; on stands before its own, as "-n NAME".
func ipBatch(ctx context.Context, n netns, lines ...string) error {
	argv := []string{"ip"}
	if n != "" {
		argv = append(argv, "-n", string(n))
	}
	_, err := runIn(ctx, nil, strings.Join(lines, "\n")+"\n", append(argv, "-batch", "-")...)
	return err
}

// until asks done again and again, until it says yes, an error, or the time is
// over.
func until(ctx context.Context, limit time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %s: %w", limit, what, ctx.Err())
		case <-time.After(pause):
		}
	}
}
