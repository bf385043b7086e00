package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/schema"
)

// A managed is a resource type in Terraform. It decides nothing: the declaration
// says what a change comes to, and a session of the planner carries it out.
type managed struct {
	*declared
	cloud *cloud // nil before the provider is configured
}

func (r *managed) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = prefix + r.Name
}

func (r *managed) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = r.resource()
}

func (r *managed) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "Id of the " + r.Name + ", or its name."},
	}}
}

func (r *managed) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.cloud, _ = req.ProviderData.(*cloud)
}

// ValidateConfig reports what no object of the type can have.
func (r *managed) ValidateConfig(_ context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	config, _, err := r.authored(req.Config.Raw, nil)
	if err != nil {
		resp.Diagnostics.AddError("The configuration can't be read", remedy(err))
		return
	}
	r.onlyOneSpelling(req.Config.Raw, &resp.Diagnostics)
	if _, err := timeoutsOf(req.Config.Raw); err != nil {
		resp.Diagnostics.AddAttributeError(path.Root(timeoutsBlock), "Unsuitable timeout", remedy(err))
	}
	var problems schema.Problems
	for _, a := range r.Attributes {
		if a.Settable {
			problems = append(problems, a.Complain(config.GetAttr(a.Name))...)
			problems = append(problems, blank(a, config.GetAttr(a.Name), a.Name)...)
		}
	}
	if len(problems) == 0 && config.IsWhollyKnown() {
		object, err := r.ToGo(r.Fill(config))
		if checker, ok := object.(schema.Checker); ok && err == nil {
			err = checker.Check()
		}
		problems = schema.AsProblems(err)
	}
	tell(&resp.Diagnostics, problems)
}

// onlyOneSpelling reports secrets that are given twice, or not at all.
func (r *managed) onlyOneSpelling(raw tftypes.Value, diags *diag.Diagnostics) {
	vals := members(raw)
	for _, a := range r.secrets() {
		plain, wo := vals[a.Name], vals[a.Name+writeOnly]
		switch {
		case !plain.IsNull() && !wo.IsNull():
			diags.AddAttributeError(path.Root(a.Name+writeOnly), "The secret is given twice", fmt.Sprintf("Take %s or %s%s out.", a.Name, a.Name, writeOnly))
		case a.Required && plain.IsNull() && wo.IsNull():
			diags.AddAttributeError(path.Root(a.Name), "The secret is missing", fmt.Sprintf("Give %s, or %s%s to keep it out of the state.", a.Name, a.Name, writeOnly))
		}
	}
}

// ModifyPlan is the plan: what the declaration and the ledger say of the change.
func (r *managed) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	asked, err := r.asked(req.Config.Raw, req.State.Raw)
	if err != nil {
		fail(&resp.Diagnostics, "The configuration can't be read", err)
		return
	}
	asked.ID = private(ctx, req.Private, &resp.Diagnostics).ID
	var f planner.Foreseen
	if s := r.cloud.session(); s != nil {
		if f, err = s.Plan(ctx, asked); err != nil {
			fail(&resp.Diagnostics, "The plan can't be made", err)
			return
		}
	} else {
		f = planner.ForeseePurely(asked)
	}
	tell(&resp.Diagnostics, append(f.Problems, r.overruled(asked, f)...))
	if f.Action == schema.NoOp && req.Plan.Raw.Equal(req.State.Raw) {
		return
	}
	resp.Plan.Raw, err = r.assemble(f.Planned, req.Config.Raw, asked.Once)
	if err != nil {
		resp.Diagnostics.AddError("The plan can't be written", remedy(err))
		return
	}
	if f.Action == schema.ReplaceObject {
		for _, name := range f.Replaces {
			resp.RequiresReplace.Append(path.Root(name))
		}
		resp.RequiresReplace.Append(path.Root("id")) // always another one
	}
	for _, name := range f.Stops {
		resp.Diagnostics.AddAttributeWarning(path.Root(name), "The guest stops", fmt.Sprintf("A change of %s needs the %s to be stopped and started again.", name, r.Name))
	}
}

