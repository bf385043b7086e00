package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
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
	var differs *providers.DiffersError
	if errors.As(err, &differs) { // no attribute can show it
		resp.Diagnostics.AddWarning(fmt.Sprintf("The %s was changed behind cairn's back", r.Name), fmt.Sprintf("%s. Any change of it puts it right, and so does `terraform apply -replace`.", differs))
		err = nil
	}
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
