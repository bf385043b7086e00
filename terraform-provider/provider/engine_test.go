package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"github.com/zclconf/go-cty/cty/msgpack"
)

// An engine does to a provider what Terraform's core does, and holds it to the
// core's rules: a *broken error says that Terraform would call the provider
// faulty, a *refusal that the provider said no. It shares no code with the
// provider: values travel as the protocol's bytes.
type engine struct {
	server    tfprotov6.ProviderServer
	settings  *shape
	resources map[string]*shape
	data      map[string]*shape
	lists     map[string]*shape
	functions map[string]*tfprotov6.Function
	identity  map[string]cty.Type
	deferral  bool // Terraform can put off what can't be planned yet
}

// A shape is a schema of the protocol.
type shape struct {
	version    int64
	attributes []*word
	object     cty.Type
}

// A word is one attribute of a shape; a block is one with nested words.
type word struct {
	*tfprotov6.SchemaAttribute
	typ, wide cty.Type // wide: as a configuration may spell it
	nested    []*word  // nil: none
	block     bool
}

// An object is what a state file has of one resource.
type object struct {
	typ      string
	version  int64
	state    cty.Value // null: there is none
	private  []byte
	identity cty.Value
}

// A planned is what the core keeps of a plan until it applies it.
type planned struct {
	prior    object
	config   cty.Value
	state    cty.Value
	private  []byte
	identity *tfprotov6.ResourceIdentityData
	replaces []string // the attributes that force a new object; nil: none do
	warnings []string
	deferred bool // until more is known
}

// A refusal is the errors that the provider answered with.
type refusal struct{ diags []*tfprotov6.Diagnostic }

func (r *refusal) Error() string { return strings.Join(told(r.diags), "\n") }

// broken says which rule of the core does not hold.
type broken struct{ rule string }

func (b *broken) Error() string { return "terraform's rules: " + b.rule }

func breaks(format string, args ...any) error { return &broken{fmt.Sprintf(format, args...)} }

// told is diagnostics in a line each: error at fixed_ips[0]: Summary: Detail.
func told(diags []*tfprotov6.Diagnostic) []string {
	var lines []string
	for _, d := range diags {
		line := strings.ToLower(d.Severity.String())
		if at := whereabouts(d.Attribute); at != "" {
			line += " at " + at
		}
		line += ": " + d.Summary
		if d.Detail != "" {
			line += ": " + d.Detail
		}
		lines = append(lines, line)
	}
	return lines
}

// whereabouts is a path as a person writes it.
func whereabouts(p *tftypes.AttributePath) string {
	var b strings.Builder
	if p == nil {
		return ""
	}
	for _, s := range p.Steps() {
		switch s := s.(type) {
		case tftypes.AttributeName:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(string(s))
		case tftypes.ElementKeyInt:
			fmt.Fprintf(&b, "[%d]", int64(s))
		case tftypes.ElementKeyString:
			fmt.Fprintf(&b, "[%q]", string(s))
		default:
			b.WriteString("[*]")
		}
	}
	return b.String()
}

// refused is a *refusal where there is an error among the diagnostics; what
// remains are warnings.
func refused(diags []*tfprotov6.Diagnostic) ([]string, error) {
	for _, d := range diags {
		if d.Summary == "" {
			return nil, breaks("a diagnostic without a summary: %q", d.Detail)
		}
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			return nil, &refusal{diags}
		}
	}
	return told(diags), nil
}

