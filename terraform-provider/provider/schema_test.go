package provider

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// One declaration, two front ends: what Terraform is told is what is declared,
// no more and no less.
func TestSchemasAreTheDeclarations(t *testing.T) {
	t.Parallel()
	types := resources.All()
	e, err := newEngine(t.Context(), New(types))
	if err != nil {
		t.Fatal(err)
	}
	for name := range e.resources {
		if types.Resource(strings.TrimPrefix(name, "cairn_")) == nil {
			t.Errorf("resource %s is declared nowhere", name)
		}
		if e.lists[name] == nil || e.identity[name] == cty.NilType {
			t.Errorf("resource %s can't be listed, or has no identity", name)
		}
	}
	for name := range e.data {
		if types.Data(strings.TrimPrefix(name, "cairn_")) == nil {
			t.Errorf("data source %s is declared nowhere", name)
		}
	}
	for _, typ := range types.All() {
		if !typ.DataOnly {
			s := e.resources["cairn_"+typ.Name]
			if s == nil {
				t.Errorf("there is no resource cairn_%s", typ.Name)
				continue
			}
			if s.version != int64(typ.Version) {
				t.Errorf("%s is of version %d, and its declaration of %d", typ.Name, s.version, typ.Version)
			}
			compare(t, typ.Name, s.attributes, typ.Attributes, resourceRole)
		}
		if d := types.Data(typ.Name); d != nil {
			s := e.data["cairn_"+typ.Name]
			if s == nil {
				t.Errorf("there is no data source cairn_%s", typ.Name)
				continue
			}
			compare(t, "data "+typ.Name, s.attributes, d.Attributes, dataRole)
		}
	}
}

// resourceRole is what CATALOGUE.md 0.2 calls R, O, OC and C.
func resourceRole(a *schema.Attribute) (required, optional, computed bool) {
	switch {
	case a.Required:
		return true, false, false
	case !a.Settable:
		return false, false, true
	}
	return false, true, a.Source != schema.Author || a.Default != cty.NilVal
}

// dataRole: what can be asked for is told as well.
func dataRole(a *schema.Attribute) (required, optional, computed bool) {
	return a.Required, a.Settable && !a.Required, !a.Required
}

func compare(t *testing.T, at string, words []*word, declared []*schema.Attribute, role func(*schema.Attribute) (bool, bool, bool)) {
	t.Helper()
	there := map[string]*word{}
	for _, w := range words {
		there[w.Name] = w
	}
	for _, a := range declared {
		w := there[a.Name]
		if w == nil {
			t.Errorf("%s.%s is declared, and Terraform does not know it", at, a.Name)
			continue
		}
		delete(there, a.Name)
		if want := a.Type.WithoutOptionalAttributesDeep(); !w.typ.Equals(want) {
			t.Errorf("%s.%s is a %#v, and declared as %#v", at, a.Name, w.typ, want)
		}
		if r, o, c := role(a); w.Required != r || w.Optional != o || w.Computed != c {
			t.Errorf("%s.%s: required %t, optional %t, computed %t; declared %t, %t, %t", at, a.Name, w.Required, w.Optional, w.Computed, r, o, c)
		}
		if w.Sensitive != a.Sensitive || w.WriteOnly {
			t.Errorf("%s.%s: sensitive %t, write-only %t; declared as secret %t", at, a.Name, w.Sensitive, w.WriteOnly, a.Sensitive)
		}
		if strings.TrimSpace(w.Description) == "" || w.DescriptionKind != tfprotov6.StringKindMarkdown {
			t.Errorf("%s.%s has the description %q", at, a.Name, w.Description)
		}
		for _, n := range a.Nested {
			if w.nested != nil {
				nested(t, at+"."+a.Name, w, a, n)
			}
		}
	}
	for name, w := range there {
		if name != "timeouts" || !w.block || strings.HasPrefix(at, "data ") {
			t.Errorf("%s.%s is known to Terraform, and declared nowhere", at, name)
		}
	}
}

