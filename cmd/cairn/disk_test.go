package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A disk that fills up in the middle of an apply loses nothing: what was done is
// recorded, and with room again the next apply does the rest.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can mount a small disk to fill")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("no small disk can be mounted here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	t.Setenv("CAIRN_KEYSET", filepath.Join(t.TempDir(), "keyset.json"))
	const objects = 3000
	var config strings.Builder
	config.WriteString("stack \"full\" {}\n")
	for i := range objects {
		after := ""
		if i >= 100 { // in layers, so that there are many commits
			after = fmt.Sprintf(" ${value.v%04d.id}", i-100)
		}
		fmt.Fprintf(&config, "resource \"value\" \"v%04d\" {\n  input = \"%d%s\"\n}\n", i, i, after)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.stack.hcl"), []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cairn := func(args ...string) (string, int) {
		// Under this name the test binary is the program: see TestMain.
		cmd := exec.Cmd{Path: self, Args: append([]string{"cairn"}, args...), Env: os.Environ()}
		out, err := cmd.CombinedOutput()
		if err != nil && cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	said, code := cairn("apply", "-auto-approve", dir)
	if code == 0 || !strings.Contains(said, "make room") {
		t.Fatalf("the disk was to be full: %d %s", code, tail(said))
	}
	said, _ = cairn("state", "list", "-dir", dir)
	kept := strings.Count(said, "\n")
	if kept == 0 || kept >= objects {
		t.Fatalf("%d of %d objects are recorded", kept, objects)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=90m"); err != nil {
		t.Fatal(err)
	}
	said, code = cairn("apply", "-auto-approve", dir)
	if want := fmt.Sprintf("%d created", objects-kept); code != 0 || !strings.Contains(said, want) {
		t.Fatalf("want %s: %d %s", want, code, tail(said))
	}
	if said, code = cairn("plan", "-detailed-exitcode", dir); code != 0 {
		t.Fatalf("something is left to do: %s", tail(said))
	}
	t.Logf("the disk was full after %d of %d objects", kept, objects)
}

func tail(s string) string { return s[max(0, len(s)-600):] }
