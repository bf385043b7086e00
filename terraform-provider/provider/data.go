package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// A source is a type that can be read.
type source struct {
	*declared
	cloud *cloud
}

func (d *source) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = prefix + d.Name
}

func (d *source) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = d.data()
}

func (d *source) Configure(_ context.Context, req datasource.ConfigureRequest, _ *datasource.ConfigureResponse) {
	d.cloud, _ = req.ProviderData.(*cloud)
}

func (d *source) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	s := d.cloud.session()
	if s == nil {
		resp.Diagnostics.AddError("The cloud is not known", remedy(errNoCloud))
		return
	}
	filter, err := fromTerraformMap(members(req.Config.Raw), d.Object())
	if err != nil {
		resp.Diagnostics.AddError("The configuration can't be read", remedy(err))
		return
	}
	v, err := s.Data(ctx, d.Type, filter)
	if err != nil {
		fail(&resp.Diagnostics, fmt.Sprintf("The %s can't be read", d.Name), err)
		return
	}
	var out tftypes.Value
	if out, err = toTerraform(v, d.object); err != nil {
		resp.Diagnostics.AddError("The object can't be written", remedy(err))
		return
	}
	resp.State.Raw = out
}
