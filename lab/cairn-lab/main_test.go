//go:build linux

package main

import (
	"slices"
	"testing"
)

func TestLongFlags(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason   string
		in, want []string
	}{
		{"one dash is enough", []string{"plug", "p", "hv1", "-mac", "x"}, []string{"plug", "p", "hv1", "--mac", "x"}},
		{"a letter is a letter", []string{"lease", "p", "-6"}, []string{"lease", "p", "-6"}},
		{"another program's are its own", []string{"-dir", "d", "exec", "p", "ip", "-br", "a"}, []string{"--dir", "d", "exec", "p", "ip", "-br", "a"}},
		{"go test's too", []string{"with", "go", "test", "-count=1"}, []string{"with", "go", "test", "-count=1"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if got := longFlags(c.in); !slices.Equal(got, c.want) {
				t.Errorf("longFlags = %q, want %q", got, c.want)
			}
		})
	}
}

// What the manual of each command says is there, and no name is taken twice.
func TestCommands(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range command().Commands() {
		if c.Short == "" || seen[c.Name()] {
			t.Errorf("command %q has no words, or is there twice", c.Name())
		}
		seen[c.Name()] = true
	}
	if len(seen) < 15 {
		t.Errorf("only %d commands", len(seen))
	}
}
