package provider

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/samples"
	"github.com/cairncloud/cairn/resources/schema"
)

func TestEveryTypeHasASample(t *testing.T) {
	t.Parallel()
	for _, typ := range resources.All().All() {
		s, ok := samples.All[typ.Name]
		switch {
		case typ.DataOnly && ok:
			t.Errorf("%s can't be made, and has a sample", typ.Name)
			continue
		case typ.DataOnly:
			continue
		case !ok:
			t.Errorf("%s has no sample: give it one in resources/samples", typ.Name)
			continue
		}
		changes := map[schema.ChangeKind]string{}
		for _, a := range typ.Attributes {
			if a.Settable {
				changes[a.Change] = a.Name
			}
		}
		for _, c := range []struct {
			kinds []schema.ChangeKind
			body  string
			what  string
		}{
			{[]schema.ChangeKind{schema.InPlace, schema.Stop}, s.Update, "changes it in place"},
			{[]schema.ChangeKind{schema.Replace}, s.Replace, "takes a new object"},
			{[]schema.ChangeKind{schema.Grow}, s.Shrunk, "is refused"},
		} {
			for _, k := range c.kinds {
				if name := changes[k]; name != "" && c.body == "" {
					t.Errorf("the sample of %s has nothing that %s, such as another %s", typ.Name, c.what, name)
				}
			}
		}
	}
	for name := range samples.All {
		if resources.All().Resource(name) == nil {
			t.Errorf("there is a sample of %s and no such type", name)
		}
	}
}

// says is the text of a sample as a configuration.
func (l *lab) says(typ, text string, in *scope) cty.Value {
	l.Helper()
	x, diags := hclsyntax.ParseExpression([]byte("{"+text+"}"), typ, hcl.InitialPos)
	if diags.HasErrors() {
		l.Fatal(diags)
	}
	v, diags := x.Value(in.eval())
	if diags.HasErrors() {
		l.Fatal(diags)
	}
	config, err := l.resources[typ].fit(v.AsValueMap())
	if err != nil {
		l.Fatalf("%s: %s", typ, err)
	}
	return config
}

// The life of one object of each type, by Terraform's rules.
func TestEveryType(t *testing.T) {
	t.Parallel()
	for name, s := range samples.All {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			in := l.scope()
			l.makeAll(s.With, in)
			life := life{lab: l, Sample: s, in: in, typ: prefix + name, declared: resources.All().Resource(name)}
			life.unknowns()
			life.create()
			life.found()
			life.update()
			life.replace()
			life.imported()
			life.gone()
			l.removeAll(in)
			l.nothingLeft()
		})
	}
}

type life struct {
	*lab
	samples.Sample
	in       *scope
	typ      string
	declared *schema.Type
	object   object
	config   cty.Value // that object was made by
}

// becomes makes the object what a text says; then nothing is left to do.
func (x *life) becomes(text string) planned {
	x.Helper()
	config := x.says(x.typ, text, x.in)
	p, err := x.plan(x.Context(), x.object, config)
	if err != nil {
		x.Fatalf("plan %s: %s", text, err)
	}
	if p.empty() {
		x.Fatalf("the plan of %s is empty", text)
	}
	if x.object, err = x.apply(x.Context(), p, config); err != nil {
		x.Fatalf("apply %s: %s", text, err)
	}
	x.config = config
	x.still()
	return p
}

// still checks that the object is read as it is, and that nothing is left to do.
func (x *life) still() {
	x.Helper()
	now, err := x.refresh(x.Context(), x.object)
	if err != nil {
		x.Fatalf("refresh: %s", err)
	}
	if !now.state.RawEquals(x.object.state) {
		x.Fatalf("it was made as %#v and is read as %#v", x.object.state, now.state)
	}
	p, err := x.plan(x.Context(), now, x.config)
	if err != nil {
		x.Fatalf("plan again: %s", err)
	}
	if !p.empty() {
		x.Fatalf("something is left to do: %#v becomes %#v %v", now.state, p.state, p.replaces)
	}
}

func (x *life) create() {
	x.Helper()
	x.object = x.none(x.typ)
	x.becomes(x.Body)
}

func (x *life) update() {
	x.Helper()
	if x.Update == "" {
		return
	}
	for _, text := range []string{x.Update, x.Body} {
		id := x.object.identity
		if p := x.becomes(text); p.replaces != nil {
			x.Errorf("%s takes a new object, because of %v", text, p.replaces)
		}
		if !x.object.identity.RawEquals(id) {
			x.Errorf("an update in place made %#v of %#v", x.object.identity, id)
		}
		if text == x.Update && x.Shrunk != "" {
			config := x.says(x.typ, x.Shrunk, x.in)
			if _, err := x.plan(x.Context(), x.object, config); err == nil || !strings.Contains(err.Error(), x.Refused) {
				x.Errorf("%s was answered with %v, want %q", x.Shrunk, err, x.Refused)
			}
			return // nor can it go back to what it was
		}
	}
}