// newEngine asks a provider for its schemas.
func newEngine(ctx context.Context, p provider.Provider) (*engine, error) {
	e := &engine{server: providerserver.NewProtocol6(p)(), resources: map[string]*shape{}, data: map[string]*shape{}, lists: map[string]*shape{}, identity: map[string]cty.Type{}}
	got, err := e.server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	if _, err := refused(got.Diagnostics); err != nil {
		return nil, err
	}
	e.functions = got.Functions
	if e.settings, err = shaped(got.Provider); err != nil {
		return nil, err
	}
	for to, from := range map[*map[string]*shape]map[string]*tfprotov6.Schema{&e.resources: got.ResourceSchemas, &e.data: got.DataSourceSchemas, &e.lists: got.ListResourceSchemas} {
		for name, s := range from {
			if (*to)[name], err = shaped(s); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	ids, err := e.server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, err
	}
	for name, s := range ids.IdentitySchemas {
		if e.identity[name], err = fromProtocol(s.ValueType()); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func shaped(s *tfprotov6.Schema) (*shape, error) {
	words, err := wordsOf(s.Block)
	sh := &shape{version: s.Version, attributes: words}
	types := map[string]cty.Type{}
	for _, w := range words {
		types[w.Name] = w.typ
	}
	sh.object = cty.Object(types)
	return sh, err
}

func wordsOf(b *tfprotov6.SchemaBlock) ([]*word, error) {
	var all []*word
	for _, a := range b.Attributes {
		w, err := wordOf(a)
		if err != nil {
			return nil, err
		}
		all = append(all, w)
	}
	for _, n := range b.BlockTypes {
		nested, err := wordsOf(n.Block)
		if err != nil {
			return nil, err
		}
		if n.Nesting != tfprotov6.SchemaNestedBlockNestingModeSingle {
			return nil, fmt.Errorf("block %s: only single blocks are known", n.TypeName)
		}
		w := &word{SchemaAttribute: &tfprotov6.SchemaAttribute{Name: n.TypeName, Optional: true, Description: n.Block.Description}, nested: nested, block: true}
		w.typ, w.wide = objectOf(nested)
		all = append(all, w)
	}
	return all, nil
}

func wordOf(a *tfprotov6.SchemaAttribute) (*word, error) {
	w := &word{SchemaAttribute: a}
	if a.NestedType == nil {
		t, err := fromProtocol(a.Type)
		w.typ, w.wide = t, t
		return w, err
	}
	for _, n := range a.NestedType.Attributes {
		x, err := wordOf(n)
		if err != nil {
			return nil, err
		}
		w.nested = append(w.nested, x)
	}
	t, wide := objectOf(w.nested)
	switch a.NestedType.Nesting {
	case tfprotov6.SchemaObjectNestingModeList:
		t, wide = cty.List(t), cty.List(wide)
	case tfprotov6.SchemaObjectNestingModeSet:
		t, wide = cty.Set(t), cty.Set(wide)
	case tfprotov6.SchemaObjectNestingModeMap:
		t, wide = cty.Map(t), cty.Map(wide)
	}
	w.typ, w.wide = t, wide
	return w, nil
}

func objectOf(words []*word) (t, wide cty.Type) {
	types, wides := map[string]cty.Type{}, map[string]cty.Type{}
	var optional []string
	for _, w := range words {
		types[w.Name], wides[w.Name] = w.typ, w.wide
		if !w.Required {
			optional = append(optional, w.Name)
		}
	}
	return cty.Object(types), cty.ObjectWithOptionalAttrs(wides, optional)
}

// fromProtocol is a type of the protocol, by its JSON.
func fromProtocol(t tftypes.Type) (cty.Type, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return cty.NilType, err
	}
	return ctyjson.UnmarshalType(text)
}

func (s *shape) word(name string) *word {
	for _, w := range s.attributes {
		if w.Name == name {
			return w
		}
	}
	return nil
}

// fit makes a value of what an author wrote: what is left out is null.
func (s *shape) fit(vals map[string]cty.Value) (cty.Value, error) {
	out := map[string]cty.Value{}
	for name := range vals {
		if s.word(name) == nil {
			return cty.NilVal, fmt.Errorf("there is no attribute %s", name)
		}
	}
	for _, w := range s.attributes {
		v, ok := vals[w.Name]
		if !ok {
			v = cty.NullVal(w.typ)
		}
		v, err := convert.Convert(v, w.wide)
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s: %w", w.Name, err)
		}
		if w.typ != cty.DynamicPseudoType && !v.Type().Equals(w.typ) {
			v, err = convert.Convert(v, w.typ)
		}
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s: %w", w.Name, err)
		}
		out[w.Name] = v
	}
	return cty.ObjectVal(out), nil
}

func pack(v cty.Value, t cty.Type) *tfprotov6.DynamicValue {
	b, err := msgpack.Marshal(v, t)
	if err != nil {
		panic(fmt.Sprintf("%#v is no %s: %s", v, t.FriendlyName(), err))
	}
	return &tfprotov6.DynamicValue{MsgPack: b}
}

func unpack(d *tfprotov6.DynamicValue, t cty.Type) (cty.Value, error) {
	switch {
	case d == nil:
		return cty.NullVal(t), nil
	case d.MsgPack != nil:
		return msgpack.Unmarshal(d.MsgPack, t)
	}
	return ctyjson.Unmarshal(d.JSON, t)
}

