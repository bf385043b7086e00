package resources_test

import (
	"strings"
	"testing"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/state"
)

// On three hosts, with two instances of a group.
const grouped = ground + `
resource "server_group" "g" {
  name   = "pair"
  policy = "POLICY"
  RULES
}
resource "instance" "x" {
  count             = 2
  name              = "x${count.index}"
  flavor_id         = flavor.small.id
  image_id          = image.disk.id
  availability_zone = "a"
  scheduler_hints   = { group = server_group.g.id }
}
`

// moved has somebody take x1 to a host.
func (s *site) moved(to string) {
	s.Helper()
	snap, err := s.Store.Snapshot(s.Context(), "test")
	if err != nil {
		s.Fatal(err)
	}
	for _, r := range snap.Records {
		if r.Address == "instance.x[1]" {
			if err := s.model.Move(s.Context(), r.ID, to); err != nil {
				s.Fatal(err)
			}
			return
		}
	}
	s.Fatal("there is no instance.x[1]")
}

func TestGroupBrokenByOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, policy, rules, to, want string }{
		{"two that must be apart are together", "anti-affinity", "", "host1", "It has x0 and x1 on host host1."},
		{"one is elsewhere, and they are apart", "anti-affinity", "", "host2", ""},
		{"as many as may be on a host are", "anti-affinity", "rules = { max_server_per_host = 2 }", "host1", ""},
		{"two that must be together are apart", "affinity", "", "host3", "It has x0 on host host1, and x1 on host host3."},
		{"a soft policy bears it", "soft-anti-affinity", "", "host1", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			config := strings.NewReplacer("POLICY", c.policy, "RULES", c.rules).Replace(grouped)
			s.apply(config, planner.Options{})
			if _, diags := s.plan(config, planner.Options{}); len(diags) > 0 {
				t.Errorf("nobody has moved anything: %s", diagsText(diags))
			}
			s.moved(c.to)
			for _, opt := range []planner.Options{{}, {Refresh: planner.RefreshFull, RefreshOnly: true}} {
				_, diags := s.plan(config, opt)
				text := diagsText(diags)
				switch {
				case diags.HasErrors():
					t.Fatal(text)
				case c.want == "" && text != "":
					t.Errorf("it is as the policy says: %s", text)
				case c.want != "" && (!strings.Contains(text, c.want) || !strings.Contains(text, "Server group pair is not as its policy "+c.policy)):
					t.Errorf("no %q in:\n%s", c.want, text)
				}
			}
			if c.want == "" {
				return
			}
			s.apply(config, planner.Options{}) // adopts where it is
			if _, diags := s.plan(config, planner.Options{}); !strings.Contains(diagsText(diags), c.want) {
				t.Errorf("adopted, and no longer told: %s", diagsText(diags))
			}
			to := map[string]string{"anti-affinity": `count.index == 0 ? "host1" : "host3"`, "affinity": `"host1"`}[c.policy]
			mended := strings.Replace(config, "  availability_zone", "  host = "+to+"\n  availability_zone", 1)
			s.apply(mended, planner.Options{})
			if _, diags := s.plan(mended, planner.Options{}); len(diags) > 0 {
				t.Errorf("mended, and told: %s", diagsText(diags))
			}
		})
	}
}

// A stack whose instance was moved is told of the group of another stack.
func TestGroupOfAnotherStackBroken(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	config := strings.NewReplacer("POLICY", "anti-affinity", "RULES", "").Replace(grouped)
	s.apply(config, planner.Options{})
	snap, err := s.Store.Snapshot(s.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	group := ""
	for _, r := range snap.Records {
		if r.Address == "server_group.g" {
			group = r.ID
		}
	}
	s.stack = "other"
	other := `
resource "instance" "y" {
  name              = "y"
  flavor_id         = "FLAVOR"
  image_id          = "IMAGE"
  host              = "host2"
  scheduler_hints   = { group = "` + group + `" }
}
`
	for _, r := range snap.Records {
		other = strings.NewReplacer("FLAVOR", id(r, "flavor.small", "FLAVOR"), "IMAGE", id(r, "image.disk", "IMAGE")).Replace(other)
	}
	s.apply(other, planner.Options{})
	snap, err = s.Store.Snapshot(s.Context(), "other")
	if err != nil || len(snap.Records) != 1 {
		t.Fatal(snap.Records, err)
	}
	if err := s.model.Move(s.Context(), snap.Records[0].ID, "host1"); err != nil {
		t.Fatal(err)
	}
	_, diags := s.plan(strings.Replace(other, "host2", "host1", 1), planner.Options{})
	if diags.HasErrors() || !strings.Contains(diagsText(diags), "x0 and y on host host1") || !strings.Contains(diagsText(diags), "server_group.g of stack test") {
		t.Errorf("%s", diagsText(diags))
	}
}

func id(r state.Record, address, otherwise string) string {
	if r.Address == address {
		return r.ID
	}
	return otherwise
}
