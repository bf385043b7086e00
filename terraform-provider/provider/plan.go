package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/schema"
)

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
