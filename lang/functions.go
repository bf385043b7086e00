package lang

import (
	"time"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions is the table of a stack's functions, with Terraform's names and
// results. It is made once a stack.
func functions(s *Stack) map[string]function.Function {
	f := map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "chomp": stdlib.ChompFunc, "chunklist": stdlib.ChunklistFunc,
		"coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc,
		"contains": stdlib.ContainsFunc, "csvdecode": stdlib.CSVDecodeFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "floor": stdlib.FloorFunc, "format": stdlib.FormatFunc,
		"formatdate": stdlib.FormatDateFunc, "formatlist": stdlib.FormatListFunc, "indent": stdlib.IndentFunc, "join": stdlib.JoinFunc,
		"jsondecode": stdlib.JSONDecodeFunc, "jsonencode": stdlib.JSONEncodeFunc, "keys": stdlib.KeysFunc, "log": stdlib.LogFunc,
		"lower": stdlib.LowerFunc, "max": stdlib.MaxFunc, "merge": stdlib.MergeFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc,
		"pow": stdlib.PowFunc, "range": stdlib.RangeFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"reverse": stdlib.ReverseListFunc, "setintersection": stdlib.SetIntersectionFunc, "setproduct": boundedProduct,
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc, "signum": stdlib.SignumFunc, "slice": stdlib.SliceFunc,
		"sort": stdlib.SortFunc, "split": stdlib.SplitFunc, "strrev": stdlib.ReverseFunc, "substr": stdlib.SubstrFunc,
		"timeadd": stdlib.TimeAddFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc, "values": stdlib.ValuesFunc,
		"zipmap": stdlib.ZipmapFunc,

		"try": tryfunc.TryFunc, "can": tryfunc.CanFunc,
		"yamldecode": ctyyaml.YAMLDecodeFunc, "yamlencode": ctyyaml.YAMLEncodeFunc,

		"tostring": stdlib.MakeToFunc(cty.String), "tonumber": stdlib.MakeToFunc(cty.Number), "tobool": stdlib.MakeToFunc(cty.Bool),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)), "toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),
		"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),

		"alltrue": allTrue, "anytrue": anyTrue, "coalesce": coalesce, "index": indexOf, "length": length, "lookup": lookup,
		"matchkeys": matchKeys, "one": one, "sum": sum, "transpose": transpose,
		"sensitive": sensitive, "nonsensitive": nonsensitive, "issensitive": isSensitive,

		"startswith": startsWith, "endswith": endsWith, "strcontains": strContains, "replace": replace,
		"base64encode": base64Encode, "base64decode": base64Decode, "textencodebase64": textEncode, "textdecodebase64": textDecode,
		"urlencode": urlEncode, "basename": baseName, "dirname": dirName, "uuidv5": uuidV5, "timecmp": timeCmp,
		"base64gzip": base64Gzip,

		"cidrhost": cidrHost, "cidrnetmask": cidrNetmask, "cidrsubnet": cidrSubnet, "cidrsubnets": cidrSubnets,
	}
	for name, h := range hashes {
		f[name] = hashOf(h)
		f["file"+name] = s.fileHash(h)
	}
	for _, name := range []string{"base64sha256", "base64sha512"} {
		f["file"+name] = s.fileHash(hashes[name])
	}
	f["file"], f["filebase64"], f["fileexists"], f["fileset"] = s.fileFunc(), s.fileBase64Func(), s.fileExistsFunc(), s.fileSetFunc()
	f["abspath"], f["pathexpand"] = s.absPathFunc(), s.pathExpandFunc()
	f["plantimestamp"] = function.New(&function.Spec{Type: function.StaticReturnType(cty.String), Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
		return cty.StringVal(s.Time.UTC().Format(time.RFC3339)), nil
	}})
	f["timestamp"] = function.New(&function.Spec{Type: function.StaticReturnType(cty.String), Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
		if s.clock.IsZero() {
			return cty.UnknownVal(cty.String), nil
		}
		return cty.StringVal(s.clock.UTC().Format(time.RFC3339)), nil
	}})
	for name, x := range beyond {
		f[name], f[ProviderFunctions+name] = x, x
	}
	// A template sees every function but itself.
	f["templatefile"] = s.templateFunc(f)
	return f
}

// define makes a function of fixed parameter and result types.
func define(ret cty.Type, impl func(args []cty.Value) (cty.Value, error), params ...function.Parameter) function.Function {
	return function.New(&function.Spec{Params: params, Type: function.StaticReturnType(ret),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return impl(args) }})
}

func str(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.String} }

func num(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.Number} }