// configure is what the core does with a provider block.
func (e *engine) configure(ctx context.Context, vals map[string]cty.Value, deferral bool) error {
	config, err := e.settings.fit(vals)
	if err != nil {
		return err
	}
	e.deferral = deferral
	check, err := e.server.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: pack(config, e.settings.object)})
	if err != nil {
		return err
	}
	if _, err := refused(check.Diagnostics); err != nil {
		return err
	}
	got, err := e.server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.11.4", Config: pack(config, e.settings.object),
		ClientCapabilities: &tfprotov6.ConfigureProviderClientCapabilities{DeferralAllowed: deferral}})
	if err != nil {
		return err
	}
	_, err = refused(got.Diagnostics)
	return err
}

// validate asks about a configuration, as far as it is known.
func (e *engine) validate(ctx context.Context, typ string, config cty.Value) ([]string, error) {
	s := e.resources[typ]
	for _, w := range s.attributes { // the core's own checks
		switch v := config.GetAttr(w.Name); {
		case w.Required && v.IsNull():
			return nil, &refusal{[]*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: "core: missing " + w.Name}}}
		case !w.Required && !w.Optional && !v.IsNull():
			return nil, &refusal{[]*tfprotov6.Diagnostic{{Severity: tfprotov6.DiagnosticSeverityError, Summary: "core: read-only " + w.Name}}}
		}
	}
	got, err := e.server.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: typ, Config: pack(config, s.object),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true}})
	if err != nil {
		return nil, err
	}
	return refused(got.Diagnostics)
}

// none is an object that is not there.
func (e *engine) none(typ string) object {
	return object{typ: typ, version: e.resources[typ].version, state: cty.NullVal(e.resources[typ].object)}
}

// plan plans one object; a replacement is planned as the core does it, in two
// calls.
func (e *engine) plan(ctx context.Context, prior object, config cty.Value) (planned, error) {
	p := planned{prior: prior, config: config}
	s := e.resources[prior.typ]
	if !config.IsNull() {
		warnings, err := e.validate(ctx, prior.typ, config)
		if err != nil {
			return p, err
		}
		p.warnings = warnings
	}
	if err := e.planOnce(ctx, &p); err != nil {
		return p, err
	}
	if len(p.replaces) == 0 {
		return p, nil
	}
	again := planned{prior: e.none(prior.typ), config: config, replaces: p.replaces}
	err := e.planOnce(ctx, &again)
	again.prior, again.replaces, again.warnings = prior, p.replaces, append(p.warnings, again.warnings...)
	if err == nil && s.object.HasAttribute("id") && again.state.GetAttr("id").IsKnown() && again.state.GetAttr("id").RawEquals(prior.state.GetAttr("id")) && s.word("id").Computed && again.state.GetAttr("id") != cty.StringVal("none") {
		err = breaks("the new object has the old one's id")
	}
	return again, err
}

func (e *engine) planOnce(ctx context.Context, p *planned) error {
	s := e.resources[p.prior.typ]
	proposed := proposal(s, p.prior.state, p.config)
	req := &tfprotov6.PlanResourceChangeRequest{TypeName: p.prior.typ, PriorState: pack(p.prior.state, s.object), ProposedNewState: pack(proposed, s.object),
		Config: pack(p.config, s.object), PriorPrivate: p.prior.private, PriorIdentity: e.packIdentity(p.prior),
		ClientCapabilities: &tfprotov6.PlanResourceChangeClientCapabilities{DeferralAllowed: e.deferral}}
	got, err := e.server.PlanResourceChange(ctx, req)
	if err != nil {
		return err
	}
	warnings, err := refused(got.Diagnostics)
	if err != nil {
		return err
	}
	p.warnings = append(p.warnings, warnings...)
	p.private, p.identity = got.PlannedPrivate, got.PlannedIdentity
	if p.state, err = unpack(got.PlannedState, s.object); err != nil {
		return breaks("the plan can't be read: %s", err)
	}
	if p.deferred = got.Deferred != nil; p.deferred && !e.deferral {
		return breaks("deferred, and Terraform did not allow it")
	}
	if err := checkPlan(s, p.prior.state, p.config, p.state); err != nil {
		return err
	}
	p.replaces = nil
	if p.prior.state.IsNull() || p.config.IsNull() {
		return nil
	}
	for _, path := range got.RequiresReplace {
		name := string(path.Steps()[0].(tftypes.AttributeName))
		if !s.object.HasAttribute(name) {
			return breaks("%s requires a replacement, and there is no such attribute", name)
		}
		if was, next := p.prior.state.GetAttr(name), p.state.GetAttr(name); !next.IsWhollyKnown() || !was.RawEquals(next) {
			p.replaces = append(p.replaces, name)
		}
	}
	if len(got.RequiresReplace) > 0 && len(p.replaces) == 0 {
		return breaks("a replacement is required by %v, of which none changes", got.RequiresReplace)
	}
	return nil
}

