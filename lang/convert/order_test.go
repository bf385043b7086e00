package convert_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/convert"
	"github.com/cairncloud/cairn/resources"
)

// Order writes what only declarations say, and nothing that references say already.
func TestOrder(t *testing.T) {
	t.Parallel()
	const network = `resource "cairn_network" "n" {
  name = "n"
}

resource "cairn_subnet" "s" {
  network_id = cairn_network.n.id
  cidr       = "10.0.0.0/24"
}
`
	for _, c := range []struct{ reason, port, want string }{
		{"a port comes after the subnet of its network", "  network_id = cairn_network.n.id\n", "depends_on = [cairn_subnet.s]"},
		{"a reference says it already", "  network_id = cairn_network.n.id\n  fixed_ips  = [{ subnet_id = cairn_subnet.s.id }]\n", ""},
		{"a depends_on of the author's is added to", "  network_id = cairn_network.n.id\n  depends_on = [cairn_network.n]\n", "depends_on = [cairn_subnet.s, cairn_network.n]"},
		{"of another network there is nothing to wait for", "  network_id = \"5e1c6d0e-8f0b-5c52-9c7a-3f2d1b0a4c68\"\n", ""},
	} {
		dir := filepath.Join(t.TempDir(), "stack")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		text := network + "\nresource \"cairn_port\" \"p\" {\n" + c.port + "}\n"
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		types := resources.All()
		s, diags := lang.Load(dir, lang.Options{Types: types})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		changed := convert.Order(s, types)
		switch got := string(changed["main.tf"]); {
		case c.want == "" && len(changed) > 0:
			t.Errorf("%s: it has become\n%s", c.reason, got)
		case !strings.Contains(got, c.want):
			t.Errorf("%s: %q is not in\n%s", c.reason, c.want, got)
		}
	}
}
