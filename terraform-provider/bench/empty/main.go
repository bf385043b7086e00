// Command empty is a provider with the schemas of cairn's and nothing behind
// them: what the framework itself costs.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cairncloud/cairn/resources"
	cairn "github.com/cairncloud/cairn/terraform-provider/provider"
)

func main() {
	err := tf6server.Serve("cairncloud/cairn", providerserver.NewProtocol6(&empty{cairn.New(resources.All())}))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type empty struct{ like *cairn.Provider }

func (e *empty) Metadata(ctx context.Context, req provider.MetadataRequest, resp *provider.MetadataResponse) {
	e.like.Metadata(ctx, req, resp)
}

func (e *empty) Schema(ctx context.Context, req provider.SchemaRequest, resp *provider.SchemaResponse) {
	e.like.Schema(ctx, req, resp)
}

func (e *empty) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (e *empty) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (e *empty) Resources(ctx context.Context) []func() resource.Resource {
	all := e.like.Resources(ctx)
	for i, f := range all {
		all[i] = func() resource.Resource { return &kind{f()} }
	}
	return all
}

// A kind does nothing with its objects but make up an id.
type kind struct{ like resource.Resource }

func (k *kind) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	k.like.Metadata(ctx, req, resp)
}

func (k *kind) Schema(ctx context.Context, req resource.SchemaRequest, resp *resource.SchemaResponse) {
	k.like.Schema(ctx, req, resp)
}

func (k *kind) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{"id": identityschema.StringAttribute{RequiredForImport: true}}}
}

func (k *kind) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var s resource.SchemaResponse
	k.like.Schema(ctx, resource.SchemaRequest{}, &s)
	var vals map[string]tftypes.Value
	if err := req.Plan.Raw.As(&vals); err != nil {
		resp.Diagnostics.AddError("made up", err.Error())
		return
	}
	for name, v := range vals {
		if !v.IsKnown() {
			vals[name] = madeUp(v.Type(), s.Schema.Attributes[name])
		}
	}
	resp.State = tfsdk.State{Raw: tftypes.NewValue(req.Plan.Raw.Type(), vals), Schema: req.Plan.Schema}
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("id"), "x")...)
}

// madeUp is a value of about the size of a real one.
func madeUp(t tftypes.Type, a schema.Attribute) tftypes.Value {
	switch t := t.(type) {
	case tftypes.List:
		return tftypes.NewValue(t, []tftypes.Value{madeUp(t.ElementType, a)})
	case tftypes.Set:
		return tftypes.NewValue(t, []tftypes.Value{madeUp(t.ElementType, a)})
	case tftypes.Object:
		vals := map[string]tftypes.Value{}
		for k, at := range t.AttributeTypes {
			vals[k] = tftypes.NewValue(at, nil)
			// What is not computed, Terraform would take for something that was taken out.
			if n, ok := a.(schema.ListNestedAttribute); ok && n.NestedObject.Attributes[k].IsComputed() {
				vals[k] = madeUp(at, n.NestedObject.Attributes[k])
			}
		}
		return tftypes.NewValue(t, vals)
	}
	switch {
	case t.Is(tftypes.String):
		return tftypes.NewValue(t, uuid.NewString())
	case t.Is(tftypes.Bool):
		return tftypes.NewValue(t, true)
	case t.Is(tftypes.Number):
		return tftypes.NewValue(t, 1)
	}
	return tftypes.NewValue(t, nil)
}

func (k *kind) Read(ctx context.Context, _ resource.ReadRequest, resp *resource.ReadResponse) {
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("id"), "x")...)
}

func (k *kind) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = req.Plan.Raw
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, path.Root("id"), "x")...)
}

func (k *kind) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}
