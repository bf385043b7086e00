// Package provider is cairn for Terraform and OpenTofu: every declared resource
// type with the same attributes, rules and drivers. It names none of them.
package provider

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/planner"
	facts "github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/site"
	"github.com/cairncloud/cairn/state"
)

// Version of the provider.
var Version = "dev"

// A Provider serves the types of one program.
type Provider struct {
	types     *schema.Types
	resources []*declared
	data      []*declared

	// Gone reports that Terraform is no more; nil: it never is.
	Gone func() bool

	mu     sync.Mutex
	clouds []*cloud
}

// New makes a provider of declared types.
func New(types *schema.Types) *Provider {
	p := &Provider{types: types}
	for _, t := range types.All() {
		if !t.DataOnly {
			p.resources = append(p.resources, declare(types, t))
		}
		if d := types.Data(t.Name); d != nil {
			p.data = append(p.data, declare(types, d))
		}
	}
	return p
}

// Close ends the runs of everything that was configured, and lets go of its locks.
func (p *Provider) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, c := range p.clouds {
		errs = append(errs, c.close(ctx))
	}
	p.clouds = nil
	return errors.Join(errs...)
}

func (p *Provider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName, resp.Version = "cairn", Version
}

// settings are the provider block.
type settings struct {
	Stack        types.String `tfsdk:"stack"`
	Cloud        types.String `tfsdk:"cloud"`
	Config       types.String `tfsdk:"config"`
	Project      types.String `tfsdk:"project"`
	Region       types.String `tfsdk:"region"`
	Reservations types.Bool   `tfsdk:"plan_reservations"`
	ReserveFor   types.String `tfsdk:"reservation_time"`
}

func (p *Provider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = providerschema.Schema{
		MarkdownDescription: "cairn does the job of an OpenStack cloud without its control plane. Without any configuration it uses an embedded cloud in the working folder's `.cairn/`, so that modules can be tried and tested anywhere.",
		Attributes: map[string]providerschema.Attribute{
			"stack": providerschema.StringAttribute{Optional: true, MarkdownDescription: "Name of the stack that this workspace is in its cloud: what it claims is held by that name, and one front end keeps it. " +
				"Workspaces need names of their own, such as `\"web-${terraform.workspace}\"`. `CAIRN_STACK`, else the working folder's name, unless set."},
			"cloud":   providerschema.StringAttribute{Optional: true, MarkdownDescription: "Path of the cloud's file. `CAIRN_CLOUD`, else a `cloud.hcl` in the working folder or one above it, else the embedded cloud, unless set."},
			"config":  providerschema.StringAttribute{Optional: true, MarkdownDescription: "Text of a cloud's file, in the place of `cloud`."},
			"project": providerschema.StringAttribute{Optional: true, MarkdownDescription: "Id or name of the project of everything that says none. `CAIRN_PROJECT`, `OS_PROJECT_ID`, `OS_PROJECT_NAME`, else the cloud's default project, unless set."},
			"region":  providerschema.StringAttribute{Optional: true, MarkdownDescription: "Region of everything that says none. `CAIRN_REGION`, `OS_REGION_NAME`, unless set."},
			"plan_reservations": providerschema.BoolAttribute{Optional: true, MarkdownDescription: "Has a plan reserve the ids, addresses and whatever else cairn chooses for new objects that have a `name`, and show them. " +
				"Without it they are known after apply. A reservation that is not applied ends by itself. `CAIRN_PLAN_RESERVATIONS`."},
			"reservation_time": providerschema.StringAttribute{Optional: true, MarkdownDescription: "How long a plan's reservations last, such as `1h`. 15 minutes, unless set."},
		},
	}
}

func (p *Provider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var s settings
	if resp.Diagnostics.Append(req.Config.Get(ctx, &s)...); resp.Diagnostics.HasError() {
		return
	}
	if !req.Config.Raw.IsFullyKnown() {
		if req.ClientCapabilities.DeferralAllowed {
			resp.Deferred = &provider.Deferred{Reason: provider.DeferredReasonProviderConfigUnknown}
			return
		}
		// What can be planned without a cloud is; the rest says what is missing.
		resp.ResourceData, resp.DataSourceData, resp.ListResourceData = (*cloud)(nil), (*cloud)(nil), (*cloud)(nil)
		return
	}
	c := p.open(ctx, s, &resp.Diagnostics)
	if c == nil {
		return
	}
	p.mu.Lock()
	p.clouds = append(p.clouds, c)
	p.mu.Unlock()
	resp.ResourceData, resp.DataSourceData, resp.ListResourceData = c, c, c
}

// A cloud is what one provider block is about.
type cloud struct {
	shut func() error
	work *planner.Session
}

// session is nil as long as the provider's configuration is not known.
func (c *cloud) session() *planner.Session {
	if c == nil {
		return nil
	}
	return c.work
}

func (c *cloud) close(ctx context.Context) error { return errors.Join(c.work.Close(ctx), c.shut()) }

