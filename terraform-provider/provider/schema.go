package provider

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	data "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	resource "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// prefix is what a type of cairn's is called by in Terraform.
const prefix = lang.TerraformPrefix

// A declared is a resource type as Terraform sees it, made from its declaration
// once.
type declared struct {
	*schema.Type
	types *schema.Types
	// object is the type of the whole object in the protocol, with what Terraform
	// alone has: timeouts, and the second spelling of secrets.
	object   tftypes.Object
	resource func() resource.Schema
	data     func() data.Schema
}

// Attributes of Terraform alone. A secret s can be given as s_wo, which is kept
// nowhere; s_wo_version says when it is another one.
const (
	writeOnly        = "_wo"
	writeOnlyVersion = "_wo_version"
	timeoutsBlock    = "timeouts"
)

var timeoutsType = tftypes.Object{AttributeTypes: map[string]tftypes.Type{
	"create": tftypes.String, "read": tftypes.String, "update": tftypes.String, "delete": tftypes.String}}

func declare(types *schema.Types, t *schema.Type) *declared {
	d := &declared{Type: t, types: types}
	d.object = typeToTerraform(t.Object()).(tftypes.Object)
	if !t.DataOnly {
		for _, a := range d.secrets() {
			d.object.AttributeTypes[a.Name+writeOnly] = typeToTerraform(a.Type)
			d.object.AttributeTypes[a.Name+writeOnlyVersion] = tftypes.Number
		}
		d.object.AttributeTypes[timeoutsBlock] = timeoutsType
	}
	d.resource = sync.OnceValue(d.resourceSchema)
	d.data = sync.OnceValue(d.dataSchema)
	return d
}

// secrets are the attributes that an author may want to keep out of the state.
func (d *declared) secrets() []*schema.Attribute {
	var all []*schema.Attribute
	for _, a := range d.Attributes {
		if a.Sensitive && a.Settable {
			all = append(all, a)
		}
	}
	return all
}

func (d *declared) resourceSchema() resource.Schema {
	s := resource.Schema{Version: int64(d.Version), MarkdownDescription: d.Doc(), Attributes: map[string]resource.Attribute{},
		Blocks: map[string]resource.Block{timeoutsBlock: d.timeouts()}}
	for _, a := range d.Attributes {
		s.Attributes[a.Name] = d.attribute(a)
	}
	for _, a := range d.secrets() {
		s.Attributes[a.Name+writeOnly] = resource.StringAttribute{Optional: true, Sensitive: true, WriteOnly: true,
			MarkdownDescription: "The same as `" + a.Name + "`, and kept nowhere: neither in the plan nor in a state. Change `" + a.Name + writeOnlyVersion + "` with it."}
		s.Attributes[a.Name+writeOnlyVersion] = resource.NumberAttribute{Optional: true,
			MarkdownDescription: "Any number. Another one than before says that `" + a.Name + writeOnly + "` is another one."}
	}
	return s
}

// timeouts is the block that bounds the calls of a type.
func (d *declared) timeouts() resource.Block {
	b := resource.SingleNestedBlock{MarkdownDescription: "How long a call may take, such as `30s` or `10m`.", Attributes: map[string]resource.Attribute{}}
	bounds := d.Bounds()
	for word, unset := range map[string]time.Duration{"create": bounds.Create, "read": bounds.Read, "update": bounds.Update, "delete": bounds.Delete} {
		b.Attributes[word] = resource.StringAttribute{Optional: true, MarkdownDescription: fmt.Sprintf("Time for each %s. %s, unless set.", word, short(unset))}
	}
	return b
}

// short is a time as an author writes it: 10m, not 10m0s.
func short(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = strings.TrimSuffix(text, zero[1:])
		}
	}
	return text
}

// A role is what an attribute is to the author of a configuration.
type role struct {
	required, optional, computed, sensitive bool
	description                             string
}

func (d *declared) role(a *schema.Attribute, within *role) role {
	r := role{sensitive: a.Sensitive && a.Nested == nil, description: d.describe(a)}
	r.required = a.Required && !(a.Sensitive && a.Settable && within == nil)
	r.optional = a.Settable && !r.required
	r.computed = !r.required && (!a.Settable || a.Source != schema.Author || a.Default != cty.NilVal)
	if within != nil && !within.required && !within.optional {
		r.required, r.optional, r.computed = false, false, true
	}
	return r
}

