package tfstate_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/lang/tfstate"
)

const whole = `{"version": 4, "outputs": {"ip": {"value": "10.0.0.5", "type": "string"}, "pw": {"value": ["x"], "type": ["tuple", ["string"]], "sensitive": true}},
 "resources": [
  {"mode": "data", "type": "cairn_image", "name": "i", "instances": [{"attributes": {"id": "1"}}]},
  {"mode": "managed", "type": "aws_instance", "name": "x", "instances": [{"attributes": {"id": "2"}}]},
  {"mode": "managed", "type": "cairn_network", "name": "lan", "instances": [{"attributes": {"id": "n"}, "create_before_destroy": true}]},
  {"module": "module.web[\"a\"].module.tier", "mode": "managed", "type": "cairn_port", "name": "p", "instances": [
   {"index_key": 0, "attributes": {"id": "p0"}, "dependencies": ["cairn_network.lan", "data.cairn_image.i", "module.web.module.tier.cairn_subnet.s", "aws_instance.x"]},
   {"index_key": "k", "attributes": {"id": "pk"}, "status": "tainted", "deposed": "abcd1234"}]},
  {"mode": "managed", "type": "cairn_random_password", "name": "w", "instances": [{"attributes": {"id": "none"}, "private": "PRIVATE"}]}]}`

func TestRead(t *testing.T) {
	t.Parallel()
	own := base64.StdEncoding.EncodeToString([]byte(`{"id":"5","schema":0,"cairn":"dev"}`))
	private := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"cairn":%q}`, own))
	s, err := tfstate.Read([]byte(strings.ReplaceAll(whole, "PRIVATE", private)), "cairn_")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range s.Objects {
		got = append(got, fmt.Sprintf("%s id=%s deposed=%s tainted=%t first=%t deps=%v", o.Address, o.ID, o.Deposed, o.Tainted, o.CreateBeforeDestroy, o.Deps))
	}
	for _, o := range s.Outputs {
		got = append(got, fmt.Sprintf("output %s %#v %t", o.Name, o.Value, o.Sensitive))
	}
	want := []string{
		`network.lan id=n deposed= tainted=false first=true deps=[]`,
		`module.web["a"].module.tier.port.p[0] id=p0 deposed= tainted=false first=false deps=[network.lan module.web.module.tier.subnet.s]`,
		`module.web["a"].module.tier.port.p["k"] id=pk deposed=abcd1234 tainted=true first=false deps=[]`,
		`random_password.w id=5 deposed= tainted=false first=false deps=[]`,
		`output ip cty.StringVal("10.0.0.5") false`,
		`output pw cty.TupleVal([]cty.Value{cty.StringVal("x")}) true`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("read\n  %s\ninstead of\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, text, want string }{
		{"a plan file is no state", "PK\x03\x04", "it is no state of Terraform's"},
		{"an old format", `{"version": 3}`, "it has version 3 of the format, and 4 is read"},
		{"an object without an id can't be found", `{"version": 4, "resources": [{"mode": "managed", "type": "cairn_port", "name": "p", "instances": [{"attributes": {}}]}]}`, "cairn_port.p: it has no id"},
		{"a key that is neither a number nor a text", `{"version": 4, "resources": [{"mode": "managed", "type": "cairn_port", "name": "p", "instances": [{"index_key": {}, "attributes": {"id": "1"}}]}]}`, "neither a number nor a text"},
		{"a name that no block can have", `{"version": 4, "resources": [{"mode": "managed", "type": "cairn_port", "name": "p q", "instances": [{"attributes": {"id": "1"}}]}]}`, "cairn_port.p q: "},
		{"an output of no type", `{"version": 4, "outputs": {"x": {"value": 1, "type": "colour"}}}`, "output x: "},
	} {
		if _, err := tfstate.Read([]byte(c.text), "cairn_"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.reason, err, c.want)
		}
	}
}

// FuzzRead: whatever it is given, what is read has an address that can be read again.
func FuzzRead(f *testing.F) {
	f.Add([]byte(whole))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := tfstate.Read(text, "cairn_")
		if err != nil {
			return
		}
		for _, o := range s.Objects {
			if o.ID == "" || o.Address.Type == "" {
				t.Errorf("%#v has no id or no type", o)
			}
		}
	})
}