// blank reports texts that its author left empty and cairn chooses: Terraform holds
// a provider to the letter of a configuration, where cairn takes an empty text for
// none.
func blank(a *schema.Attribute, v cty.Value, path string) (all schema.Problems) {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	switch t := v.Type(); {
	case t == cty.String && a.Source == schema.Assigned && v.AsString() == "":
		all = append(all, leftEmpty(path))
	case t.IsListType():
		for i, e := range v.AsValueSlice() {
			for _, n := range a.Nested {
				if e.IsKnown() && !e.IsNull() {
					all = append(all, blank(n, e.GetAttr(n.Name), fmt.Sprintf("%s[%d].%s", path, i, n.Name))...)
				}
			}
		}
	}
	return all
}

func leftEmpty(path string) schema.Problem {
	return schema.Problem{Attribute: path, Summary: fmt.Sprintf("%s is empty", path), Detail: "cairn would choose it, and Terraform wants it as it is written. Leave it out or write null, for cairn to choose."}
}

// overruled reports what its author wrote and comes to something else, beyond what
// blank sees: Terraform would call that a fault of the provider's.
func (r *managed) overruled(a planner.Asked, f planner.Foreseen) (all schema.Problems) {
	planned, _ := f.Planned.UnmarkDeep()
	for _, x := range r.Attributes {
		said, now := a.Config.GetAttr(x.Name), planned.GetAttr(x.Name)
		if x.Source != schema.Assigned || !contradicted(said, now) || !a.Prior.IsNull() && now.RawEquals(a.Prior.GetAttr(x.Name)) {
			continue
		}
		switch {
		case said.Type().IsCollectionType() && said.LengthInt() == 0:
			all = append(all, leftEmpty(x.Name))
		default:
			all = append(all, schema.Problem{Attribute: x.Name, Summary: fmt.Sprintf("%s can't be that", x.Name), Detail: "cairn would choose another one in its place, which Terraform does not allow. Write one that can be, or leave it out for cairn to choose."})
		}
	}
	return all
}

// contradicted reports whether anything that is said is not so in a plan.
func contradicted(said, now cty.Value) bool {
	if said.IsNull() || !said.IsKnown() || !now.IsKnown() {
		return false
	}
	switch t := said.Type(); {
	case now.IsNull():
		return true
	case t.IsObjectType():
		for name := range t.AttributeTypes() {
			if contradicted(said.GetAttr(name), now.GetAttr(name)) {
				return true
			}
		}
		return false
	case t.IsListType():
		return !slices.EqualFunc(said.AsValueSlice(), now.AsValueSlice(), func(a, b cty.Value) bool { return !contradicted(a, b) })
	}
	return said.IsWhollyKnown() && !said.RawEquals(now)
}

func (r *managed) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	id, v := r.apply(ctx, "", tftypes.Value{}, req.Config.Raw, req.Plan.Raw, &resp.Diagnostics)
	if v.IsNull() {
		return
	}
	resp.State.Raw = v
	r.identify(ctx, id, resp.Identity, resp.Private, &resp.Diagnostics)
}

func (r *managed) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	have := private(ctx, req.Private, &resp.Diagnostics)
	id, v := r.apply(ctx, have.ID, req.State.Raw, req.Config.Raw, req.Plan.Raw, &resp.Diagnostics)
	if !v.IsNull() {
		resp.State.Raw = v
	}
	r.identify(ctx, id, resp.Identity, resp.Private, &resp.Diagnostics)
}

func (r *managed) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	null := tftypes.NewValue(r.object, nil)
	have := private(ctx, req.Private, &resp.Diagnostics)
	_, v := r.apply(ctx, have.ID, req.State.Raw, null, null, &resp.Diagnostics)
	if resp.Diagnostics.HasError() && !v.IsNull() {
		resp.State.Raw = req.State.Raw
	}
}

// privateKey is where the state keeps what only the provider reads.
const privateKey = "cairn"

// A private is what that is: which object it is, and who wrote it last.
type privately struct {
	ID      string `json:"id"`
	Schema  int    `json:"schema"`
	Version string `json:"cairn"`
}

