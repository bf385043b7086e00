package address

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Target is an address as a person may write it for -target or moved: an
// object, all instances of a block (Type set, no key given), or a module.
type Target struct {
	Object
	// Whole: every instance of the block or module call is meant, because the last
	// step has no key.
	Whole bool
}

// IsModule reports whether the target is a module, not an object.
func (t Target) IsModule() bool { return t.Type == "" }

// Covers reports whether an object is meant by the target.
func (t Target) Covers(o Object) bool {
	if t.IsModule() {
		if t.Whole && StaticModule(t.Module) == t.Module {
			m := StaticModule(o.Module)
			return m == t.Module || strings.HasPrefix(m, t.Module+".")
		}
		return o.Below(t.Module)
	}
	p := o.Parent()
	if t.Whole {
		p.Key = NoKey
	}
	return p == t.Parent()
}

// Parse reads the address of one object, as Object.String writes it.
func Parse(s string) (Object, error) {
	t, err := ParseTarget(s)
	if err != nil {
		return Object{}, err
	}
	if t.IsModule() {
		return Object{}, fmt.Errorf("%s is a module, not a resource", s)
	}
	return t.Object, nil
}

// ParseTarget reads the address of an object, a block or a module.
func ParseTarget(s string) (Target, error) {
	var t Target
	rest := s
	bad := func(why string) (Target, error) {
		return Target{}, fmt.Errorf("%q is no address: %s (an address looks like network.erp, volume.data[2] or module.tier[\"web\"].instance.web)", s, why)
	}
	if !utf8.ValidString(s) {
		return bad("it is not UTF-8")
	}
	var steps []string
	for {
		word := takeWord(rest)
		if word == "" {
			return bad("a name is missing")
		}
		rest = rest[len(word):]
		if word != "module" || len(steps) > 0 {
			steps = append(steps, word)
			if len(rest) > 0 && rest[0] == '.' && len(steps) < 3 {
				rest = rest[1:]
				continue
			}
			break
		}
		if !strings.HasPrefix(rest, ".") {
			return bad("the module has no name")
		}
		name := takeWord(rest[1:])
		if name == "" {
			return bad("the module has no name")
		}
		rest = rest[1+len(name):]
		key, after, err := takeKey(rest)
		if err != nil {
			return bad(err.Error())
		}
		rest = after
		t.Module = Child(t.Module, name, key)
		t.Whole = key == NoKey
		if rest == "" {
			return t, nil
		}
		if rest[0] != '.' {
			return bad("unexpected " + strconv.Quote(rest))
		}
		rest = rest[1:]
	}
	if steps[0] == "data" {
		t.Data = true
		steps = steps[1:]
	} else if steps[0] == "resource" && len(steps) == 3 {
		steps = steps[1:]
	}
	if len(steps) != 2 {
		return bad("it needs a type and a name")
	}
	t.Type, t.Name = steps[0], steps[1]
	key, rest, err := takeKey(rest)
	if err != nil {
		return bad(err.Error())
	}
	t.Key, t.Whole = key, key == NoKey
	if len(rest) > 1 && rest[0] == '/' {
		t.Owned, rest = rest[1:], ""
	}
	if rest != "" {
		return bad("unexpected " + strconv.Quote(rest))
	}
	return t, nil
}

func takeWord(s string) string {
	for i, r := range s {
		if r == '_' || r == '-' && i > 0 || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' && i > 0 || r > 127 {
			continue
		}
		return s[:i]
	}
	return s
}

func takeKey(s string) (Key, string, error) {
	if !strings.HasPrefix(s, "[") {
		return NoKey, s, nil
	}
	if !strings.HasPrefix(s, `["`) {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return NoKey, s, fmt.Errorf("a bracket is not closed")
		}
		n, err := strconv.Atoi(s[1:end])
		if err != nil || n < 0 {
			return NoKey, s, fmt.Errorf("%s is neither a number nor a quoted string", s[1:end])
		}
		return Int(n), s[end+1:], nil
	}
	var b strings.Builder
	for i := 2; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			if !strings.HasPrefix(s[i+1:], "]") {
				return NoKey, s, fmt.Errorf("a bracket is not closed")
			}
			return String(b.String()), s[i+2:], nil
		case '\\':
			i++
			if i == len(s) {
				return NoKey, s, fmt.Errorf("a quote is not closed")
			}
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
			case 'r':
				b.WriteByte('\r')
			case 't':
				b.WriteByte('\t')
			default:
				b.WriteByte(s[i])
			}
		case '$', '%':
			b.WriteByte(c)
			if strings.HasPrefix(s[i+1:], string(c)+"{") {
				i++
			}
		default:
			b.WriteByte(c)
		}
	}
	return NoKey, s, fmt.Errorf("a quote is not closed")
}