// empty reports a plan that does nothing.
func (p planned) empty() bool {
	return len(p.replaces) == 0 && p.state.RawEquals(p.prior.state)
}

// apply carries a plan out as the core does: a replacement is a deletion and a
// creation, and what is made is planned once more, with what is known by then.
func (e *engine) apply(ctx context.Context, p planned, config cty.Value) (object, error) {
	prior := p.prior
	if len(p.replaces) > 0 {
		gone, err := e.remove(ctx, prior)
		if err != nil {
			return gone, err
		}
		prior = gone
	}
	s := e.resources[prior.typ]
	final := planned{prior: prior, config: config}
	if !config.IsNull() {
		if _, err := e.validate(ctx, prior.typ, config); err != nil {
			return prior, err
		}
		if err := e.planOnce(ctx, &final); err != nil {
			return prior, err
		}
		if len(final.replaces) > 0 {
			return prior, breaks("a replacement by %v, and the plan has shown none", final.replaces)
		}
		if err := compatible(s.attributes, p.state, final.state, "the second plan"); err != nil {
			return prior, err
		}
	} else {
		final = p
	}
	return e.applyOnce(ctx, final)
}

func (e *engine) applyOnce(ctx context.Context, p planned) (object, error) {
	s := e.resources[p.prior.typ]
	got, err := e.server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{TypeName: p.prior.typ, PriorState: pack(p.prior.state, s.object), PlannedState: pack(p.state, s.object),
		Config: pack(p.config, s.object), PlannedPrivate: p.private, PlannedIdentity: p.identity})
	if err != nil {
		return p.prior, err
	}
	out := object{typ: p.prior.typ, version: s.version, private: got.Private}
	var bad error
	if out.state, bad = unpack(got.NewState, s.object); bad != nil {
		return p.prior, breaks("the new state can't be read: %s", bad)
	}
	_, refusal := refused(got.Diagnostics)
	switch {
	case !out.state.IsWhollyKnown():
		return out, breaks("%s is unknown after apply", unknownIn(out.state))
	case refusal != nil:
		return out, refusal
	}
	if err := writtenOnly(s.attributes, out.state, "the state"); err != nil {
		return out, err
	}
	if err := compatible(s.attributes, p.state, out.state, "apply"); err != nil {
		return out, err
	}
	if out.state.IsNull() {
		return out, nil
	}
	out.identity, err = e.identified(p.prior, got.NewIdentity)
	return out, err
}

// identified is an identity, which never changes as long as the object is the same.
func (e *engine) identified(prior object, id *tfprotov6.ResourceIdentityData) (cty.Value, error) {
	t, ok := e.identity[prior.typ]
	if !ok {
		return cty.NilVal, nil
	}
	if id == nil {
		return cty.NilVal, breaks("there is no identity")
	}
	v, err := unpack(id.IdentityData, t)
	switch {
	case err != nil:
		return v, breaks("the identity can't be read: %s", err)
	case v.IsNull() || !v.IsWhollyKnown() || v.GetAttr("id").IsNull():
		return v, breaks("the identity is %#v", v)
	case prior.identity != cty.NilVal && !prior.state.IsNull() && !prior.identity.RawEquals(v):
		return v, breaks("the identity was %#v and is %#v", prior.identity, v)
	}
	return v, nil
}

func (e *engine) packIdentity(o object) *tfprotov6.ResourceIdentityData {
	t, ok := e.identity[o.typ]
	if !ok || o.identity == cty.NilVal || o.state.IsNull() {
		return nil
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: pack(o.identity, t)}
}

// make plans and applies, with everything known.
func (e *engine) make(ctx context.Context, prior object, config cty.Value) (object, error) {
	p, err := e.plan(ctx, prior, config)
	if err != nil {
		return prior, err
	}
	if p.empty() {
		return prior, nil
	}
	return e.apply(ctx, p, config)
}

// remove plans a deletion and carries it out.
func (e *engine) remove(ctx context.Context, o object) (object, error) {
	s := e.resources[o.typ]
	p := planned{prior: o, config: cty.NullVal(s.object)}
	if err := e.planOnce(ctx, &p); err != nil {
		return o, err
	}
	if !p.state.IsNull() {
		return o, breaks("the plan of a deletion is %#v", p.state)
	}
	out, err := e.applyOnce(ctx, p)
	if err == nil && !out.state.IsNull() {
		return out, breaks("something is left after a deletion: %#v", out.state)
	}
	if err != nil {
		return out, err
	}
	return e.none(o.typ), nil
}