// private reads what the provider has kept beside the state; nothing is kept of
// what was imported by hand or is new.
func private(ctx context.Context, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}, diags *diag.Diagnostics) (p privately) {
	text, d := from.GetKey(ctx, privateKey)
	if diags.Append(d...); len(text) == 0 {
		return p
	}
	if err := json.Unmarshal(text, &p); err != nil {
		diags.AddError("The provider's own part of the state can't be read", remedy(err))
	}
	return p
}

// identify says which object it is, to Terraform and beside the state.
func (r *managed) identify(ctx context.Context, id string, identity *tfsdk.ResourceIdentity, beside interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, diags *diag.Diagnostics) {
	if identity != nil {
		diags.Append(identity.SetAttribute(ctx, path.Root("id"), id)...)
	}
	text, err := json.Marshal(privately{id, r.Version, Version})
	if err != nil {
		panic("provider: " + err.Error())
	}
	diags.Append(beside.SetKey(ctx, privateKey, text)...)
}

// apply makes an object what its author wrote, and answers with what is there
// then; null when nothing is.
func (r *managed) apply(ctx context.Context, id string, prior, config, planned tftypes.Value, diags *diag.Diagnostics) (string, tftypes.Value) {
	none := tftypes.NewValue(r.object, nil)
	s := r.cloud.session()
	if s == nil {
		diags.AddError("The cloud is not known", remedy(errNoCloud))
		return id, none
	}
	if prior.Type() == nil {
		prior = none
	}
	asked, err := r.asked(config, prior)
	if err == nil && !planned.IsNull() {
		asked.Planned, err = r.known(planned)
	}
	if err == nil {
		asked.Timeouts, err = timeoutsOf(pick(config, prior))
	}
	if err != nil {
		fail(diags, "The configuration can't be read", err)
		return id, prior
	}
	asked.ID = id
	made, err := s.Apply(ctx, asked)
	if err != nil {
		what := "The %s was not made as it was asked for"
		if config.IsNull() {
			what = "The %s was not deleted"
		}
		fail(diags, fmt.Sprintf(what, r.Name), err)
	}
	if made.Value.IsNull() {
		return made.ID, none
	}
	out, err := r.assemble(made.Value, pick(config, prior), asked.Once)
	if err != nil {
		diags.AddError("The object can't be written", remedy(err))
		return id, prior
	}
	return made.ID, out
}

func pick(a, b tftypes.Value) tftypes.Value {
	if a.IsNull() {
		return b
	}
	return a
}

func (r *managed) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	have := planner.Object{ID: private(ctx, req.Private, &resp.Diagnostics).ID}
	if resp.Identity != nil && resp.Identity.Raw.IsFullyNull() { // the framework wants one, even of what is gone
		r.identify(ctx, first(have.ID, idOf(req.State.Raw)), resp.Identity, resp.Private, &resp.Diagnostics)
	}
	s := r.cloud.session()
	if s == nil {
		return // as it was: nobody can be asked
	}
	var err error
	if have.Value, err = r.known(req.State.Raw); err != nil {
		resp.Diagnostics.AddError("The state can't be read", remedy(err))
		return
	}
	now, there, err := s.Read(ctx, r.Type, have)
	if err != nil {
		fail(&resp.Diagnostics, fmt.Sprintf("The %s can't be read", r.Name), err)
		return
	}
	if !there {
		resp.State.RemoveResource(ctx)
		return
	}
	if !now.RawEquals(have.Value) {
		if resp.State.Raw, err = r.assemble(now, req.State.Raw, nil); err != nil {
			resp.Diagnostics.AddError("The object can't be written", remedy(err))
		}
	}
}

// idOf is the id attribute of an object.
func idOf(v tftypes.Value) (id string) {
	if x, ok := members(v)["id"]; ok && x.IsKnown() && !x.IsNull() {
		_ = x.As(&id) // it is a string
	}
	return id
}

