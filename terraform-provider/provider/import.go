package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

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
