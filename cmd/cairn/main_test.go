package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"cairn": main})
}

// Each story is a session at a terminal: commands, and what they print.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("CAIRN_KEYSET", filepath.Join(env.WorkDir, "keyset.json"))
			env.Setenv("NO_COLOR", "1")
			return os.CopyFS(filepath.Join(env.WorkDir, "examples"), os.DirFS(filepath.Join("..", "..", "examples")))
		},
	})
}

func TestLongFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, in, want string }{
		{"Terraform's one dash", "-auto-approve", "--auto-approve"},
		{"with a value", "-out=x", "--out=x"},
		{"two dashes stay", "--out", "--out"},
		{"a letter is a letter", "-n", "-n"},
		{"a letter with a value", "-n=3", "-n=3"},
		{"a negative number is no flag", "-5", "-5"},
		{"a dash is a file name", "-", "-"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if got := longFlags([]string{c.in})[0]; got != c.want {
				t.Errorf("longFlags(%s) = %s, want %s", c.in, got, c.want)
			}
		})
	}
	if got := longFlags([]string{"-a1", "--", "-b2"}); got[2] != "-b2" {
		t.Errorf("what follows -- is no flag: %v", got)
	}
}