// ImportState finds an object by its id or its name.
func (r *managed) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	word := req.ID
	if word == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &word)...)
	}
	s := r.cloud.session()
	if s == nil {
		resp.Diagnostics.AddError("The cloud is not known", remedy(errNoCloud))
	}
	if resp.Diagnostics.HasError() {
		return
	}
	have, err := s.Import(ctx, r.Type, word)
	if err != nil {
		fail(&resp.Diagnostics, fmt.Sprintf("The %s can't be imported", r.Name), err)
		return
	}
	if resp.State.Raw, err = r.assemble(have.Value, tftypes.NewValue(r.object, nil), nil); err != nil {
		resp.Diagnostics.AddError("The object can't be written", remedy(err))
		return
	}
	r.identify(ctx, have.ID, resp.Identity, resp.Private, &resp.Diagnostics)
}

// UpgradeState takes states of older declarations, as records of cairn's own.
func (r *managed) UpgradeState(context.Context) map[int64]resource.StateUpgrader {
	all := map[int64]resource.StateUpgrader{}
	for version := range int64(r.Version) {
		all[version] = resource.StateUpgrader{StateUpgrader: func(_ context.Context, req resource.UpgradeStateRequest, resp *resource.UpgradeStateResponse) {
			v, err := r.decode(int(version), req.RawState.JSON)
			if err == nil {
				resp.State.Raw = v
				return
			}
			resp.Diagnostics.AddError(fmt.Sprintf("The state of a %s can't be brought up to date", r.Name), remedy(err))
		}}
	}
	return all
}

// MoveState takes the state of another name for the same declaration.
func (r *managed) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: func(_ context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
		from := r.types.Resource(strings.TrimPrefix(req.SourceTypeName, prefix))
		if from == nil || from.Go() != r.Go() || req.SourceRawState == nil {
			return // the framework says that nobody moves it
		}
		v, err := r.decode(int(req.SourceSchemaVersion), req.SourceRawState.JSON)
		if err != nil {
			resp.Diagnostics.AddError(fmt.Sprintf("A %s can't become a %s", req.SourceTypeName, prefix+r.Name), remedy(err))
			return
		}
		resp.TargetState.Raw = v
	}}}
}

// decode reads the JSON of a state.
func (r *managed) decode(version int, text []byte) (tftypes.Value, error) {
	if len(text) > maxState {
		return tftypes.Value{}, fmt.Errorf("it has %d bytes, and %d is the limit", len(text), maxState)
	}
	v, err := r.Decode(version, text, nil)
	if err != nil {
		return tftypes.Value{}, err
	}
	return r.assemble(v, tftypes.NewValue(r.object, nil), nil)
}

// maxState bounds the state of one object.
const maxState = 64 << 20

// asked is what an author wrote of an object, and what Terraform has recorded.
func (r *managed) asked(config, state tftypes.Value) (a planner.Asked, err error) {
	a.Type = r.Type
	if a.Prior, err = r.known(state); err != nil {
		return a, err
	}
	if config.IsNull() {
		a.Config = cty.NullVal(r.Object())
		return a, nil
	}
	a.Config, a.Once, err = r.authored(config, &state)
	return a, err
}

// known is the part of a Terraform object that the declaration knows.
func (r *managed) known(raw tftypes.Value) (cty.Value, error) {
	if raw.IsNull() {
		return cty.NullVal(r.Object()), nil
	}
	return fromTerraformMap(members(raw), r.Object())
}

// authored is a configuration, secrets in their second spelling included if they
// are to be used: when the object is new, or the version says that they are.
func (r *managed) authored(raw tftypes.Value, state *tftypes.Value) (config cty.Value, once []string, err error) {
	if config, err = r.known(raw); err != nil || len(r.secrets()) == 0 {
		return config, nil, err
	}
	now, was := members(raw), map[string]tftypes.Value{}
	if state != nil {
		was = members(*state)
	}
	vals := config.AsValueMap()
	for _, a := range r.secrets() {
		v, ok := now[a.Name+writeOnly]
		if !ok || v.IsNull() {
			continue
		}
		if state != nil && !state.IsNull() && now[a.Name+writeOnlyVersion].Equal(was[a.Name+writeOnlyVersion]) {
			continue
		}
		if vals[a.Name], err = fromTerraform(v, a.Type); err != nil {
			return config, nil, err
		}
		once = append(once, a.Name)
	}
	return cty.ObjectVal(vals), once, nil
}