// open opens the cloud that a provider block names.
func (p *Provider) open(ctx context.Context, s settings, diags *diag.Diagnostics) *cloud {
	reserve, err := s.reserve()
	if err != nil {
		diags.AddAttributeError(path.Root("reservation_time"), "Unsuitable time", remedy(err))
		return nil
	}
	at, where, err := s.cloud()
	if err != nil {
		diags.AddAttributeError(path.Root(at), "The cloud can't be opened", remedy(err))
		return nil
	}
	stack := first(s.Stack.ValueString(), os.Getenv("CAIRN_STACK"))
	if stack == "" {
		if stack, err = folderName(); err != nil {
			diags.AddAttributeError(path.Root("stack"), "The stack has no name", remedy(err))
			return nil
		}
	}
	if !lang.StackName(stack) {
		diags.AddAttributeError(path.Root("stack"), fmt.Sprintf("%q can't be the name of a stack", stack), "A name begins with a letter and has letters, digits, - and _. Write stack = \"name\" into the provider block.")
		return nil
	}
	// The cloud outlives the call that configures it.
	opened, shut, err := site.Open(context.WithoutCancel(ctx), where, p.types)
	if err != nil {
		diags.AddAttributeError(path.Root(at), "The cloud can't be opened", remedy(err))
		return nil
	}
	c := &cloud{shut: shut}
	c.work = planner.OpenSession(opened, planner.SessionOptions{Stack: stack, Front: state.Terraform, Command: "terraform", Reserve: reserve, Gone: p.Gone, Given: planner.Given{
		Project: first(s.Project.ValueString(), os.Getenv("CAIRN_PROJECT"), os.Getenv("OS_PROJECT_ID"), os.Getenv("OS_PROJECT_NAME")),
		Region:  first(s.Region.ValueString(), os.Getenv("CAIRN_REGION"), os.Getenv("OS_REGION_NAME")),
	}})
	if err := c.work.Check(ctx); err != nil {
		diags.AddAttributeError(path.Root("stack"), "The stack can't be used", remedy(err))
		_ = c.close(ctx)
		return nil
	}
	return c
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func (s settings) reserve() (time.Duration, error) {
	on := s.Reservations.ValueBool()
	if s.Reservations.IsNull() {
		switch v := os.Getenv("CAIRN_PLAN_RESERVATIONS"); v {
		case "", "0", "false":
		default:
			on = true
		}
	}
	text := first(s.ReserveFor.ValueString(), "15m")
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 24*time.Hour {
		return 0, fmt.Errorf("%q is no time between 1s and 24h, such as 15m", text)
	}
	if !on {
		return 0, nil
	}
	return d, nil
}

// cloud finds the cloud's facts; at is the attribute that says where they are.
func (s settings) cloud() (at string, c *facts.Cloud, err error) {
	if text := s.Config.ValueString(); text != "" {
		if !s.Cloud.IsNull() {
			return "config", nil, errors.New("the cloud is given twice: take cloud or config out")
		}
		dir, err := os.Getwd()
		if err != nil {
			return "config", nil, err
		}
		c, _, diags := cloudfile.Parse([]byte(text), "config", dir)
		if diags.HasErrors() {
			return "config", nil, diags
		}
		return "config", c, nil
	}
	path, err := cloudfile.Find(first(s.Cloud.ValueString(), os.Getenv("CAIRN_CLOUD")), ".")
	if err != nil {
		return "cloud", nil, err
	}
	if path == "" {
		dir, err := os.Getwd()
		return "cloud", cloudfile.Default(dir), err
	}
	c, _, diags := cloudfile.Load(path)
	if diags.HasErrors() {
		return "cloud", nil, diags
	}
	return "cloud", c, nil
}

func folderName() (string, error) {
	dir, err := os.Getwd()
	return filepath.Base(dir), err
}

func (p *Provider) Resources(context.Context) []func() resource.Resource {
	all := make([]func() resource.Resource, len(p.resources))
	for i, d := range p.resources {
		all[i] = func() resource.Resource { return &managed{declared: d} }
	}
	return all
}

func (p *Provider) DataSources(context.Context) []func() datasource.DataSource {
	all := make([]func() datasource.DataSource, len(p.data))
	for i, d := range p.data {
		all[i] = func() datasource.DataSource { return &source{declared: d} }
	}
	return all
}

// ListResources lets every type be listed.
func (p *Provider) ListResources(context.Context) []func() list.ListResource {
	all := make([]func() list.ListResource, len(p.resources))
	for i, d := range p.resources {
		all[i] = func() list.ListResource { return &listed{managed{declared: d}} }
	}
	return all
}

// Functions are the language's own that Terraform lacks.
func (p *Provider) Functions(context.Context) []func() function.Function {
	var all []func() function.Function
	for name, f := range lang.Beyond() {
		all = append(all, func() function.Function { return called{name, f} })
	}
	return all
}
