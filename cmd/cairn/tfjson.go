package main

import (
	"encoding/json"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// The forms of Terraform's JSON that tools read, with the names they know.
const (
	planFormat  = "1.2"
	stateFormat = "1.0"
	// providerName is the provider that has the same types for Terraform.
	providerName = "registry.terraform.io/cairncloud/cairn"
)

// tfResource is one object, in a state or in planned values.
type tfResource struct {
	Address         string          `json:"address"`
	Mode            string          `json:"mode"`
	Type            string          `json:"type"`
	Name            string          `json:"name"`
	Index           any             `json:"index,omitempty"`
	ProviderName    string          `json:"provider_name"`
	SchemaVersion   int             `json:"schema_version"`
	Values          json.RawMessage `json:"values,omitempty"`
	SensitiveValues json.RawMessage `json:"sensitive_values,omitempty"`
	DependsOn       []string        `json:"depends_on,omitempty"`
	Tainted         bool            `json:"tainted,omitempty"`
	DeposedKey      string          `json:"deposed_key,omitempty"`
}

type tfModule struct {
	Address      string       `json:"address,omitempty"`
	Resources    []tfResource `json:"resources,omitempty"`
	ChildModules []*tfModule  `json:"child_modules,omitempty"`
}

type tfOutput struct {
	Sensitive bool            `json:"sensitive"`
	Type      json.RawMessage `json:"type,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
}

type tfValues struct {
	Outputs    map[string]tfOutput `json:"outputs,omitempty"`
	RootModule *tfModule           `json:"root_module"`
}

type tfState struct {
	FormatVersion    string   `json:"format_version"`
	TerraformVersion string   `json:"terraform_version"`
	Values           tfValues `json:"values"`
}

type tfChange struct {
	Actions         []string        `json:"actions"`
	Before          json.RawMessage `json:"before"`
	After           json.RawMessage `json:"after"`
	AfterUnknown    json.RawMessage `json:"after_unknown,omitempty"`
	BeforeSensitive json.RawMessage `json:"before_sensitive,omitempty"`
	AfterSensitive  json.RawMessage `json:"after_sensitive,omitempty"`
	ReplacePaths    [][]string      `json:"replace_paths,omitempty"`
	Importing       *tfImporting    `json:"importing,omitempty"`
}

type tfImporting struct {
	ID string `json:"id"`
}

type tfResourceChange struct {
	Address         string   `json:"address"`
	PreviousAddress string   `json:"previous_address,omitempty"`
	ModuleAddress   string   `json:"module_address,omitempty"`
	Mode            string   `json:"mode"`
	Type            string   `json:"type"`
	Name            string   `json:"name"`
	Index           any      `json:"index,omitempty"`
	Deposed         string   `json:"deposed,omitempty"`
	ProviderName    string   `json:"provider_name"`
	Change          tfChange `json:"change"`
	ActionReason    string   `json:"action_reason,omitempty"`
}

type tfVariable struct {
	Value json.RawMessage `json:"value"`
}

type tfPlan struct {
	FormatVersion    string                `json:"format_version"`
	TerraformVersion string                `json:"terraform_version"`
	Variables        map[string]tfVariable `json:"variables,omitempty"`
	PlannedValues    tfValues              `json:"planned_values"`
	ResourceDrift    []tfResourceChange    `json:"resource_drift,omitempty"`
	ResourceChanges  []tfResourceChange    `json:"resource_changes"`
	OutputChanges    map[string]tfChange   `json:"output_changes"`
	Complete         bool                  `json:"complete"`
	Applyable        bool                  `json:"applyable"`
	Errored          bool                  `json:"errored"`
}

// tfTree builds the nested modules of Terraform's JSON.
type tfTree struct {
	root    *tfModule
	modules map[string]*tfModule
}

func newTree() *tfTree {
	t := &tfTree{root: &tfModule{}, modules: map[string]*tfModule{}}
	t.modules[""] = t.root
	return t
}

func (t *tfTree) module(path string) *tfModule {
	if m := t.modules[path]; m != nil {
		return m
	}
	m := &tfModule{Address: path}
	t.modules[path] = m
	up := t.module(address.UpperModule(path))
	up.ChildModules = append(up.ChildModules, m)
	return m
}

func (t *tfTree) add(o address.Object, r tfResource) {
	m := t.module(o.Module)
	m.Resources = append(m.Resources, r)
}

func tfObject(o address.Object) tfResource {
	typ := lang.TerraformName(o.Type)
	text := o
	text.Type = typ
	r := tfResource{Address: text.String(), Mode: "managed", Type: typ, Name: o.Name, ProviderName: providerName, Index: tfIndex(o.Key)}
	if o.Data {
		r.Mode = "data"
	}
	return r
}

func tfIndex(k address.Key) any {
	if n, ok := k.Index(); ok {
		return n
	}
	if s, ok := k.Name(); ok {
		return s
	}
	return nil
}

// tfValue is a value with null for what is unknown, and the maps of true where it
// is sensitive and where it is unknown.
func tfValue(v cty.Value) (value, sensitive, unknown json.RawMessage, err error) {
	if v == cty.NilVal {
		return json.RawMessage("null"), json.RawMessage("false"), json.RawMessage("false"), nil
	}
	plain, marks := v.UnmarkDeepWithPaths()
	known, err := cty.Transform(plain, func(_ cty.Path, x cty.Value) (cty.Value, error) {
		if !x.IsKnown() {
			return cty.NullVal(x.Type()), nil
		}
		return x, nil
	})
	if err != nil {
		return nil, nil, nil, err
	}
	if value, err = ctyjson.Marshal(known, known.Type()); err != nil {
		return nil, nil, nil, err
	}
	if sensitive, err = json.Marshal(flags(plain, func(p cty.Path, _ cty.Value) bool {
		for _, m := range marks {
			if m.Path.Equals(p) {
				return true
			}
		}
		return false
	}, nil)); err != nil {
		return nil, nil, nil, err
	}
	unknown, err = json.Marshal(flags(plain, func(_ cty.Path, x cty.Value) bool { return !x.IsKnown() }, nil))
	return value, sensitive, unknown, err
}

// flags is true where a leaf is flagged, and the same shape around it; parts
// without any are left out.
func flags(v cty.Value, is func(cty.Path, cty.Value) bool, at cty.Path) any {
	if is(at, v) {
		return true
	}
	t := v.Type()
	switch {
	case !v.IsKnown() || v.IsNull():
		return false
	case t.IsObjectType() || t.IsMapType():
		out := map[string]any{}
		for k, e := range v.Elements() {
			step := cty.PathStep(cty.IndexStep{Key: k})
			if t.IsObjectType() {
				step = cty.GetAttrStep{Name: k.AsString()}
			}
			if f := flags(e, is, append(at[:len(at):len(at)], step)); f != false {
				out[k.AsString()] = f
			}
		}
		return out
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		out := []any{}
		for k, e := range v.Elements() {
			out = append(out, flags(e, is, append(at[:len(at):len(at)], cty.IndexStep{Key: k})))
		}
		return out
	}
	return false
}

// tfActions are Terraform's words for an action.
func tfActions(a planner.Action) []string {
	switch a {
	case planner.Create:
		return []string{"create"}
	case planner.Update:
		return []string{"update"}
	case planner.Delete, planner.DeleteDeposed:
		return []string{"delete"}
	case planner.DeleteCreate:
		return []string{"delete", "create"}
	case planner.CreateDelete:
		return []string{"create", "delete"}
	case planner.Forget:
		return []string{"forget"}
	}
	return []string{"no-op"}
}

func planJSON(p *planner.Plan) (*tfPlan, error) {
	out := &tfPlan{FormatVersion: planFormat, TerraformVersion: version, Variables: map[string]tfVariable{}, OutputChanges: map[string]tfChange{}, ResourceChanges: []tfResourceChange{},
		Complete: len(p.Options.Targets) == 0, Applyable: !p.Empty()}
	for name, v := range p.Variables() {
		value, _, _, err := tfValue(v)
		if err != nil {
			return nil, err
		}
		out.Variables[name] = tfVariable{value}
	}
	tree := newTree()
	err := p.EachObject(func(o address.Object, t *schema.Type, v cty.Value) error {
		r := tfObject(o)
		r.SchemaVersion = t.Version
		var err error
		r.Values, r.SensitiveValues, _, err = tfValue(v)
		tree.add(o, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.PlannedValues.RootModule = tree.root
	for _, c := range p.Visible() {
		x, err := tfResourceChangeOf(c)
		if err != nil {
			return nil, err
		}
		out.ResourceChanges = append(out.ResourceChanges, x)
	}
	for _, d := range p.Drift {
		action := planner.Update
		if d.After == cty.NilVal {
			action = planner.Delete
		}
		x, err := tfResourceChangeOf(&planner.Change{Address: d.Address, Type: d.Type, Action: action, Prior: d.Before, Planned: d.After})
		if err != nil {
			return nil, err
		}
		out.ResourceDrift = append(out.ResourceDrift, x)
	}
	for _, o := range p.Outputs {
		action := planner.Update
		switch {
		case o.Prior == cty.NilVal:
			action = planner.Create
		case o.After == cty.NilVal:
			action = planner.Delete
		}
		c, err := tfChangeOf(action, o.Prior, o.After)
		if err != nil {
			return nil, err
		}
		out.OutputChanges[o.Name] = c
	}
	return out, nil
}

func tfChangeOf(a planner.Action, before, after cty.Value) (c tfChange, err error) {
	c.Actions = tfActions(a)
	if c.Before, c.BeforeSensitive, _, err = tfValue(before); err != nil {
		return c, err
	}
	c.After, c.AfterSensitive, c.AfterUnknown, err = tfValue(after)
	return c, err
}

func tfResourceChangeOf(c *planner.Change) (tfResourceChange, error) {
	r := tfObject(c.Address)
	x := tfResourceChange{Address: r.Address, ModuleAddress: c.Address.Module, Mode: r.Mode, Type: r.Type, Name: r.Name, Index: r.Index,
		Deposed: c.Deposed, ProviderName: r.ProviderName, ActionReason: string(c.Reason)}
	if c.Moved != (address.Object{}) {
		x.PreviousAddress = tfObject(c.Moved).Address
	}
	if !strings.HasPrefix(x.ActionReason, "replace_") && !strings.HasPrefix(x.ActionReason, "delete_") && !strings.HasPrefix(x.ActionReason, "read_") {
		x.ActionReason = ""
	}
	var err error
	if x.Change, err = tfChangeOf(c.Action, c.Prior, c.Planned); err != nil {
		return x, err
	}
	for _, n := range c.Replaces {
		x.Change.ReplacePaths = append(x.Change.ReplacePaths, []string{n})
	}
	if c.Imported != "" {
		x.Change.Importing = &tfImporting{c.Imported}
	}
	return x, nil
}
