package lang

import (
	"bytes"
	"fmt"
	"maps"
	"mime/multipart"
	"net/netip"
	"net/textproto"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// ProviderFunctions is the namespace in which Terraform knows the functions that
// only cairn has.
const ProviderFunctions = "provider::cairn::"

// Beyond are the functions that Terraform does not have. In .tf files they are
// spelled with their provider: provider::cairn::ptr(...).
func Beyond() map[string]function.Function { return maps.Clone(beyond) }

var beyond = map[string]function.Function{"cloudinit": cloudInit, "eui64": eui64, "ptr": ptr}

// ptr is the name under which the DNS keeps the name of an address: RFC 1035
// section 3.5, RFC 3596 section 2.5.
var ptr = function.New(&function.Spec{
	Description: "Name under which the DNS keeps the name of an address, such as 5.0.0.10.in-addr.arpa.",
	Params:      []function.Parameter{{Name: "address", Type: cty.String, Description: "IPv4 or IPv6 address."}},
	Type:        function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		a, err := netip.ParseAddr(args[0].AsString())
		if err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "%q is no address such as 10.0.0.5 or 2001:db8::5", args[0].AsString())
		}
		a = a.Unmap().WithZone("")
		var labels []string
		if a.Is4() {
			for _, b := range a.AsSlice() {
				labels = append([]string{fmt.Sprint(b)}, labels...)
			}
			return cty.StringVal(strings.Join(labels, ".") + ".in-addr.arpa."), nil
		}
		for _, b := range a.AsSlice() {
			labels = append([]string{fmt.Sprintf("%x.%x", b&15, b>>4)}, labels...)
		}
		return cty.StringVal(strings.Join(labels, ".") + ".ip6.arpa."), nil
	},
})

// eui64 is the address that a machine gives itself in an IPv6 network: RFC 4291
// appendix A.
var eui64 = function.New(&function.Spec{
	Description: "Address that a machine with the MAC gives itself in an IPv6 network whose routers are advertised (SLAAC).",
	Params: []function.Parameter{
		{Name: "prefix", Type: cty.String, Description: "IPv6 range of 64 bits, such as 2001:db8::/64."},
		{Name: "mac", Type: cty.String, Description: "MAC of the machine's port."},
	},
	Type: function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		p, err := netip.ParsePrefix(args[0].AsString())
		if err != nil || !p.Addr().Is6() || p.Bits() != 64 {
			return cty.NilVal, function.NewArgErrorf(0, "%q is no IPv6 range of 64 bits such as 2001:db8::/64", args[0].AsString())
		}
		var m [6]byte
		text := strings.ToLower(args[1].AsString())
		if n, err := fmt.Sscanf(text, "%02x:%02x:%02x:%02x:%02x:%02x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]); err != nil || n != 6 || len(text) != 17 {
			return cty.NilVal, function.NewArgErrorf(1, "%q is no MAC such as fa:16:3e:00:00:01", args[1].AsString())
		}
		a := p.Masked().Addr().As16()
		copy(a[8:], []byte{m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
		return cty.StringVal(netip.AddrFrom16(a).String()), nil
	},
})

// boundary parts the parts of cloudinit. It is always the same, so that the same
// parts give the same text.
const boundary = "cairn-part-of-user-data"

// cloudInit puts parts of user data into one: a MIME message of several parts, as
// cloud-init reads it.
var cloudInit = function.New(&function.Spec{
	Description: "User data of several parts as one text, a MIME message as cloud-init reads it. The kind of each part is told by its first line, such as #cloud-config or #!/bin/sh.",
	VarParam:    &function.Parameter{Name: "parts", Type: cty.String, Description: "Texts of the parts, in the order in which they are to be carried out."},
	Type:        function.StaticReturnType(cty.String),
	Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
		var b bytes.Buffer
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=%q\nMIME-Version: 1.0\n\n", boundary)
		w := multipart.NewWriter(&b)
		if err := w.SetBoundary(boundary); err != nil {
			return cty.NilVal, err
		}
		for i, a := range args {
			text := a.AsString()
			if strings.Contains(text, "--"+boundary) {
				return cty.NilVal, function.NewArgErrorf(i, "it has a line with the mark that parts the parts")
			}
			kind, err := partKind(text)
			if err != nil {
				return cty.NilVal, function.NewArgError(i, err)
			}
			part, err := w.CreatePart(textproto.MIMEHeader{
				"Content-Type": {kind + "; charset=\"utf-8\""}, "MIME-Version": {"1.0"}, "Content-Transfer-Encoding": {"8bit"},
				"Content-Disposition": {fmt.Sprintf("attachment; filename=\"part-%03d\"", i+1)}})
			if err != nil {
				return cty.NilVal, err
			}
			if _, err := part.Write([]byte(text)); err != nil {
				return cty.NilVal, err
			}
		}
		if err := w.Close(); err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(strings.ReplaceAll(b.String(), "\r\n", "\n")), nil
	},
})

// partKinds are cloud-init's kinds of user data by how their first line begins.
var partKinds = [][2]string{
	{"#!", "text/x-shellscript"}, {"#cloud-config-archive", "text/cloud-config-archive"}, {"#cloud-config", "text/cloud-config"},
	{"#cloud-boothook", "text/cloud-boothook"}, {"#include-once", "text/x-include-once-url"}, {"#include", "text/x-include-url"},
	{"#part-handler", "text/part-handler"}, {"## template: jinja", "text/jinja2"},
}

func partKind(text string) (string, error) {
	for _, k := range partKinds {
		if strings.HasPrefix(text, k[0]) {
			return k[1], nil
		}
	}
	line, _, _ := strings.Cut(text, "\n")
	return "", fmt.Errorf("its first line %q is none that cloud-init knows, such as #cloud-config or #!/bin/sh", line[:min(len(line), 40)])
}