// nested compares an attribute inside an object. What is only told has nothing
// inside that could be written.
func nested(t *testing.T, at string, w *word, parent, n *schema.Attribute) {
	t.Helper()
	if len(w.nested) != len(parent.Nested) {
		t.Errorf("%s has %d attributes, and %d are declared", at, len(w.nested), len(parent.Nested))
	}
	for _, x := range w.nested {
		if x.Name != n.Name {
			continue
		}
		r, o, c := resourceRole(n)
		if !parent.Settable {
			r, o, c = false, false, true
		}
		if x.Required != r || x.Optional != o || x.Computed != c || x.Description == "" || x.Sensitive != n.Sensitive {
			t.Errorf("%s.%s: required %t, optional %t, computed %t, sensitive %t, %q; declared %t, %t, %t, %t", at, n.Name, x.Required, x.Optional, x.Computed, x.Sensitive, x.Description, r, o, c, n.Sensitive)
		}
		return
	}
	t.Errorf("%s.%s is declared, and Terraform does not know it", at, n.Name)
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	e, err := newEngine(t.Context(), New(resources.All()))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason, name string
		args         []cty.Value
		want, refuse string
	}{
		{reason: "one argument", name: "ptr", args: []cty.Value{cty.StringVal("10.0.0.5")}, want: "5.0.0.10.in-addr.arpa."},
		{reason: "two", name: "eui64", args: []cty.Value{cty.StringVal("2001:db8::/64"), cty.StringVal("fa:16:3e:00:00:01")}, want: "2001:db8::f816:3eff:fe00:1"},
		{reason: "any number", name: "cloudinit", args: []cty.Value{cty.StringVal("#!/bin/sh"), cty.StringVal("#cloud-config\n")},
			want: "Content-Type: multipart/mixed; boundary=\"cairn-part-of-user-data\"\nMIME-Version: 1.0\n\n--cairn-part-of-user-data\nContent-Disposition: attachment; filename=\"part-001\"\nContent-Transfer-Encoding: 8bit\nContent-Type: text/x-shellscript; charset=\"utf-8\"\nMIME-Version: 1.0\n\n#!/bin/sh\n--cairn-part-of-user-data\nContent-Disposition: attachment; filename=\"part-002\"\nContent-Transfer-Encoding: 8bit\nContent-Type: text/cloud-config; charset=\"utf-8\"\nMIME-Version: 1.0\n\n#cloud-config\n\n--cairn-part-of-user-data--\n"},
		{reason: "the first argument is to blame", name: "ptr", args: []cty.Value{cty.StringVal("ten")}, refuse: `argument 0: "ten" is no address such as 10.0.0.5 or 2001:db8::5`},
		{reason: "the second is", name: "eui64", args: []cty.Value{cty.StringVal("2001:db8::/64"), cty.StringVal("x")}, refuse: `argument 1: "x" is no MAC such as fa:16:3e:00:00:01`},
		{reason: "one of many is", name: "cloudinit", args: []cty.Value{cty.StringVal("#!/bin/sh"), cty.StringVal("what?")},
			refuse: `argument 1: its first line "what?" is none that cloud-init knows, such as #cloud-config or #!/bin/sh`},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			v, err := e.call(t.Context(), c.name, c.args...)
			switch {
			case c.refuse != "" && (err == nil || err.Error() != c.refuse):
				t.Errorf("%s answers %v, want %s", c.name, err, c.refuse)
			case c.refuse == "" && (err != nil || !v.RawEquals(cty.StringVal(c.want))):
				t.Errorf("%s answers %#v %v, want %q", c.name, v, err, c.want)
			}
		})
	}
	for name, f := range e.functions {
		if f.Summary == "" || f.Description == "" {
			t.Errorf("%s says nothing of itself", name)
		}
		for _, p := range append(f.Parameters, f.VariadicParameter) {
			if p != nil && (p.Name == "" || p.Description == "") {
				t.Errorf("%s has a parameter %q described as %q", name, p.Name, p.Description)
			}
		}
	}
}
