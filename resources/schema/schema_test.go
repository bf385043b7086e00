package schema_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func TestEveryDeclarationIsDocumented(t *testing.T) {
	t.Parallel()
	for _, typ := range resources.All().All() {
		if !strings.HasPrefix(typ.Doc(), typ.Name+" ") {
			t.Errorf("the doc comment of %s does not begin with its name: %q", typ.Name, typ.Doc())
		}
		for _, a := range typ.Attributes {
			if typ.AttributeDoc(a) == "" {
				t.Errorf("%s.%s has no doc comment", typ.Name, a.Name)
			}
			for _, n := range a.Nested {
				if typ.AttributeDoc(n) == "" {
					t.Errorf("%s.%s.%s has no doc comment", typ.Name, a.Name, n.Name)
				}
			}
		}
	}
}

func TestTagsThatMakeNoSensePanic(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason  string
		declare func()
	}{
		{"no hcl tag", func() {
			schema.Declare[struct{ A string }]("x")
		}},
		{"a name that HCL can't have", func() {
			schema.Declare[struct {
				A string `hcl:"A-b"`
			}]("x")
		}},
		{"an unknown option", func() {
			schema.Declare[struct {
				A string `hcl:"a,maybe"`
			}]("x")
		}},
		{"an unknown plan", func() {
			schema.Declare[struct {
				A string `hcl:"a" plan:"sometimes"`
			}]("x")
		}},
		{"an unknown check", func() {
			schema.Declare[struct {
				A int `hcl:"a" check:"odd=1"`
			}]("x")
		}},
		{"a type that no attribute can have", func() {
			schema.Declare[struct {
				A chan int `hcl:"a"`
			}]("x")
		}},
		{"a bool whose false would be taken for its default true", func() {
			schema.Declare[struct {
				A bool `hcl:"a,optional" default:"true"`
			}]("x")
		}},
		{"a default that is no value of the type", func() {
			schema.Declare[struct {
				A int `hcl:"a,optional" default:"many"`
			}]("x")
		}},
		{"a copy of nothing", func() {
			schema.Declare[struct {
				A string `hcl:"a" plan:"assigned" from:"b"`
			}]("x")
		}},
		{"a copy that the author could write", func() {
			schema.Declare[struct {
				A string `hcl:"a" from:"a"`
			}]("x")
		}},
		{"two types of one name", func() {
			schema.NewTypes(schema.Declare[widget]("x"), schema.Declare[widget]("x"))
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("it was taken")
				}
			}()
			c.declare()
		})
	}
}

type widget struct {
	ID    string             `hcl:"id" plan:"assigned"`
	Name  string             `hcl:"name,optional"`
	Kind  string             `hcl:"kind,optional" plan:"replace"`
	Size  int                `hcl:"size,optional" plan:"grow"`
	Mode  string             `hcl:"mode,optional" plan:"stop"`
	On    *bool              `hcl:"on,optional" default:"true"`
	Addr  netip.Addr         `hcl:"addr,optional" plan:"assigned,live"`
	Range netip.Prefix       `hcl:"range,optional"`
	Wait  schema.Duration    `hcl:"wait,optional"`
	Tags  schema.Set[string] `hcl:"tags,optional"`
	Parts []part             `hcl:"parts,optional"`
	Extra schema.Any         `hcl:"extra,optional"`
	Notes map[string]string  `hcl:"notes,optional"`
	Pass  schema.Secret      `hcl:"pass,optional"`
	Token string             `hcl:"token" plan:"computed"`
	Mood  string             `hcl:"mood" plan:"live"`
	Again string             `hcl:"again" plan:"assigned" from:"name"`
	Peer  schema.Ref[widget] `hcl:"peer,optional"`
}

type part struct {
	Name string `hcl:"name"`
	Slot int    `hcl:"slot,optional" plan:"assigned"`
}

var widgetType = schema.Declare[widget]("widget")

// want is a configuration: what is not given is null.
func want(vals map[string]cty.Value) cty.Value {
	all := widgetType.Null().AsValueMap()
	for k, v := range vals {
		all[k] = v
	}
	return widgetType.Fill(cty.ObjectVal(all))
}

