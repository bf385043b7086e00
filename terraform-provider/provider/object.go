package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/schema"
)

// privateKey is where the state keeps what only the provider reads.
const privateKey = "cairn"

// A beside is what that is: which object it is, and who wrote it last.
type beside struct {
	ID      string `json:"id"`
	Schema  int    `json:"schema"`
	Version string `json:"cairn"`
}

// private reads what the provider has kept beside the state; nothing is kept of
// what was imported by hand or is new.
func private(ctx context.Context, from interface {
	GetKey(context.Context, string) ([]byte, diag.Diagnostics)
}, diags *diag.Diagnostics) (p beside) {
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
func (r *managed) identify(ctx context.Context, id string, identity *tfsdk.ResourceIdentity, state interface {
	SetKey(context.Context, string, []byte) diag.Diagnostics
}, diags *diag.Diagnostics) {
	if identity != nil {
		diags.Append(identity.SetAttribute(ctx, path.Root("id"), id)...)
	}
	text, err := json.Marshal(beside{id, r.Version, Version})
	if err != nil {
		panic("provider: " + err.Error())
	}
	diags.Append(state.SetKey(ctx, privateKey, text)...)
}

func pick(a, b tftypes.Value) tftypes.Value {
	if a.IsNull() {
		return b
	}
	return a
}

// idOf is the id attribute of an object.
func idOf(v tftypes.Value) (id string) {
	if x, ok := members(v)["id"]; ok && x.IsKnown() && !x.IsNull() {
		_ = x.As(&id) // it is a string
	}
	return id
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
