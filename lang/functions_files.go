package lang

import (
	"encoding/base64"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// path is where a function finds a file: relative to the stack's folder.
func (s *Stack) path(p string) string {
	if p = s.expand(p); !filepath.IsAbs(p) {
		p = filepath.Join(s.Dir, p)
	}
	return p
}

func (s *Stack) expand(p string) string {
	if home := s.files.record.Home; home != "" && (p == "~" || strings.HasPrefix(p, "~/")) {
		return home + p[1:]
	}
	return p
}

func (s *Stack) read(p string) ([]byte, error) {
	b, err := s.files.read(s.path(p))
	if err != nil {
		return nil, function.NewArgErrorf(0, "%s can't be read: %s", p, err)
	}
	return b, nil
}

func (s *Stack) fileFunc() function.Function {
	return texts(func(a ...string) (string, error) {
		b, err := s.read(a[0])
		if err != nil {
			return "", err
		}
		if !utf8.Valid(b) {
			return "", function.NewArgErrorf(0, "%s is not UTF-8; filebase64 reads any file", a[0])
		}
		return string(b), nil
	}, "path")
}

func (s *Stack) fileBase64Func() function.Function {
	return texts(func(a ...string) (string, error) {
		b, err := s.read(a[0])
		return base64.StdEncoding.EncodeToString(b), err
	}, "path")
}

func (s *Stack) fileHash(h func([]byte) string) function.Function {
	return texts(func(a ...string) (string, error) {
		b, err := s.read(a[0])
		if err != nil {
			return "", err
		}
		return h(b), nil
	}, "path")
}

func (s *Stack) fileExistsFunc() function.Function {
	return define(cty.Bool, func(args []cty.Value) (cty.Value, error) {
		p := s.path(args[0].AsString())
		// The listing answers, so that the answer is part of the bundle.
		names, err := s.files.list(filepath.Dir(p))
		if err != nil {
			return cty.False, nil
		}
		if slices.Contains(names, filepath.Base(p)+"/") {
			return cty.NilVal, function.NewArgErrorf(0, "%s is a folder", args[0].AsString())
		}
		return cty.BoolVal(slices.Contains(names, filepath.Base(p))), nil
	}, str("path"))
}

// maxSet bounds the files that fileset looks at.
const maxSet = 100_000

func (s *Stack) fileSetFunc() function.Function {
	return define(cty.Set(cty.String), func(args []cty.Value) (cty.Value, error) {
		pattern := path.Clean(args[1].AsString())
		if _, err := path.Match(pattern, ""); err != nil {
			return cty.NilVal, function.NewArgErrorf(1, "%q is no pattern such as *.yaml or **/*.yaml", pattern)
		}
		var all [][]string
		for _, p := range alternatives(pattern, 0) {
			all = append(all, strings.Split(p, "/"))
		}
		root := s.path(args[0].AsString())
		if _, err := s.files.list(root); err != nil {
			return cty.NilVal, function.NewArgErrorf(0, "%s can't be read: %s", args[0].AsString(), err)
		}
		var found []cty.Value
		seen := 0
		var visit func(rel string, depth int) error
		visit = func(rel string, depth int) error {
			names, err := s.files.list(filepath.Join(root, rel))
			if err != nil || depth > 64 {
				return nil // a folder that may not be read has no files for us
			}
			for _, n := range names {
				if seen++; seen > maxSet {
					return function.NewArgErrorf(0, "there are more than %d files below %s", maxSet, args[0].AsString())
				}
				name, dir := strings.CutSuffix(n, "/")
				at := path.Join(rel, name)
				parts := strings.Split(at, "/")
				switch {
				case dir && slices.ContainsFunc(all, func(p []string) bool { return leads(p, parts) }):
					if err := visit(at, depth+1); err != nil {
						return err
					}
				case !dir && slices.ContainsFunc(all, func(p []string) bool { return matches(p, parts) }):
					found = append(found, cty.StringVal(at))
				}
			}
			return nil
		}
		if err := visit("", 0); err != nil {
			return cty.NilVal, err
		}
		if len(found) == 0 {
			return cty.SetValEmpty(cty.String), nil
		}
		return cty.SetVal(found), nil
	}, str("path"), str("pattern"))
}

// alternatives writes out {a,b}.
func alternatives(p string, depth int) []string {
	open := strings.IndexByte(p, '{')
	end := strings.IndexByte(p, '}')
	if open < 0 || end < open || depth > 6 {
		return []string{p}
	}
	var all []string
	for part := range strings.SplitSeq(p[open+1:end], ",") {
		all = append(all, alternatives(p[:open]+part+p[end+1:], depth+1)...)
	}
	return all
}

// matches reports whether a path fits a pattern, ** being any number of folders.
func matches(pattern, parts []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for len(pattern) > 1 && pattern[1] == "**" {
				pattern = pattern[1:]
			}
			for i := range len(parts) + 1 {
				if matches(pattern[1:], parts[i:]) {
					return true
				}
			}
			return len(pattern) == 1
		}
		if len(parts) == 0 {
			return false
		}
		if ok, _ := path.Match(pattern[0], parts[0]); !ok {
			return false
		}
		pattern, parts = pattern[1:], parts[1:]
	}
	return len(parts) == 0
}