// refresh is what begins every run: the state file is read, brought up to date,
// and compared with what is there.
func (e *engine) refresh(ctx context.Context, o object) (object, error) {
	s := e.resources[o.typ]
	text, err := ctyjson.Marshal(o.state, o.state.Type())
	if o.version == s.version {
		text, err = ctyjson.Marshal(o.state, s.object)
	}
	if err != nil {
		return o, err
	}
	o, err = e.upgrade(ctx, o, text)
	if err != nil {
		return o, err
	}
	return e.read(ctx, o)
}

// upgrade reads an object out of a state file.
func (e *engine) upgrade(ctx context.Context, o object, text []byte) (object, error) {
	s := e.resources[o.typ]
	got, err := e.server.UpgradeResourceState(ctx, &tfprotov6.UpgradeResourceStateRequest{TypeName: o.typ, Version: o.version, RawState: &tfprotov6.RawState{JSON: text}})
	if err != nil {
		return o, err
	}
	if _, err := refused(got.Diagnostics); err != nil {
		return o, err
	}
	o.version = s.version
	if o.state, err = unpack(got.UpgradedState, s.object); err != nil {
		return o, breaks("the state can't be read: %s", err)
	}
	if !o.state.IsWhollyKnown() {
		return o, breaks("%s of an upgraded state is unknown", unknownIn(o.state))
	}
	return o, writtenOnly(s.attributes, o.state, "an upgraded state")
}

func (e *engine) read(ctx context.Context, o object) (object, error) {
	s := e.resources[o.typ]
	got, err := e.server.ReadResource(ctx, &tfprotov6.ReadResourceRequest{TypeName: o.typ, CurrentState: pack(o.state, s.object), Private: o.private, CurrentIdentity: e.packIdentity(o)})
	if err != nil {
		return o, err
	}
	if _, err := refused(got.Diagnostics); err != nil {
		return o, err
	}
	out := object{typ: o.typ, version: s.version, private: got.Private}
	if out.state, err = unpack(got.NewState, s.object); err != nil {
		return o, breaks("what was read can't be: %s", err)
	}
	if out.state.IsNull() {
		return e.none(o.typ), nil
	}
	if !out.state.IsWhollyKnown() {
		return out, breaks("%s is unknown when it is read", unknownIn(out.state))
	}
	if err := writtenOnly(s.attributes, out.state, "what was read"); err != nil {
		return out, err
	}
	out.identity, err = e.identified(o, got.NewIdentity)
	return out, err
}

// imports brings in what a person calls by a word, or by an identity; then the
// core reads it.
func (e *engine) imports(ctx context.Context, typ, word string, identity bool) (object, error) {
	s := e.resources[typ]
	req := &tfprotov6.ImportResourceStateRequest{TypeName: typ, ID: word}
	if identity {
		req.ID, req.Identity = "", &tfprotov6.ResourceIdentityData{IdentityData: pack(cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(word)}), e.identity[typ])}
	}
	got, err := e.server.ImportResourceState(ctx, req)
	if err != nil {
		return object{}, err
	}
	if _, err := refused(got.Diagnostics); err != nil {
		return object{}, err
	}
	if len(got.ImportedResources) != 1 || got.ImportedResources[0].TypeName != typ {
		return object{}, breaks("an import brought %d objects", len(got.ImportedResources))
	}
	x := got.ImportedResources[0]
	o := object{typ: typ, version: s.version, private: x.Private}
	if o.state, err = unpack(x.State, s.object); err != nil {
		return o, breaks("what was imported can't be read: %s", err)
	}
	if o.state.IsNull() || !o.state.IsWhollyKnown() {
		return o, breaks("an import brought %#v", o.state)
	}
	if o.identity, err = e.identified(object{typ: typ, state: cty.NullVal(s.object)}, x.Identity); err != nil {
		return o, err
	}
	there, err := e.read(ctx, o)
	if err == nil && there.state.IsNull() {
		return there, breaks("what was imported is not there")
	}
	return there, err
}

// moves is a moved block from one type to another.
func (e *engine) moves(ctx context.Context, from object, to string) (object, error) {
	text, err := ctyjson.Marshal(from.state, e.resources[from.typ].object)
	if err != nil {
		return from, err
	}
	got, err := e.server.MoveResourceState(ctx, &tfprotov6.MoveResourceStateRequest{SourceProviderAddress: "cairncloud/cairn", SourceTypeName: from.typ,
		SourceSchemaVersion: from.version, SourceState: &tfprotov6.RawState{JSON: text}, SourcePrivate: from.private, TargetTypeName: to})
	if err != nil {
		return from, err
	}
	if _, err := refused(got.Diagnostics); err != nil {
		return from, err
	}
	s := e.resources[to]
	o := object{typ: to, version: s.version, private: got.TargetPrivate}
	if o.state, err = unpack(got.TargetState, s.object); err != nil {
		return o, breaks("what was moved can't be read: %s", err)
	}
	return o, nil
}

