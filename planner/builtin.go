package planner

import (
	"context"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// BuiltinStack is the name of the stack that every cloud has: the default
// project, its default security group, and what else a first stack needs.
const BuiltinStack = "cairn"

// LoadBuiltin loads the text of the built-in stack, with the file of its image.
func LoadBuiltin(types *schema.Types, text []byte, image string) (*lang.Stack, error) {
	const name = "builtin.stack.hcl"
	s, diags := lang.Load("/cairn", lang.Options{Types: types, Values: map[string]cty.Value{"image": cty.StringVal(image)}, Files: &lang.Bundle{
		Dir: "/cairn", Cwd: "/", Files: map[string][]byte{"/cairn/" + name: text}, Folders: map[string][]string{"/cairn": {name}},
	}})
	if diags.HasErrors() {
		return nil, fmt.Errorf("the built-in stack: %w", diags)
	}
	return s, nil
}

// builtinWait is how long an apply waits for another one that makes the built-in
// stack, which takes a moment.
const builtinWait = 30 * time.Second

// planned are the objects of the built-in stack that are not made yet: a plan in
// a new cloud sees them as they will be.
func (s *Site) planned(ctx context.Context) ([]*entity, error) {
	if s.Builtin == nil {
		return nil, nil
	}
	p, diags := Make(ctx, s, s.Builtin, Options{Refresh: RefreshNone})
	if diags.HasErrors() {
		return nil, fmt.Errorf("the built-in stack: %w", diags)
	}
	var all []*entity
	for _, c := range p.Changes {
		if c.Action != Create { // what is made is in the records
			continue
		}
		planned := c.Planned
		all = append(all, &entity{stack: BuiltinStack, address: c.name, typ: c.Type, id: c.ID,
			value: func() (cty.Value, error) { return planned, nil }})
	}
	return all, nil
}

// EnsureBuiltin applies the built-in stack where something of it is missing.
func EnsureBuiltin(ctx context.Context, site *Site, who state.Holder) error {
	if site.Builtin == nil {
		return nil
	}
	p, diags := Make(ctx, site, site.Builtin, Options{Refresh: RefreshNone})
	if diags.HasErrors() {
		return fmt.Errorf("the built-in stack: %w", diags)
	}
	if p.Open == nil && len(p.Changes) == 0 {
		return nil
	}
	lease, err := site.Store.Lock(ctx, BuiltinStack, who, builtinWait)
	if err != nil {
		return fmt.Errorf("the built-in stack: %w", err)
	}
	defer func() { _ = lease.Release() }()
	if _, err := Recover(ctx, site, BuiltinStack, lease); err != nil {
		return fmt.Errorf("the built-in stack: %w", err)
	}
	if p, diags = Make(ctx, site, site.Builtin, Options{}); diags.HasErrors() {
		return fmt.Errorf("the built-in stack: %w", diags)
	}
	if len(p.Changes) == 0 {
		return nil
	}
	out, err := p.Apply(ctx, lease, ApplyOptions{Command: "apply"})
	if err == nil {
		err = out.Err()
	}
	if err != nil {
		return fmt.Errorf("the built-in stack: %w", err)
	}
	return nil
}

// PurgeBuiltin takes the built-in stack down, unless another stack still has
// objects that may use it.
func PurgeBuiltin(ctx context.Context, site *Site, who state.Holder) (gone bool, err error) {
	stacks, err := site.Store.Stacks(ctx)
	if err != nil {
		return false, err
	}
	for _, s := range stacks {
		if s.Name != BuiltinStack && s.Records > 0 {
			return false, nil
		}
	}
	lease, err := site.Store.Lock(ctx, BuiltinStack, who, builtinWait)
	if err != nil {
		return false, fmt.Errorf("the built-in stack: %w", err)
	}
	defer func() { _ = lease.Release() }()
	p, diags := Make(ctx, site, site.Builtin, Options{Destroy: true})
	if diags.HasErrors() {
		return false, fmt.Errorf("the built-in stack: %w", diags)
	}
	if p.Empty() {
		return true, site.Systems.Purge(ctx)
	}
	out, err := p.Apply(ctx, lease, ApplyOptions{Command: "destroy"})
	if err == nil {
		err = out.Err()
	}
	if err != nil {
		return false, fmt.Errorf("the built-in stack: %w", err)
	}
	return true, site.Systems.Purge(ctx)
}