// describe is the doc comment, with what the declaration says besides.
func (d *declared) describe(a *schema.Attribute) string {
	text := d.AttributeDoc(a)
	if facts := a.Facts(d.types); len(facts) > 0 {
		text += " (" + strings.Join(facts, "; ") + ")"
	}
	return strings.TrimSpace(text)
}

// attribute is one attribute of a resource, or of an object nested in it.
func (d *declared) attribute(a *schema.Attribute) resource.Attribute { return d.within(a, nil) }

func (d *declared) within(a *schema.Attribute, parent *role) resource.Attribute {
	r := d.role(a, parent)
	t := a.Type.WithoutOptionalAttributesDeep()
	if a.Nested != nil {
		object := resource.NestedAttributeObject{Attributes: map[string]resource.Attribute{}}
		for _, n := range a.Nested {
			object.Attributes[n.Name] = d.within(n, &r)
		}
		switch {
		case t.IsListType():
			return resource.ListNestedAttribute{NestedObject: object, Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
		case t.IsSetType():
			return resource.SetNestedAttribute{NestedObject: object, Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
		case t.IsMapType():
			return resource.MapNestedAttribute{NestedObject: object, Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
		}
		return resource.SingleNestedAttribute{Attributes: object.Attributes, Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
	}
	switch {
	case t == cty.String:
		return resource.StringAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
	case t == cty.Bool:
		return resource.BoolAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
	case t == cty.Number:
		return resource.NumberAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
	case t.IsListType():
		return resource.ListAttribute{ElementType: element(t), Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
	case t.IsSetType():
		return resource.SetAttribute{ElementType: element(t), Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
	case t.IsMapType():
		return resource.MapAttribute{ElementType: element(t), Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
	}
	return resource.DynamicAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: r.description}
}

// element is the framework's type of a collection's elements.
func element(t cty.Type) attr.Type { return frameworkType(t.ElementType()) }

func frameworkType(t cty.Type) attr.Type {
	switch {
	case t == cty.String:
		return types.StringType
	case t == cty.Bool:
		return types.BoolType
	case t == cty.Number:
		return types.NumberType
	case t.IsListType():
		return types.ListType{ElemType: element(t)}
	case t.IsSetType():
		return types.SetType{ElemType: element(t)}
	case t.IsMapType():
		return types.MapType{ElemType: element(t)}
	case t.IsObjectType():
		all := map[string]attr.Type{}
		for k, at := range t.AttributeTypes() {
			all[k] = frameworkType(at)
		}
		return types.ObjectType{AttrTypes: all}
	}
	return types.DynamicType
}

// dataSchema is the type as a data source. What nests is told, never asked for.
func (d *declared) dataSchema() data.Schema {
	s := data.Schema{MarkdownDescription: d.Doc(), Attributes: map[string]data.Attribute{}}
	for _, a := range d.Attributes {
		r := d.role(a, nil)
		r.computed = !r.required
		description := d.AttributeDoc(a)
		t := a.Type.WithoutOptionalAttributesDeep()
		switch {
		case t == cty.String:
			s.Attributes[a.Name] = data.StringAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		case t == cty.Bool:
			s.Attributes[a.Name] = data.BoolAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		case t == cty.Number:
			s.Attributes[a.Name] = data.NumberAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		case t.IsListType():
			s.Attributes[a.Name] = data.ListAttribute{ElementType: element(t), Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		case t.IsSetType():
			s.Attributes[a.Name] = data.SetAttribute{ElementType: element(t), Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		case t.IsMapType():
			s.Attributes[a.Name] = data.MapAttribute{ElementType: element(t), Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		case t.IsObjectType():
			s.Attributes[a.Name] = data.ObjectAttribute{AttributeTypes: frameworkType(t).(types.ObjectType).AttrTypes, Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		default:
			s.Attributes[a.Name] = data.DynamicAttribute{Required: r.required, Optional: r.optional, Computed: r.computed, Sensitive: r.sensitive, MarkdownDescription: description}
		}
	}
	return s
}
