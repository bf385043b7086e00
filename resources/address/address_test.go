package address

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, in string
		want       Object
		module     bool
		bad        bool
	}{
		{reason: "plain", in: "network.erp", want: Object{Type: "network", Name: "erp"}},
		{reason: "count", in: "volume.data[2]", want: Object{Type: "volume", Name: "data", Key: Int(2)}},
		{reason: "for_each with a dot and a quote inside", in: `volume.data["a.b\"]"]`, want: Object{Type: "volume", Name: "data", Key: String(`a.b"]`)}},
		{reason: "modules with keys", in: `module.a["x"].module.b[0].port.p`, want: Object{Module: `module.a["x"].module.b[0]`, Type: "port", Name: "p"}},
		{reason: "data", in: "data.image.cirros", want: Object{Data: true, Type: "image", Name: "cirros"}},
		{reason: "the long form of a resource", in: "resource.network.erp", want: Object{Type: "network", Name: "erp"}},
		{reason: "owned", in: "instance.web[0]/port[1]", want: Object{Type: "instance", Name: "web", Key: Int(0), Owned: "port[1]"}},
		{reason: "a module", in: "module.a", want: Object{Module: "module.a"}, module: true},
		{reason: "template marks are escaped in keys", in: `v.d["$${x}"]`, want: Object{Type: "v", Name: "d", Key: String("${x}")}},
		{reason: "no name", in: "network", bad: true},
		{reason: "trailing dot", in: "network.", bad: true},
		{reason: "open bracket", in: "network.a[", bad: true},
		{reason: "open quote", in: `network.a["x`, bad: true},
		{reason: "a negative index", in: "network.a[-1]", bad: true},
		{reason: "too long", in: "data.network.a.b", bad: true},
		{reason: "empty", in: "", bad: true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			got, err := ParseTarget(c.in)
			if (err != nil) != c.bad {
				t.Fatalf("ParseTarget(%q): %v", c.in, err)
			}
			if err == nil && (got.Object != c.want || got.IsModule() != c.module) {
				t.Errorf("ParseTarget(%q) = %#v, want %#v", c.in, got.Object, c.want)
			}
		})
	}
}

func TestWhatIsPrintedIsReadBack(t *testing.T) {
	t.Parallel()
	word := rapid.StringMatching(`[a-z_][a-z0-9_-]{0,6}`).Filter(func(s string) bool {
		return s != "module" && s != "data" && s != "resource"
	})
	key := rapid.OneOf(
		rapid.Just(NoKey),
		rapid.Map(rapid.IntRange(0, 1000), Int),
		rapid.Map(rapid.StringMatching(`[a-z."\\\[\]${}%\n é]{0,8}`), String),
	)
	rapid.Check(t, func(t *rapid.T) {
		o := Object{Type: word.Draw(t, "type"), Name: word.Draw(t, "name"), Key: key.Draw(t, "key"), Data: rapid.Bool().Draw(t, "data")}
		static := ""
		for range rapid.IntRange(0, 3).Draw(t, "depth") {
			call := word.Draw(t, "call")
			o.Module = Child(o.Module, call, key.Draw(t, "call key"))
			static = Child(static, call, NoKey)
		}
		got, err := Parse(o.String())
		if err != nil || got != o {
			t.Fatalf("%s was read as %#v, %v", o, got, err)
		}
		if m := StaticModule(o.Module); m != static {
			t.Fatalf("StaticModule(%s) = %s, want %s", o.Module, m, static)
		}
	})
}

func TestCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason, target, object string
		want                   bool
	}{
		{"itself", "a.b", "a.b", true},
		{"a block covers its instances", "a.b", `a.b["x"]`, true},
		{"an instance is not its sibling", "a.b[0]", "a.b[1]", false},
		{"a module covers what is below", "module.m", "module.m.module.n.a.b", true},
		{"a module without a key covers every instance of the call", "module.m", `module.m["k"].a.b`, true},
		{"a module instance is not its sibling", `module.m["k"]`, `module.m["j"].a.b`, false},
		{"names are not prefixes", "module.m", "module.mm.a.b", false},
		{"what an object brought along is covered with it", "a.b", "a.b/port[0]", true},
		{"data is not the resource", "data.a.b", "a.b", false},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			target, err := ParseTarget(c.target)
			if err != nil {
				t.Fatal(err)
			}
			o, err := Parse(c.object)
			if err != nil {
				t.Fatal(err)
			}
			if got := target.Covers(o); got != c.want {
				t.Errorf("%s covers %s: %v", c.target, c.object, got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`module.a["x"].module.b[0].data.port.p["\"]`)
	f.Fuzz(func(t *testing.T, s string) {
		o, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(o.String())
		if err != nil || again != o {
			t.Errorf("%q: %s was read as %#v, %v", s, o, again, err)
		}
	})
}
