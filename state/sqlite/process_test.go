//go:build linux

package sqlite_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/sqlite"
)

// A test that needs another process runs this program again with a role.
const roleVariable = "CAIRN_TEST_ROLE"

func TestMain(m *testing.M) {
	roles := map[string]func(path string) error{"hold": hold, "write": writeForever, "count": count, "take": takeOne, "reserve": reserveOne, "extend": extendForever}
	if role, path, ok := strings.Cut(os.Getenv(roleVariable), " "); ok {
		if err := roles[role](path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is another process in a role.
type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func spawn(t *testing.T, role, path string) *child {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	c := &child{Cmd: exec.Command(self)}
	c.Env = append(os.Environ(), roleVariable+"="+role+" "+path)
	c.Stderr = os.Stderr
	c.in, err = c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	c.out = bufio.NewReader(out)
	must(t, c.Start())
	t.Cleanup(c.kill)
	return c
}

func (c *child) kill() {
	_ = c.Process.Kill()
	_ = c.Wait()
}

func (c *child) line(t *testing.T) string {
	t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("the child says %q, then %v", line, err)
	}
	return strings.TrimSuffix(line, "\n")
}

// hold takes the lock for as long as the length in the path's last part says,
// and writes when it is told to.
func hold(path string) error {
	length, err := time.ParseDuration(filepath.Base(path))
	if err != nil {
		return err
	}
	s, err := sqlite.Open(ctx, filepath.Join(filepath.Dir(path), "cairn.db"), sqlite.Lease(length))
	if err != nil {
		return err
	}
	l, err := s.Lock(ctx, "erp", state.Me("hold"), 0)
	if err != nil {
		return err
	}
	fmt.Println("locked")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		good := l.Good(0)
		err := l.Edit(ctx, "edit", []state.End{{Put: record("thing.late", "x")}})
		fmt.Println(good, errors.Is(err, state.ErrFenced))
	}
	return s.Close()
}

func TestLockOfTheDead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "cairn.db"))
	c := spawn(t, "hold", filepath.Join(dir, "1h"))
	c.line(t)
	var locked *state.LockedError
	if _, err := s.Lock(ctx, "erp", state.Me("test"), 0); !errors.As(err, &locked) || locked.Lock.PID != c.Process.Pid || locked.Lock.Command != "hold" {
		t.Fatalf("while it lives: %v", err)
	}
	other := state.Me("test")
	must(t, c.Process.Kill()) // not waited for: what remains of it is dead as well
	for deadline := time.Now().Add(5 * time.Second); ; {
		l, err := s.Lock(ctx, "erp", state.Me("test"), 0)
		if err == nil {
			if l.Fence() != 2 {
				t.Errorf("fence %d", l.Fence())
			}
			must(t, l.Release())
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	// Its number means nothing to another machine, or after another boot.
	c = spawn(t, "hold", filepath.Join(dir, "1h"))
	c.line(t)
	c.kill()
	other.Boot += "x"
	if _, err := s.Lock(ctx, "erp", other, 0); !errors.Is(err, state.ErrLocked) {
		t.Errorf("from another boot: %v", err)
	}
	other = state.Me("test")
	other.Host = "elsewhere"
	if _, err := s.Lock(ctx, "erp", other, 0); !errors.Is(err, state.ErrLocked) {
		t.Errorf("from another host: %v", err)
	}
	lock(t, s, "erp")
}

func TestLockOfTheFrozen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "cairn.db"), sqlite.Patience(time.Second))
	c := spawn(t, "hold", filepath.Join(dir, "400ms"))
	c.line(t)
	time.Sleep(600 * time.Millisecond)
	if _, err := s.Lock(ctx, "erp", state.Me("test"), 0); !errors.Is(err, state.ErrLocked) {
		t.Fatalf("a lease that is renewed: %v", err)
	}
	for {
		must(t, c.Process.Signal(unix.SIGSTOP))
		l, err := s.Lock(ctx, "erp", state.Me("test"), 3*time.Second)
		if err == nil {
			t.Cleanup(func() { must(t, l.Release()) })
			break
		}
		// It may have been stopped with the database in its hand, renewing.
		if !strings.Contains(err.Error(), "busy") || !strings.Contains(err.Error(), fmt.Sprintf("pid %d, hold) holds stack erp", c.Process.Pid)) {
			t.Fatal(err)
		}
		must(t, c.Process.Signal(unix.SIGCONT))
		time.Sleep(10 * time.Millisecond)
	}
	must(t, c.Process.Signal(unix.SIGCONT))
	_, err := io.WriteString(c.in, "write\n")
	must(t, err)
	if got := c.line(t); got != "false true" {
		t.Errorf("thawed, its lease is good and its write is fenced off: %s", got)
	}
	if got := snapshot(t, s, "erp"); len(got.Records) != 0 {
		t.Errorf("it wrote %s", addresses(got.Records))
	}
}

