//go:build linux

package acceptance

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWordsOfCommands(t *testing.T) {
	t.Parallel()
	c := call{args: strings.Fields("web tcp 10.0.0.1 80 n=5 within 3s")}
	d, err := c.within(patience)
	if err != nil || d != 3*time.Second {
		t.Errorf("within %s, %v", d, err)
	}
	if n := c.option("n", "1"); n != "5" {
		t.Errorf("n = %s", n)
	}
	if v := c.option("timeout", "1s"); v != "1s" {
		t.Errorf("what is not said is otherwise: %s", v)
	}
	first, err := c.need(3)
	if err != nil || !slices.Equal(first, []string{"web", "tcp", "10.0.0.1"}) || !slices.Equal(c.args, []string{"80"}) {
		t.Errorf("%q, %v, and %q left", first, err, c.args)
	}
	if c.done() == nil {
		t.Error("a word too many was not seen")
	}
	if _, err := c.need(2); err == nil {
		t.Error("a word too few was not seen")
	}
}

func TestBetween(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, is, above, below string
		ok                       bool
	}{
		{"in the midst", "4.8", "1", "6.5", true},
		{"too slow", "0.9", "1", "6.5", false},
		{"too fast", "6.6", "1", "6.5", false},
		{"no figure", "fast", "1", "6.5", false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if err := between(c.is, c.above, c.below); (err == nil) != c.ok {
				t.Errorf("between = %v", err)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const said = "sent 50, lost 3, longest gap 120ms\n"
	for _, c := range []struct {
		reason, said, lost, gap string
		ok                      bool
	}{
		{"nothing is asked", said, "", "", true},
		{"just so many", said, "3", "120ms", true},
		{"one too many", said, "2", "", false},
		{"too long", said, "", "100ms", false},
		{"no report at all", "", "", "", false},
		{"a limit that is none", said, "few", "", false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			if err := judge(c.said, c.lost, c.gap); (err == nil) != c.ok {
				t.Errorf("judge = %v", err)
			}
		})
	}
}