func TestPlan(t *testing.T) {
	t.Parallel()
	s := cty.StringVal
	there := map[string]cty.Value{"id": s("1"), "name": s("n"), "kind": s("k"), "size": cty.NumberIntVal(5), "on": cty.True, "addr": s("10.0.0.1"),
		"token": s("t"), "mood": s("calm"), "again": s("n"), "wait": s("1m"),
		"parts": cty.ListVal([]cty.Value{cty.ObjectVal(map[string]cty.Value{"name": s("p"), "slot": cty.NumberIntVal(3)})})}
	same := map[string]cty.Value{"name": s("n"), "kind": s("k"), "size": cty.NumberIntVal(5), "wait": s("1m"),
		"parts": cty.ListVal([]cty.Value{cty.ObjectVal(map[string]cty.Value{"name": s("p"), "slot": cty.NullVal(cty.Number)})})}
	for _, c := range []struct {
		reason   string
		change   map[string]cty.Value
		action   schema.Action
		changed  []string
		replaces []string
		stops    []string
		problem  string
		planned  map[string]cty.Value
	}{
		{reason: "nothing changes", action: schema.NoOp, planned: map[string]cty.Value{"id": s("1"), "addr": s("10.0.0.1"), "token": s("t")}},
		{reason: "in place, and its copy follows", change: map[string]cty.Value{"name": s("m")}, action: schema.Update, changed: []string{"name", "again"},
			planned: map[string]cty.Value{"id": s("1"), "token": s("t"), "again": s("m")}},
		{reason: "a new object gets a new id and forgets what the system said", change: map[string]cty.Value{"kind": s("z")}, action: schema.ReplaceObject, changed: []string{"kind"}, replaces: []string{"kind"},
			planned: map[string]cty.Value{"id": cty.NullVal(cty.String), "addr": cty.NullVal(cty.String), "token": cty.UnknownVal(cty.String)}},
		{reason: "it may grow", change: map[string]cty.Value{"size": cty.NumberIntVal(6)}, action: schema.Update, changed: []string{"size"}},
		{reason: "it may not shrink", change: map[string]cty.Value{"size": cty.NumberIntVal(4)}, action: schema.Update, changed: []string{"size"}, problem: "size can only grow"},
		{reason: "what stops a guest is said", change: map[string]cty.Value{"mode": s("x")}, action: schema.Update, changed: []string{"mode"}, stops: []string{"mode"}},
		{reason: "an unknown replacement is one", change: map[string]cty.Value{"kind": cty.UnknownVal(cty.String)}, action: schema.ReplaceObject, changed: []string{"kind"}, replaces: []string{"kind"}},
		{reason: "an author may set what was chosen", change: map[string]cty.Value{"addr": s("10.0.0.9")}, action: schema.Update, changed: []string{"addr"}},
		{reason: "another spelling is no change", change: map[string]cty.Value{"wait": s("60s")}, action: schema.NoOp},
		{reason: "a default that is written out is no change", change: map[string]cty.Value{"on": cty.True}, action: schema.NoOp},
		{reason: "false is not the default", change: map[string]cty.Value{"on": cty.False}, action: schema.Update, changed: []string{"on"}},
		{reason: "another nested object does not inherit what was chosen", change: map[string]cty.Value{"parts": cty.ListVal([]cty.Value{cty.ObjectVal(map[string]cty.Value{"name": s("q"), "slot": cty.NullVal(cty.Number)})})},
			action: schema.Update, changed: []string{"parts"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			next := map[string]cty.Value{}
			for k, v := range same {
				next[k] = v
			}
			for k, v := range c.change {
				next[k] = v
			}
			got := widgetType.Plan(want(there), want(next))
			if got.Action != c.action || !slices.Equal(got.Changed, c.changed) || !slices.Equal(got.Replaces, c.replaces) || !slices.Equal(got.Stops, c.stops) {
				t.Errorf("got action %v, changed %v, replaces %v, stops %v", got.Action, got.Changed, got.Replaces, got.Stops)
			}
			if text := fmt.Sprint(got.Problems); c.problem != "" && !strings.Contains(text, c.problem) || c.problem == "" && len(got.Problems) > 0 {
				t.Errorf("problems: %s", text)
			}
			for k, v := range c.planned {
				if p := got.Planned.GetAttr(k); !p.RawEquals(v) {
					t.Errorf("%s is planned as %#v, want %#v", k, p, v)
				}
			}
		})
	}
}