// leads reports whether files below a folder can fit a pattern.
func leads(pattern, folder []string) bool {
	for i, part := range folder {
		if i >= len(pattern) {
			return false
		}
		if pattern[i] == "**" {
			return true
		}
		if ok, _ := path.Match(pattern[i], part); !ok {
			return false
		}
	}
	return len(pattern) > len(folder)
}

func (s *Stack) absPathFunc() function.Function {
	return texts(func(a ...string) (string, error) {
		p := s.path(a[0])
		if !filepath.IsAbs(p) {
			p = filepath.Join(s.cwd, p)
		}
		return filepath.ToSlash(p), nil
	}, "path")
}

func (s *Stack) pathExpandFunc() function.Function {
	return texts(func(a ...string) (string, error) { return s.expand(a[0]), nil }, "path")
}

// templateFunc is templatefile: a file with ${ } in it, and what stands there.
func (s *Stack) templateFunc(all map[string]function.Function) function.Function {
	functions := maps.Clone(all)
	parsed := map[string]hclsyntax.Expression{}
	render := func(args []cty.Value) (cty.Value, error) {
		p := args[0].AsString()
		x := parsed[p]
		if x == nil {
			b, err := s.read(p)
			if err != nil {
				return cty.NilVal, err
			}
			if !utf8.Valid(b) {
				return cty.NilVal, function.NewArgErrorf(0, "%s is not UTF-8", p)
			}
			if why, _ := excess(string(b), true); why != "" {
				return cty.NilVal, function.NewArgErrorf(0, "%s has %s", p, why)
			}
			t, diags := hclsyntax.ParseTemplate(b, p, hcl.InitialPos)
			if diags.HasErrors() {
				return cty.NilVal, templateError(diags)
			}
			parsed[p], x = t, t
		}
		ctx := &hcl.EvalContext{Functions: functions, Variables: map[string]cty.Value{}}
		for it := args[1].ElementIterator(); it.Next(); {
			k, v := it.Element()
			if !hclName(k.AsString()) {
				return cty.NilVal, function.NewArgErrorf(1, "%q can't be a name in a template", k.AsString())
			}
			ctx.Variables[k.AsString()] = v
		}
		for _, t := range x.Variables() {
			if _, ok := ctx.Variables[t.RootName()]; !ok {
				return cty.NilVal, function.NewArgErrorf(1, "%s, line %d, speaks of %q, which is not given.%s", p, t.SourceRange().Start.Line, t.RootName(), meant(t.RootName(), keys(ctx.Variables)))
			}
		}
		v, diags := x.Value(ctx)
		if diags.HasErrors() {
			return cty.NilVal, templateError(diags)
		}
		return v, nil
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{str("path"), {Name: "vars", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if !args[0].IsKnown() || !args[1].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			if t := args[1].Type(); !t.IsObjectType() && !t.IsMapType() {
				return cty.NilType, function.NewArgErrorf(1, "must be an object, such as { name = \"a\" }")
			}
			v, err := render(args)
			if err != nil {
				return cty.NilType, err
			}
			return v.Type(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

func templateError(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			if d.Subject != nil {
				return fmt.Errorf("%s: %s: %s", at(*d.Subject), d.Summary, d.Detail)
			}
			return fmt.Errorf("%s: %s", d.Summary, d.Detail)
		}
	}
	return nil
}