// look reads a data source.
func (e *engine) look(ctx context.Context, typ string, vals map[string]cty.Value) (cty.Value, error) {
	s := e.data[typ]
	config, err := s.fit(vals)
	if err != nil {
		return config, err
	}
	check, err := e.server.ValidateDataResourceConfig(ctx, &tfprotov6.ValidateDataResourceConfigRequest{TypeName: typ, Config: pack(config, s.object)})
	if err != nil {
		return config, err
	}
	if _, err := refused(check.Diagnostics); err != nil {
		return config, err
	}
	got, err := e.server.ReadDataSource(ctx, &tfprotov6.ReadDataSourceRequest{TypeName: typ, Config: pack(config, s.object)})
	if err != nil {
		return config, err
	}
	if _, err := refused(got.Diagnostics); err != nil {
		return config, err
	}
	v, err := unpack(got.State, s.object)
	switch {
	case err != nil:
		return v, breaks("the data can't be read: %s", err)
	case v.IsNull() || !v.IsWhollyKnown():
		return v, breaks("the data is %#v", v)
	}
	for _, w := range s.attributes { // what an author wrote stays as written
		if c := config.GetAttr(w.Name); !c.IsNull() && !c.RawEquals(v.GetAttr(w.Name)) {
			return v, breaks("%s was %#v in the configuration and is %#v", w.Name, c, v.GetAttr(w.Name))
		}
	}
	return v, nil
}

// listed is one result of a query.
type listedObject struct {
	name, id string
	state    cty.Value // null unless it was asked for
}

func (e *engine) list(ctx context.Context, typ string, vals map[string]cty.Value, whole bool, limit int64) ([]listedObject, error) {
	s := e.lists[typ]
	config, err := s.fit(vals)
	if err != nil {
		return nil, err
	}
	server, ok := e.server.(tfprotov6.ListResourceServer)
	if !ok {
		return nil, errors.New("the server has no list resources")
	}
	got, err := server.ListResource(ctx, &tfprotov6.ListResourceRequest{TypeName: typ, Config: pack(config, s.object), IncludeResource: whole, Limit: limit})
	if err != nil {
		return nil, err
	}
	var all []listedObject
	for r := range got.Results {
		if _, err := refused(r.Diagnostics); err != nil {
			return all, err
		}
		o := listedObject{name: r.DisplayName, state: cty.NullVal(e.resources[typ].object)}
		id, err := unpack(r.Identity.IdentityData, e.identity[typ])
		if err != nil {
			return all, breaks("the identity can't be read: %s", err)
		}
		o.id = id.GetAttr("id").AsString()
		if whole {
			if o.state, err = unpack(r.Resource, e.resources[typ].object); err != nil {
				return all, breaks("the object can't be read: %s", err)
			}
		}
		all = append(all, o)
	}
	return all, nil
}

func (e *engine) call(ctx context.Context, name string, args ...cty.Value) (cty.Value, error) {
	f := e.functions[name]
	if f == nil {
		return cty.NilVal, fmt.Errorf("there is no function %s", name)
	}
	ret, err := fromProtocol(f.Return.Type)
	if err != nil {
		return cty.NilVal, err
	}
	req := &tfprotov6.CallFunctionRequest{Name: name}
	for i, a := range args {
		p := f.VariadicParameter
		if i < len(f.Parameters) {
			p = f.Parameters[i]
		}
		if p == nil {
			return cty.NilVal, fmt.Errorf("%s has no argument %d", name, i)
		}
		t, err := fromProtocol(p.Type)
		if err != nil {
			return cty.NilVal, err
		}
		if t != cty.DynamicPseudoType {
			if a, err = convert.Convert(a, t); err != nil {
				return cty.NilVal, err
			}
		}
		req.Arguments = append(req.Arguments, pack(a, t))
	}
	got, err := e.server.CallFunction(ctx, req)
	if err != nil {
		return cty.NilVal, err
	}
	if got.Error != nil {
		at := "the function"
		if got.Error.FunctionArgument != nil {
			at = fmt.Sprintf("argument %d", *got.Error.FunctionArgument)
		}
		return cty.NilVal, fmt.Errorf("%s: %s", at, got.Error.Text)
	}
	return unpack(got.Result, ret)
}

