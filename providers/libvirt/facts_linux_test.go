package libvirt

import "testing"

func TestAHostThatIsTooOldIsAway(t *testing.T) {
	t.Parallel()
	pair := startServers(t)
	old := fake(t, lets(7_000_000))
	c := facts(pair[0].socket(), pair[1].socket())
	c.Hosts[0].URI = old.URI
	d := Open(c, t.TempDir())
	t.Cleanup(func() { _ = d.Close() })
	if err := d.Learn(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	const says = "its libvirt is 7.0.0, and 8.0.0 is the oldest that is understood: upgrade it"
	if c.Hosts[0].Away != says || c.Hosts[1].Away != "" {
		t.Errorf("the hosts are away: %q, %q", c.Hosts[0].Away, c.Hosts[1].Away)
	}
	if c.Hosts[1].VCPUs == 0 {
		t.Error("the other host was not asked")
	}
}