func (x *life) replace() {
	x.Helper()
	if x.Replace == "" {
		return
	}
	id := x.object.identity
	p := x.becomes(x.Replace)
	if !slices.Contains(p.replaces, x.By) {
		x.Errorf("%s takes a new object because of %v, want %s", x.Replace, p.replaces, x.By)
	}
	if x.object.identity.RawEquals(id) {
		x.Errorf("the new object is still %#v", id)
	}
}

// found looks for the object as data, among others.
func (x *life) found() {
	x.Helper()
	if x.data[x.typ] == nil {
		if resources.All().Data(x.declared.Name) != nil {
			x.Errorf("%s is a data source, and the provider has none", x.declared.Name)
		}
		return
	}
	ctx := x.Context()
	id, name := text(x.object.state, "id"), text(x.object.state, "name")
	for _, filter := range []map[string]cty.Value{set("id", id), set("name", name)} {
		v, err := x.look(ctx, x.typ, filter)
		if err != nil {
			x.Errorf("look up %v: %s", filter, err)
			continue
		}
		for _, w := range x.data[x.typ].attributes {
			if have := x.object.state.GetAttr(w.Name); !have.RawEquals(v.GetAttr(w.Name)) {
				x.Errorf("by data, %s is %#v and not %#v", w.Name, v.GetAttr(w.Name), have)
			}
		}
	}
	second := x.Second
	if second == "" {
		second = strings.Replace(x.Body, `name = "x"`, `name = "other"`, 1)
	}
	other, err := x.make(ctx, x.none(x.typ), x.says(x.typ, second, x.in))
	if err != nil {
		x.Fatalf("make a second one: %s", err)
	}
	_, err = x.look(ctx, x.typ, nil)
	if err == nil || !strings.Contains(err.Error(), "objects match: A data block finds exactly one "+x.declared.Name) {
		x.Errorf("two that fit were answered with %v", err)
	}
	_, err = x.look(ctx, x.typ, set("name", "otherr"))
	if want := fmt.Sprintf("error: No such %s: No %s has name otherr. Did you mean \"other\"? There are: ", x.declared.Name, x.declared.Name); err == nil || !strings.HasPrefix(err.Error(), want) {
		x.Errorf("a name that nothing has was answered with %v, want %s", err, want)
	}
	all, err := x.list(ctx, x.typ, set("name", "other"), true, 0)
	if err != nil || len(all) != 1 || all[0].name != "other" || !same(x.resources[x.typ], all[0].state, other.state) {
		x.Errorf("those named other are listed as %v %v, want %#v", all, err, other.state)
	}
	if all, err = x.list(ctx, x.typ, nil, false, 1); err != nil || len(all) != 1 || !all[0].state.IsNull() {
		x.Errorf("a list of one is %v %v", all, err)
	}
	if _, err := x.remove(ctx, other); err != nil {
		x.Errorf("remove the second one: %s", err)
	}
}

// same reports whether two objects are the same but for what only a
// configuration says.
func same(s *shape, a, b cty.Value) bool {
	for _, w := range s.attributes {
		if !w.block && !a.GetAttr(w.Name).RawEquals(b.GetAttr(w.Name)) {
			return false
		}
	}
	return true
}

func (x *life) imported() {
	x.Helper()
	ctx := x.Context()
	words := []string{x.object.identity.GetAttr("id").AsString()}
	if name := text(x.object.state, "name"); name != "" {
		words = append(words, name)
	}
	for i, word := range append(words, words[0]) {
		o, err := x.imports(ctx, x.typ, word, i == len(words))
		if err != nil {
			x.Errorf("import %s: %s", word, err)
			continue
		}
		if !o.state.RawEquals(x.object.state) || !o.identity.RawEquals(x.object.identity) {
			x.Errorf("import %s brought %#v, want %#v", word, o.state, x.object.state)
		}
		if p, err := x.plan(ctx, o, x.config); err != nil || !p.empty() {
			x.Errorf("after import %s the plan is %#v %v %v", word, p.state, p.replaces, err)
		}
	}
	if _, err := x.imports(ctx, x.typ, "nothing", false); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("There is no %s \"nothing\"", x.declared.Name)) {
		x.Errorf("an import of nothing was answered with %v", err)
	}
}

