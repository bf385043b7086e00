package lang_test

import (
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
)

func TestFunctionsBeyondTerraforms(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, name string
		args         []string
		want, err    string
	}{
		{"RFC 1035 section 3.5", "ptr", []string{"10.2.0.52"}, "52.0.2.10.in-addr.arpa.", ""},
		{"RFC 3596 section 2.5", "ptr", []string{"4321:0:1:2:3:4:567:89ab"}, "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa.", ""},
		{"an IPv4 address in IPv6's spelling is one of IPv4", "ptr", []string{"::ffff:10.0.0.1"}, "1.0.0.10.in-addr.arpa.", ""},
		{"a range is no address", "ptr", []string{"10.0.0.0/8"}, "", "is no address"},
		{"RFC 4291 appendix A: the second lowest bit of the first byte is turned", "eui64", []string{"2001:db8::/64", "34:56:78:9A:BC:DE"}, "2001:db8::3656:78ff:fe9a:bcde", ""},
		{"64 bits are left for the machine", "eui64", []string{"2001:db8::/48", "fa:16:3e:00:00:01"}, "", "no IPv6 range of 64 bits"},
		{"a MAC has six bytes", "eui64", []string{"2001:db8::/64", "fa:16:3e:00:00"}, "", "is no MAC"},
		{"a MAC has nothing behind it", "eui64", []string{"2001:db8::/64", "fa:16:3e:00:00:01:02"}, "", "is no MAC"},
		{"cloud-init passes over what it does not know", "cloudinit", []string{"echo hello"}, "", `"echo hello" is none that cloud-init knows`},
		{"the mark must not stand in a part", "cloudinit", []string{"#!/bin/sh\n--cairn-part-of-user-data--"}, "", "has a line with the mark"},
	} {
		args := make([]cty.Value, len(c.args))
		for i, a := range c.args {
			args[i] = cty.StringVal(a)
		}
		got, err := lang.Beyond()[c.name].Call(args)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.reason, err, c.err)
			}
		case err != nil || got.AsString() != c.want:
			t.Errorf("%s: %#v, %v; want %q", c.reason, got, err, c.want)
		}
	}
}

// What cloudinit writes, a reader of mail takes apart again.
func TestCloudInitIsMIME(t *testing.T) {
	t.Parallel()
	parts := []string{"#cloud-config\npackages: [nginx]\n", "#!/bin/sh\necho grüß\n", "#include\nhttp://x/\n"}
	v, err := lang.Beyond()["cloudinit"].Call([]cty.Value{cty.StringVal(parts[0]), cty.StringVal(parts[1]), cty.StringVal(parts[2])})
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(v.AsString()))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("the whole is %s, %v", kind, err)
	}
	r := multipart.NewReader(m.Body, params["boundary"])
	for i, want := range parts {
		p, err := r.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(p)
		if err != nil || strings.TrimRight(string(text), "\n") != strings.TrimRight(want, "\n") {
			t.Errorf("part %d is %q, %v; want %q", i, text, err, want)
		}
		if got, want := p.Header.Get("Content-Type"), []string{"text/cloud-config", "text/x-shellscript", "text/x-include-url"}[i]; !strings.HasPrefix(got, want+";") {
			t.Errorf("part %d is %s, want %s", i, got, want)
		}
	}
	if _, err := r.NextPart(); err != io.EOF {
		t.Errorf("there is more: %v", err)
	}
}
