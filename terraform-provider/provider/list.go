package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	listschema "github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// A listed is a resource type whose objects can be listed: those of the stack,
// which is what can be imported.
type listed struct{ managed }

func (l *listed) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = listschema.Schema{MarkdownDescription: "Lists the stack's objects of the type " + l.Name + ".", Attributes: map[string]listschema.Attribute{}}
	for _, name := range l.filters() {
		resp.Schema.Attributes[name] = listschema.StringAttribute{Optional: true, MarkdownDescription: "Lists only those with this " + name + "."}
	}
}

// filters are the attributes that a list can be narrowed by: texts that authors
// write.
func (l *listed) filters() []string {
	var names []string
	for _, a := range l.Attributes {
		if a.Type == cty.String && a.Settable && !a.Sensitive {
			names = append(names, a.Name)
		}
	}
	return names
}

func (l *listed) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	l.managed.Configure(ctx, req, resp)
}

func (l *listed) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	refuse := func(summary string, err error) {
		var diags diag.Diagnostics
		fail(&diags, summary, err)
		stream.Results = list.ListResultsStreamDiagnostics(diags)
	}
	s := l.cloud.session()
	if s == nil {
		refuse("Nothing can be listed", errNoCloud)
		return
	}
	filter := map[string]string{}
	for name, v := range members(req.Config.Raw) {
		var text string
		if v.IsNull() {
			continue
		}
		if err := v.As(&text); err != nil {
			refuse("The configuration can't be read", fmt.Errorf("%s: %w", name, err))
			return
		}
		filter[name] = text
	}
	objects, err := s.Objects(ctx, l.Type, filter)
	if err != nil {
		refuse(fmt.Sprintf("The %s objects can't be listed", l.Name), err)
		return
	}
	stream.Results = func(yield func(list.ListResult) bool) {
		for i, o := range objects {
			if req.Limit > 0 && int64(i) >= req.Limit {
				return
			}
			result := req.NewListResult(ctx)
			result.DisplayName = o.ID
			if name := schema.Text(o.Value, "name"); name != "" {
				result.DisplayName = name
			}
			result.Diagnostics.Append(result.Identity.SetAttribute(ctx, path.Root("id"), o.ID)...)
			if req.IncludeResource {
				raw, err := l.assemble(o.Value, tftypes.NewValue(l.object, nil), nil)
				if err != nil {
					result.Diagnostics.AddError("The object can't be written", remedy(err))
				}
				result.Resource.Raw = raw
			}
			if !yield(result) {
				return
			}
		}
	}
}