// proposal is what the core suggests that the new object be: what the author
// wrote, and of the rest what was there.
func proposal(s *shape, prior, config cty.Value) cty.Value {
	if config.IsNull() {
		return config
	}
	return proposeObject(s.attributes, prior, config)
}

func proposeObject(words []*word, prior, config cty.Value) cty.Value {
	vals := map[string]cty.Value{}
	for _, w := range words {
		was := cty.NullVal(w.typ)
		if !prior.IsNull() && prior.IsKnown() {
			was = prior.GetAttr(w.Name)
		}
		vals[w.Name] = w.propose(was, config.GetAttr(w.Name))
	}
	return cty.ObjectVal(vals)
}

func (w *word) propose(was, said cty.Value) cty.Value {
	switch {
	case w.WriteOnly:
		return said
	case said.IsNull() && w.Computed && w.authored(was):
		return said // what an author had written, and took out
	case said.IsNull() && w.Computed:
		return was
	case w.nested == nil || said.IsNull() || !said.IsKnown():
		return said
	}
	switch t := said.Type(); {
	case t.IsObjectType():
		return proposeObject(w.nested, was, said)
	case t.IsListType() && said.LengthInt() > 0:
		var all []cty.Value
		for i, x := range said.AsValueSlice() {
			before := cty.NullVal(x.Type())
			if was.IsKnown() && !was.IsNull() && i < was.LengthInt() {
				before = was.Index(cty.NumberIntVal(int64(i)))
			}
			if x.IsNull() || !x.IsKnown() {
				all = append(all, x)
				continue
			}
			all = append(all, proposeObject(w.nested, before, x))
		}
		return cty.ListVal(all)
	case t.IsMapType() && said.LengthInt() > 0:
		all := map[string]cty.Value{}
		for k, x := range said.AsValueMap() {
			before := cty.NullVal(x.Type())
			if was.IsKnown() && !was.IsNull() && was.HasIndex(cty.StringVal(k)).True() {
				before = was.Index(cty.StringVal(k))
			}
			all[k] = proposeObject(w.nested, before, x)
		}
		return cty.MapVal(all)
	}
	return said
}

// authored reports a nested value with something in it that only an author
// writes.
func (w *word) authored(v cty.Value) bool {
	if !w.Optional || w.nested == nil || v.IsNull() || !v.IsKnown() {
		return false
	}
	objects := []cty.Value{v}
	if !v.Type().IsObjectType() {
		objects = slices.Collect(maps.Values(indexed(v)))
	}
	return slices.ContainsFunc(objects, func(o cty.Value) bool {
		return !o.IsNull() && slices.ContainsFunc(w.nested, func(n *word) bool { return !n.Computed && !o.GetAttr(n.Name).IsNull() })
	})
}

func indexed(v cty.Value) map[int]cty.Value {
	all := map[int]cty.Value{}
	for _, x := range v.Elements() {
		all[len(all)] = x
	}
	return all
}

// checkPlan holds a plan to what the author wrote.
func checkPlan(s *shape, prior, config, plan cty.Value) error {
	switch {
	case config.IsNull() != plan.IsNull():
		return breaks("the configuration is %#v and the plan %#v", config, plan)
	case config.IsNull():
		return nil
	}
	return checkObject(s.attributes, prior, config, plan, "")
}

func checkObject(words []*word, prior, config, plan cty.Value, at string) error {
	for _, w := range words {
		was := cty.NullVal(w.typ)
		if !prior.IsNull() {
			was = prior.GetAttr(w.Name)
		}
		if err := w.check(was, config.GetAttr(w.Name), plan.GetAttr(w.Name), at+w.Name); err != nil {
			return err
		}
	}
	return nil
}