// assemble is an object in Terraform's form; like has what Terraform alone has of
// it. Attributes that are used once are nowhere.
func (r *managed) assemble(v cty.Value, like tftypes.Value, once []string) (tftypes.Value, error) {
	vals := make(map[string]tftypes.Value, len(r.object.AttributeTypes))
	for _, a := range r.Attributes {
		out, err := toTerraform(v.GetAttr(a.Name), r.object.AttributeTypes[a.Name])
		if err != nil {
			return out, fmt.Errorf("%s: %w", a.Name, err)
		}
		vals[a.Name] = out
	}
	for _, name := range once {
		vals[name] = tftypes.NewValue(r.object.AttributeTypes[name], nil)
	}
	had := members(like)
	for name, t := range r.object.AttributeTypes {
		if _, ok := vals[name]; ok {
			continue
		}
		have, ok := had[name]
		if !ok || strings.HasSuffix(name, writeOnly) {
			have = tftypes.NewValue(t, nil)
		}
		vals[name] = have
	}
	return tftypes.NewValue(r.object, vals), nil
}

// members are the attributes of an object; none of null.
func members(raw tftypes.Value) map[string]tftypes.Value {
	var vals map[string]tftypes.Value
	if raw.Type() == nil || raw.IsNull() || !raw.IsKnown() {
		return vals
	}
	if err := raw.As(&vals); err != nil {
		panic("provider: " + err.Error()) // the framework has checked it
	}
	return vals
}

// timeoutsOf reads the timeouts block.
func timeoutsOf(raw tftypes.Value) (t schema.Timeouts, err error) {
	for word, to := range map[string]*time.Duration{"create": &t.Create, "read": &t.Read, "update": &t.Update, "delete": &t.Delete} {
		v, ok := members(members(raw)[timeoutsBlock])[word]
		if !ok || v.IsNull() || !v.IsKnown() {
			continue
		}
		var text string
		if err := v.As(&text); err != nil {
			return t, err
		}
		if *to, err = time.ParseDuration(text); err != nil || *to <= 0 {
			return t, fmt.Errorf("%s: %q is no time such as 30s or 10m", word, text)
		}
	}
	return t, nil
}

// tell makes diagnostics of problems, each at the attribute that is to blame.
func tell(diags *diag.Diagnostics, problems schema.Problems) {
	for _, x := range problems {
		detail := x.Detail
		if x.Code != "" {
			detail += fmt.Sprintf(" `cairn explain %s` says more.", x.Code)
		}
		switch at := attributePath(x.Attribute); {
		case x.Attribute == "" && x.Warning:
			diags.AddWarning(x.Summary, detail)
		case x.Attribute == "":
			diags.AddError(x.Summary, detail)
		case x.Warning:
			diags.AddAttributeWarning(at, x.Summary, detail)
		default:
			diags.AddAttributeError(at, x.Summary, detail)
		}
	}
}

// fail makes a diagnostic of an error that may be an author's or an operator's.
func fail(diags *diag.Diagnostics, summary string, err error) {
	var problems schema.Problems
	var problem schema.Problem
	switch {
	case errors.As(err, &problems):
		tell(diags, problems)
	case errors.As(err, &problem):
		tell(diags, schema.Problems{problem})
	default:
		diags.AddError(summary, remedy(err))
	}
}

// attributePath is where in a configuration a problem is: rules[2].protocol.
func attributePath(text string) path.Path {
	name, rest, _ := strings.Cut(strings.ReplaceAll(text, "[", ".["), ".")
	p := path.Root(name)
	for part := range strings.SplitSeq(rest, ".") {
		var i int
		switch {
		case part == "":
		case strings.HasPrefix(part, "["):
			if _, err := fmt.Sscanf(part, "[%d]", &i); err != nil {
				return p
			}
			p = p.AtListIndex(i)
		default:
			p = p.AtName(part)
		}
	}
	return p
}