// drawWidget is a random object, with marks where something is sensitive.
func drawWidget(t *rapid.T) cty.Value {
	text := rapid.StringMatching(`[a-zé"\\ ]{0,6}`)
	vals := map[string]cty.Value{}
	maybe := func(name string, v func() cty.Value) {
		if rapid.Bool().Draw(t, "has "+name) {
			vals[name] = v()
		}
	}
	str := func(name string) func() cty.Value {
		return func() cty.Value { return cty.StringVal(text.Draw(t, name)) }
	}
	for _, n := range []string{"id", "name", "kind", "mode", "token", "mood", "again", "peer"} {
		maybe(n, str(n))
	}
	maybe("size", func() cty.Value { return cty.NumberIntVal(rapid.Int64Range(-9, 1<<40).Draw(t, "size")) })
	maybe("on", func() cty.Value { return cty.BoolVal(rapid.Bool().Draw(t, "on")) })
	maybe("addr", func() cty.Value {
		return cty.StringVal(fmt.Sprintf("10.0.0.%d", rapid.IntRange(0, 255).Draw(t, "addr")))
	})
	maybe("range", func() cty.Value {
		return cty.StringVal(fmt.Sprintf("10.0.0.0/%d", rapid.IntRange(0, 32).Draw(t, "bits")))
	})
	maybe("wait", func() cty.Value { return cty.StringVal("90s") })
	maybe("tags", func() cty.Value {
		var tags []cty.Value
		for _, x := range rapid.SliceOfDistinct(rapid.StringMatching(`[a-z]{1,3}`), rapid.ID).Draw(t, "tags") {
			tags = append(tags, cty.StringVal(x))
		}
		if tags == nil {
			return cty.SetValEmpty(cty.String)
		}
		return cty.SetVal(tags)
	})
	maybe("parts", func() cty.Value {
		var parts []cty.Value
		for i := range rapid.IntRange(0, 3).Draw(t, "parts") {
			parts = append(parts, cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(text.Draw(t, "part")), "slot": cty.NumberIntVal(int64(i + 1))}))
		}
		if parts == nil {
			return cty.ListValEmpty(cty.Object(map[string]cty.Type{"name": cty.String, "slot": cty.Number}))
		}
		return cty.ListVal(parts)
	})
	maybe("extra", func() cty.Value {
		return rapid.SampledFrom([]cty.Value{cty.StringVal("x"), cty.True, cty.NumberFloatVal(1.5), cty.EmptyTupleVal,
			cty.ObjectVal(map[string]cty.Value{"a": cty.TupleVal([]cty.Value{cty.StringVal("b"), cty.NullVal(cty.String)}), "pass": cty.StringVal("hidden").Mark(schema.Sensitive)}),
			cty.MapVal(map[string]cty.Value{"k": cty.StringVal("v")})}).Draw(t, "extra")
	})
	maybe("notes", func() cty.Value { return cty.MapVal(map[string]cty.Value{"k": cty.StringVal(text.Draw(t, "note"))}) })
	maybe("pass", func() cty.Value { return cty.StringVal("hidden").Mark(schema.Sensitive) })
	all := widgetType.Null().AsValueMap()
	for k, v := range vals {
		all[k] = v
	}
	return cty.ObjectVal(all)
}

// A record gives back what was put into it, marks and all, and what is sensitive
// is nowhere in its clear part.
func TestRecordsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawWidget(t)
		clear, secret := widgetType.Encode(v)
		if bytes.Contains(clear, []byte("hidden")) {
			t.Fatalf("the clear part tells: %s", clear)
		}
		got, err := widgetType.Decode(0, clear, secret)
		if err != nil {
			t.Fatalf("%v: %s", err, clear)
		}
		if !got.RawEquals(v) {
			t.Fatalf("%#v\ncame back as\n%#v\nthrough %s", v, got, clear)
		}
		key := func(b []byte) []byte { sum := sha256.Sum256(append([]byte("key"), b...)); return sum[:] }
		c2, s2 := widgetType.Encode(got)
		if !bytes.Equal(widgetType.Hash(clear, secret, key), widgetType.Hash(c2, s2, key)) {
			t.Fatal("the same object has another hash")
		}
	})
}

// What an author wrote comes back from the struct as written.
func TestStructsGiveBackWhatWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := drawWidget(t)
		object, err := widgetType.ToGo(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := widgetType.FromGo(object, v); !got.RawEquals(v) {
			t.Fatalf("%#v\ncame back as\n%#v", v, got)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", object, object, object.(*widget).Pass, object.(*widget).Pass); strings.Contains(text, "hidden") && !strings.Contains(fmt.Sprint(object.(*widget).Extra), "hidden") {
			t.Fatalf("a secret was printed: %s", text)
		}
	})
}

func TestOlderRecordsAreUpgraded(t *testing.T) {
	t.Parallel()
	type thing struct {
		ID    string `hcl:"id" plan:"assigned"`
		Title string `hcl:"title,optional"`
	}
	typ := schema.Declare[thing]("thing", schema.Version(
		func(attrs map[string]any) error { attrs["label"] = attrs["name"]; delete(attrs, "name"); return nil },
		func(attrs map[string]any) error { attrs["title"] = attrs["label"]; delete(attrs, "label"); return nil },
	))
	for version, text := range []string{`{"id":"1","name":"x"}`, `{"id":"1","label":"x"}`, `{"id":"1","title":"x"}`} {
		v, err := typ.Decode(version, []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := v.GetAttr("title"); !got.RawEquals(cty.StringVal("x")) {
			t.Errorf("from version %d the title is %#v", version, got)
		}
	}
	if _, err := typ.Decode(3, []byte(`{}`), nil); err == nil || !strings.Contains(err.Error(), "newer cairn") {
		t.Errorf("a record of the future: %v", err)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, want string }{
		{"netwrok", "network"}, {"NETWORK", "network"}, {"subnets", "subnet"}, {"zebra", ""}, {"cdir", "cidr"},
	} {
		if got := schema.Nearest(c.word, []string{"network", "subnet", "cidr", "port"}); got != c.want {
			t.Errorf("Nearest(%s) = %q, want %q", c.word, got, c.want)
		}
	}
}