func (w *word) check(was, said, plan cty.Value, at string) error {
	switch {
	case w.WriteOnly && !plan.IsNull():
		return breaks("%s is write-only and in the plan", at)
	case w.WriteOnly, plan.RawEquals(said):
		return nil
	case said.IsNull() && w.Computed:
		return nil
	case said.IsNull():
		return breaks("%s is not in the configuration, not computed, and planned as %#v", at, plan)
	case !said.IsKnown():
		return breaks("%s is unknown in the configuration and %#v in the plan", at, plan)
	case plan.RawEquals(was): // another spelling of what is there already
		return nil
	case w.nested == nil || plan.IsNull() || !plan.IsKnown():
		return breaks("%s is %#v in the configuration and %#v in the plan", at, said, plan)
	}
	if said.Type().IsObjectType() {
		return checkObject(w.nested, was, said, plan, at+".")
	}
	a, b := said.AsValueSlice(), plan.AsValueSlice()
	if len(a) != len(b) {
		return breaks("%s has %d elements in the configuration and %d in the plan", at, len(a), len(b))
	}
	if said.Type().IsSetType() {
		return breaks("%s is a set, %#v in the configuration and %#v in the plan", at, said, plan)
	}
	for i := range a {
		before := cty.NullVal(a[i].Type())
		if was.IsKnown() && !was.IsNull() && i < was.LengthInt() && was.Type().IsListType() {
			before = was.AsValueSlice()[i]
		}
		if !a[i].IsKnown() && !b[i].IsKnown() {
			continue
		}
		if !b[i].IsKnown() || b[i].IsNull() {
			return breaks("%s[%d] is %#v in the plan", at, i, b[i])
		}
		if err := checkObject(w.nested, before, a[i], b[i], fmt.Sprintf("%s[%d].", at, i)); err != nil {
			return err
		}
	}
	return nil
}

// compatible holds what came to what was planned: what was known is so.
func compatible(words []*word, plan, now cty.Value, by string) error {
	if plan.IsNull() || now.IsNull() {
		if plan.IsNull() != now.IsNull() {
			return breaks("%s: planned %#v, and it is %#v", by, plan, now)
		}
		return nil
	}
	for _, w := range words {
		if err := agree(plan.GetAttr(w.Name), now.GetAttr(w.Name), by+": "+w.Name); err != nil {
			return err
		}
	}
	return nil
}

func agree(plan, now cty.Value, at string) error {
	t := plan.Type()
	switch {
	case !plan.IsKnown(), plan.IsWhollyKnown() && plan.RawEquals(now):
		return nil
	case plan.IsNull() || now.IsNull() || !now.IsKnown() || plan.IsWhollyKnown() && now.IsWhollyKnown() && t.IsPrimitiveType():
		return breaks("%s was planned as %#v and is %#v", at, plan, now)
	case t.IsObjectType() && now.Type().IsObjectType():
		for name := range t.AttributeTypes() {
			if err := agree(plan.GetAttr(name), now.GetAttr(name), at+"."+name); err != nil {
				return err
			}
		}
		return nil
	case t.IsSetType() && !plan.IsWhollyKnown():
		if now.LengthInt() > plan.LengthInt() {
			return breaks("%s was planned with %d elements and has %d", at, plan.LengthInt(), now.LengthInt())
		}
		return nil
	case t.IsListType(), t.IsTupleType():
		a, b := plan.AsValueSlice(), now.AsValueSlice()
		if len(a) != len(b) {
			return breaks("%s was planned with %d elements and has %d", at, len(a), len(b))
		}
		for i := range a {
			if err := agree(a[i], b[i], fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
		return nil
	case t.IsMapType() && now.Type().IsMapType() && plan.LengthInt() == now.LengthInt():
		b := now.AsValueMap()
		for k, x := range plan.AsValueMap() {
			y, ok := b[k]
			if !ok {
				return breaks("%s[%q] was planned and is not there", at, k)
			}
			if err := agree(x, y, fmt.Sprintf("%s[%q]", at, k)); err != nil {
				return err
			}
		}
		return nil
	}
	return breaks("%s was planned as %#v and is %#v", at, plan, now)
}

// writtenOnly reports a write-only attribute that was kept.
func writtenOnly(words []*word, v cty.Value, where string) error {
	if v.IsNull() {
		return nil
	}
	for _, w := range words {
		if w.WriteOnly && !v.GetAttr(w.Name).IsNull() {
			return breaks("%s is write-only and in %s", w.Name, where)
		}
	}
	return nil
}

// unknownIn is the path of something unknown.
func unknownIn(v cty.Value) (at string) {
	_ = cty.Walk(v, func(p cty.Path, x cty.Value) (bool, error) {
		if !x.IsKnown() && at == "" {
			at = "the object"
			for _, s := range p {
				switch s := s.(type) {
				case cty.GetAttrStep:
					at += "." + s.Name
				case cty.IndexStep:
					at += "[]"
				}
			}
		}
		return true, nil
	})
	return at
}

func readOf(l *lab, o object) *tfprotov6.ReadResourceRequest {
	return &tfprotov6.ReadResourceRequest{TypeName: o.typ, CurrentState: pack(o.state, l.resources[o.typ].object), Private: o.private}
}
