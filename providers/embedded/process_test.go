package embedded_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/cairncloud/cairn/providers/ovn/nbschema"
	"github.com/cairncloud/cairn/providers/providertest"
	"github.com/cairncloud/cairn/resources"
)

const childDir = "CAIRN_TEST_EMBEDDED_DIR"

// port is one of many, each with its own address.
func port(app *providertest.App, i int) *resources.Port {
	p := *app.Open
	p.ID = fmt.Sprintf("e0000000-0000-4000-8000-%012d", i)
	m, err := resources.ParseMAC(fmt.Sprintf("fa:16:3e:10:%02x:%02x", i/256, i%256))
	if err != nil {
		panic(err)
	}
	p.MACAddress, p.FixedIPs, p.NoFixedIP = m, nil, true
	return &p
}

// TestMain makes ports until it is killed, when a test asks for that.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	app := providertest.NewApp()
	t := &child{}
	s := newSite(t, dir, app.Inside)
	for i := 0; ; i++ {
		s.create(port(app, i))
		fmt.Println(i)
	}
}

// child is a testing.TB of a process that ends by being killed.
type child struct{ testing.TB }

func (*child) Helper()                  {}
func (*child) Cleanup(func())           {}
func (*child) Context() context.Context { return context.Background() }
func (*child) Fatal(args ...any)        { fmt.Println(args...); os.Exit(1) }

// What was answered for is there after the process was killed, whole, and work
// goes on.
func TestKilled(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	dir := t.TempDir()
	s := newSite(t, dir, app.Inside)
	s.create(app.Inside)
	made := 0
	for range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			if last == made+20 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		made = max(made, last)
		for i := range made + 1 {
			if _, err := s.of(app.Open).Read(t.Context(), nil, port(app, i)); err != nil {
				t.Fatalf("port %d of %d: %v", i, made, err)
			}
		}
		if err := nbschema.Check(s.rows()); err != nil {
			t.Fatal(err)
		}
	}
	if made < 60 {
		t.Errorf("only %d ports were made", made)
	}
	s.create(port(app, made+1), port(app, made))
}
