package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/zclconf/go-cty/cty"
	ctyfunction "github.com/zclconf/go-cty/cty/function"
)

// A called is one of the language's functions that Terraform does not have:
// provider::cairn::NAME.
type called struct {
	name string
	f    ctyfunction.Function
}

func (c called) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = c.name
}

func (c called) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	d := function.Definition{Summary: c.f.Description(), MarkdownDescription: c.f.Description()}
	var types []cty.Type
	for _, p := range c.f.Params() {
		d.Parameters = append(d.Parameters, parameter(p))
		types = append(types, p.Type)
	}
	if p := c.f.VarParam(); p != nil {
		d.VariadicParameter = parameter(*p)
	}
	d.Return = function.DynamicReturn{}
	if t, err := c.f.ReturnType(types); err == nil && t == cty.String {
		d.Return = function.StringReturn{}
	}
	resp.Definition = d
}

func parameter(p ctyfunction.Parameter) function.Parameter {
	switch p.Type {
	case cty.String:
		return function.StringParameter{Name: p.Name, MarkdownDescription: p.Description}
	case cty.Number:
		return function.NumberParameter{Name: p.Name, MarkdownDescription: p.Description}
	case cty.Bool:
		return function.BoolParameter{Name: p.Name, MarkdownDescription: p.Description}
	}
	return function.DynamicParameter{Name: p.Name, MarkdownDescription: p.Description}
}

func (c called) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	args, err := c.arguments(ctx, req.Arguments)
	if err != nil {
		resp.Error = function.NewFuncError(err.Error())
		return
	}
	v, err := c.f.Call(args)
	var arg ctyfunction.ArgError
	switch {
	case errors.As(err, &arg):
		resp.Error = function.NewArgumentFuncError(int64(arg.Index), arg.Error())
		return
	case err != nil:
		resp.Error = function.NewFuncError(err.Error())
		return
	}
	t := frameworkType(v.Type())
	raw, err := toTerraform(v, typeToTerraform(v.Type()))
	var out attr.Value
	if err == nil {
		out, err = t.ValueFromTerraform(ctx, raw)
	}
	if err != nil {
		resp.Error = function.NewFuncError(err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, out)
}

// arguments are the function's arguments as the language has them; those of a
// variadic parameter come as one tuple.
func (c called) arguments(ctx context.Context, data function.ArgumentsData) ([]cty.Value, error) {
	n := len(c.f.Params())
	if c.f.VarParam() != nil {
		n++
	}
	var args []cty.Value
	for i := range n {
		var v attr.Value
		if err := data.GetArgument(ctx, i, &v); err != nil {
			return nil, err
		}
		raw, err := v.ToTerraformValue(ctx)
		if err != nil {
			return nil, err
		}
		x, err := fromTerraform(raw, cty.DynamicPseudoType)
		if err != nil {
			return nil, err
		}
		if i == len(c.f.Params()) {
			args = append(args, x.AsValueSlice()...)
			continue
		}
		args = append(args, x)
	}
	return args, nil
}