// gone deletes the object, and once more by a state that has not heard of it.
func (x *life) gone() {
	x.Helper()
	for _, time := range []string{"once", "again"} {
		if _, err := x.remove(x.Context(), x.object); err != nil {
			x.Errorf("remove %s: %s", time, err)
		}
	}
	now, err := x.refresh(x.Context(), x.object)
	if err != nil || !now.state.IsNull() {
		x.Errorf("what is gone is read as %#v %v", now.state, err)
	}
}

// unknowns plans with each attribute unknown, and applies what the text says
// then.
func (x *life) unknowns() {
	x.Helper()
	ctx := x.Context()
	config := x.says(x.typ, x.Body, x.in)
	for _, w := range x.resources[x.typ].attributes {
		if !w.Required && !w.Optional || w.block {
			continue
		}
		vague := x.but(x.typ, config, map[string]cty.Value{w.Name: unknownLike(w, config)})
		p, err := x.plan(ctx, x.none(x.typ), vague)
		if err != nil {
			x.Errorf("plan with %s unknown: %s", w.Name, err)
			continue
		}
		if !config.GetAttr(w.Name).IsNull() {
			o, err := x.apply(ctx, p, config)
			if err != nil {
				x.Errorf("apply what was planned with %s unknown: %s", w.Name, err)
			}
			if !o.state.IsNull() {
				if _, err := x.remove(ctx, o); err != nil {
					x.Errorf("remove: %s", err)
				}
			}
		}
	}
	o, err := x.make(ctx, x.none(x.typ), config)
	if err != nil {
		x.Fatalf("create: %s", err)
	}
	for _, w := range x.resources[x.typ].attributes {
		if !w.Required && !w.Optional || w.block {
			continue
		}
		vague := x.but(x.typ, config, map[string]cty.Value{w.Name: unknownLike(w, config)})
		p, err := x.plan(ctx, o, vague)
		if err != nil {
			x.Errorf("plan a change of %s to something unknown: %s", w.Name, err)
			continue
		}
		if p.replaces != nil { // applied, it may turn out that nothing changes; the core has to be told all the same
			continue
		}
		now, err := x.apply(ctx, p, config)
		if err != nil {
			x.Errorf("apply a change of %s to what it is already: %s", w.Name, err)
			continue
		}
		o = now
	}
	if _, err := x.remove(ctx, o); err != nil {
		x.Errorf("remove: %s", err)
	}
}

// unknownLike is unknown; of an attribute of any type, the type may be known.
func unknownLike(w *word, config cty.Value) cty.Value {
	if had := config.GetAttr(w.Name); w.typ == cty.DynamicPseudoType && !had.IsNull() {
		return cty.UnknownVal(had.Type())
	}
	return cty.UnknownVal(w.typ)
}

// nothingLeft checks that the stack holds nothing, and the cloud nothing of it.
func (l *lab) nothingLeft() {
	l.Helper()
	for _, line := range l.left("lab") {
		l.Errorf("left behind: %s", line)
	}
}

// left lists what a stack has in the database, and what the embedded cloud has
// that no stack does.
func (l *lab) left(stack string) []string {
	l.Helper()
	l.close() // ends the run, as the end of the process does
	var all []string
	known := map[string]bool{}
	state := l.open(filepath.Join(".cairn", "cairn.db"))
	for _, table := range []string{"records", "claims", "ranges", "shares"} {
		rows, err := state.Query("SELECT name, address FROM " + table + " JOIN stacks ON stacks.id = stack")
		if err != nil {
			l.Fatal(err)
		}
		for rows.Next() {
			var s, address string
			if err := rows.Scan(&s, &address); err != nil {
				l.Fatal(err)
			}
			if s == stack {
				all = append(all, table+": "+address)
			}
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			l.Fatal(err)
		}
	}
	for _, id := range l.strings(state, "SELECT id FROM records") {
		known[id] = true
	}
	for _, id := range l.strings(l.open(filepath.Join(".cairn", "embedded.db")), "SELECT type || ' ' || id FROM objects") {
		if _, id, _ := strings.Cut(id, " "); !known[id] {
			all = append(all, "in the cloud: "+id)
		}
	}
	return all
}

func (l *lab) open(path string) *sql.DB {
	l.Helper()
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.Join(l.dir, path), RawQuery: "_pragma=busy_timeout(10000)"}).String())
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = db.Close() })
	return db
}

func (l *lab) strings(db *sql.DB, query string) []string {
	l.Helper()
	rows, err := db.Query(query)
	if err != nil {
		l.Fatal(err)
	}
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			l.Fatal(err)
		}
		all = append(all, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		l.Fatal(err)
	}
	return all
}
