package lang

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding/ianaindex"
)

// hashes by the name of the function.
var hashes = map[string]func([]byte) string{
	"md5":          func(b []byte) string { x := md5.Sum(b); return hex.EncodeToString(x[:]) },
	"sha1":         func(b []byte) string { x := sha1.Sum(b); return hex.EncodeToString(x[:]) },
	"sha256":       func(b []byte) string { x := sha256.Sum256(b); return hex.EncodeToString(x[:]) },
	"sha512":       func(b []byte) string { x := sha512.Sum512(b); return hex.EncodeToString(x[:]) },
	"base64sha256": func(b []byte) string { x := sha256.Sum256(b); return base64.StdEncoding.EncodeToString(x[:]) },
	"base64sha512": func(b []byte) string { x := sha512.Sum512(b); return base64.StdEncoding.EncodeToString(x[:]) },
}

func hashOf(h func([]byte) string) function.Function {
	return texts(func(s ...string) (string, error) { return h([]byte(s[0])), nil }, "str")
}

// texts makes a function from strings to a string.
func texts(f func(args ...string) (string, error), names ...string) function.Function {
	params := make([]function.Parameter, len(names))
	for i, n := range names {
		params[i] = str(n)
	}
	return define(cty.String, func(args []cty.Value) (cty.Value, error) {
		in := make([]string, len(args))
		for i, a := range args {
			in[i] = a.AsString()
		}
		out, err := f(in...)
		if err != nil {
			return cty.NilVal, err
		}
		return cty.StringVal(out), nil
	}, params...)
}

func textTest(f func(s, part string) bool, part string) function.Function {
	return define(cty.Bool, func(args []cty.Value) (cty.Value, error) {
		return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
	}, str("str"), str(part))
}

var (
	startsWith  = textTest(strings.HasPrefix, "prefix")
	endsWith    = textTest(strings.HasSuffix, "suffix")
	strContains = textTest(strings.Contains, "substr")

	// replace takes a regular expression between slashes.
	replace = texts(func(s ...string) (string, error) {
		text, what, with := s[0], s[1], s[2]
		if len(what) > 1 && what[0] == '/' && what[len(what)-1] == '/' {
			re, err := regexp.Compile(what[1 : len(what)-1])
			if err != nil {
				return "", function.NewArgError(1, err)
			}
			return re.ReplaceAllString(text, with), nil
		}
		return strings.ReplaceAll(text, what, with), nil
	}, "str", "substr", "replace")

	base64Encode = texts(func(s ...string) (string, error) { return base64.StdEncoding.EncodeToString([]byte(s[0])), nil }, "str")

	base64Decode = texts(func(s ...string) (string, error) {
		b, err := base64.StdEncoding.DecodeString(s[0])
		if err != nil {
			return "", function.NewArgErrorf(0, "it is not base64: %s", err)
		}
		if !utf8.Valid(b) {
			return "", function.NewArgErrorf(0, "what it decodes to is not UTF-8")
		}
		return string(b), nil
	}, "str")

	base64Gzip = texts(func(s ...string) (string, error) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write([]byte(s[0])); err != nil {
			return "", err
		}
		if err := z.Close(); err != nil {
			return "", err
		}
		return base64.StdEncoding.EncodeToString(b.Bytes()), nil
	}, "str")

	textEncode = texts(func(s ...string) (string, error) {
		e, err := ianaindex.IANA.Encoding(s[1])
		if err != nil || e == nil {
			return "", function.NewArgErrorf(1, "%q is no known encoding", s[1])
		}
		out, err := e.NewEncoder().Bytes([]byte(s[0]))
		if err != nil {
			return "", function.NewArgErrorf(0, "a character has no place in %s", s[1])
		}
		return base64.StdEncoding.EncodeToString(out), nil
	}, "string", "encoding")

	textDecode = texts(func(s ...string) (string, error) {
		e, err := ianaindex.IANA.Encoding(s[1])
		if err != nil || e == nil {
			return "", function.NewArgErrorf(1, "%q is no known encoding", s[1])
		}
		b, err := base64.StdEncoding.DecodeString(s[0])
		if err != nil {
			return "", function.NewArgErrorf(0, "it is not base64: %s", err)
		}
		out, err := e.NewDecoder().Bytes(b)
		if err != nil {
			return "", function.NewArgErrorf(0, "it is not text in %s", s[1])
		}
		return string(out), nil
	}, "source", "encoding")

	urlEncode = texts(func(s ...string) (string, error) { return url.QueryEscape(s[0]), nil }, "str")
	baseName  = texts(func(s ...string) (string, error) { return filepath.Base(s[0]), nil }, "path")
	dirName   = texts(func(s ...string) (string, error) { return filepath.Dir(s[0]), nil }, "path")

	uuidV5 = texts(func(s ...string) (string, error) {
		spaces := map[string]uuid.UUID{"dns": uuid.NameSpaceDNS, "url": uuid.NameSpaceURL, "oid": uuid.NameSpaceOID, "x500": uuid.NameSpaceX500}
		space, ok := spaces[s[0]]
		if !ok {
			var err error
			if space, err = uuid.Parse(s[0]); err != nil {
				return "", function.NewArgErrorf(0, "must be dns, url, oid, x500 or a UUID")
			}
		}
		return uuid.NewSHA1(space, []byte(s[1])).String(), nil
	}, "namespace", "name")

	timeCmp = define(cty.Number, func(args []cty.Value) (cty.Value, error) {
		var at [2]time.Time
		for i := range at {
			var err error
			if at[i], err = time.Parse(time.RFC3339, args[i].AsString()); err != nil {
				return cty.NilVal, function.NewArgErrorf(i, "%q is no time such as 2026-01-02T15:04:05Z", args[i].AsString())
			}
		}
		return cty.NumberIntVal(int64(at[0].Compare(at[1]))), nil
	}, str("timestamp_a"), str("timestamp_b"))
)