// count adds one to a number in a record, 10 times, each under the lock.
func count(path string) error {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	for range 10 {
		l, err := s.Lock(ctx, "erp", state.Me("count"), time.Minute)
		if err != nil {
			return err
		}
		snap, err := s.Snapshot(ctx, "erp")
		if err != nil {
			return err
		}
		n := 0
		if len(snap.Records) > 0 {
			n, _ = strconv.Atoi(snap.Records[0].ID)
		}
		if err := l.Edit(ctx, "count", []state.End{{Put: &state.Record{Address: "n", ID: strconv.Itoa(n + 1)}}}); err != nil {
			return err
		}
		if err := l.Release(); err != nil {
			return err
		}
	}
	return s.Close()
}

func TestRaceForTheLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "cairn.db") // they race to make it, too
	var all []*child
	for range 3 {
		all = append(all, spawn(t, "count", path))
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	if got := snapshot(t, open(t, path), "erp").Records[0].ID; got != "30" {
		t.Errorf("counted to %s of 30", got)
	}
}

const groupSize = 8

// writeForever does runs until it is killed: each writes the same number into
// all records of a group, one transaction a group, and takes claims for it.
func writeForever(path string) error {
	s, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	l, err := s.Lock(ctx, "erp", state.Me("write"), 0)
	if err != nil {
		return err
	}
	for turn := 0; ; {
		snap, err := s.Snapshot(ctx, "erp")
		if err != nil {
			return err
		}
		if snap.Open != nil {
			if err := l.Finish(ctx, snap.Open.ID, state.Finish{Status: state.RunInterrupted}); err != nil {
				return err
			}
			continue
		}
		r := state.NewRun{Serial: snap.Serial}
		for g := range 4 {
			for i := range groupSize {
				a := fmt.Sprintf("g%d.%d", g, i)
				r.Steps = append(r.Steps, state.Step{Action: "update", Address: a})
				r.Claims.Take = append(r.Claims.Take, state.Claim{Space: "ip", Key: a, Address: a})
				r.Claims.Shares = append(r.Claims.Shares, state.Share{Space: "quota", Key: "cores", Address: a, Amount: 1 + snap.Serial%3})
			}
		}
		run, err := l.Begin(ctx, r)
		if err != nil {
			return err
		}
		if turn++; turn == 1 {
			fmt.Println("running")
		}
		for g := range 4 {
			var ends []state.End
			for i := range groupSize {
				ends = append(ends, state.End{Step: int64(g*groupSize + i + 1), Put: record(fmt.Sprintf("g%d.%d", g, i), strconv.FormatInt(run, 10))})
			}
			if err := l.Commit(ctx, run, ends); err != nil {
				return err
			}
		}
		if err := l.Finish(ctx, run, state.Finish{Status: state.RunDone}); err != nil {
			return err
		}
	}
}

func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn.db")
	last := int64(0)
	for range 8 {
		c := spawn(t, "write", path)
		c.line(t)
		time.Sleep(time.Duration(rand.N(40)) * time.Millisecond)
		c.kill()

		s := open(t, path)
		snap := snapshot(t, s, "erp")
		if len(snap.Records)%groupSize != 0 {
			t.Fatalf("%d records: a group is there in part", len(snap.Records))
		}
		for i := 0; i < len(snap.Records); i += groupSize {
			for _, r := range snap.Records[i : i+groupSize] {
				if string(r.Attrs) != string(snap.Records[i].Attrs) {
					t.Fatalf("%s is %s and %s is %s: a group is there in part", snap.Records[i].Address, snap.Records[i].Attrs, r.Address, r.Attrs)
				}
			}
		}
		sum, err := s.Sum(ctx, "quota", "cores")
		must(t, err)
		used := int64(0)
		for _, x := range sum.Shares {
			used += x.Amount
		}
		if used != sum.Used {
			t.Errorf("shares are %d, and %d are used", used, sum.Used)
		}
		if snap.Open != nil && (snap.Open.Left != len(snap.Intents) || snap.Open.Steps != 4*groupSize || len(snap.Intents)%groupSize != 0) {
			t.Errorf("the open run is there in part: %+v with %d intents", snap.Open, len(snap.Intents))
		}
		if snap.Serial < last {
			t.Errorf("serial %d after %d", snap.Serial, last)
		}
		last = snap.Serial
		must(t, s.Close())
	}
	if last < 8 { // a run was begun each time
		t.Errorf("only %d turns", last)
	}
}
