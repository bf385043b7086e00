// Package tfstate reads a state of Terraform's or OpenTofu's: which objects of
// cairn's provider it has, and under which addresses. It takes nothing else from
// one: what the objects are, cairn knows itself.
package tfstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/cairncloud/cairn/resources/address"
)

// Limits of what is read.
const (
	MaxBytes   = 1 << 30
	maxObjects = 1_000_000
)

// An Object is one object of the provider in a state.
type Object struct {
	Address             address.Object // the type without the provider's prefix
	ID                  string
	Deposed             string
	Tainted             bool
	CreateBeforeDestroy bool
	Deps                []string // addresses of blocks, as records of cairn's have them
}

// An Output is a root output of a state.
type Output struct {
	Name      string
	Value     cty.Value
	Sensitive bool
}

// A State is what is read of a state.
type State struct {
	Objects []Object
	Outputs []Output
}

type file struct {
	Version   int               `json:"version"`
	Outputs   map[string]output `json:"outputs"`
	Resources []resource        `json:"resources"`
}

type resource struct {
	Module    string     `json:"module"`
	Mode      string     `json:"mode"`
	Type      string     `json:"type"`
	Name      string     `json:"name"`
	Provider  string     `json:"provider"`
	Instances []instance `json:"instances"`
}

type output struct {
	Value     json.RawMessage `json:"value"`
	Type      json.RawMessage `json:"type"`
	Sensitive bool            `json:"sensitive"`
}

type instance struct {
	Key        json.RawMessage `json:"index_key"`
	Deposed    string          `json:"deposed"`
	Status     string          `json:"status"`
	First      bool            `json:"create_before_destroy"`
	Attributes struct {
		ID string `json:"id"`
	} `json:"attributes"`
	Private []byte   `json:"private"` // base64 of JSON
	Deps    []string `json:"dependencies"`
}

// Read lists the objects of a provider's types, which have its prefix, and the
// outputs. Other objects are passed over: they are some other provider's.
func Read(text []byte, prefix string) (*State, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("it has %d bytes, and %d is the limit", len(text), MaxBytes)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("it is no state of Terraform's: %w", err)
	}
	if f.Version != 4 {
		return nil, fmt.Errorf("it has version %d of the format, and 4 is read: have a Terraform of this decade write it anew with `terraform refresh`", f.Version)
	}
	var all State
	for _, r := range f.Resources {
		name, ours := strings.CutPrefix(r.Type, prefix)
		if r.Mode != "managed" || !ours {
			continue
		}
		for _, i := range r.Instances {
			o, err := r.object(name, i, prefix)
			if err != nil {
				return nil, fmt.Errorf("%s.%s: %w", r.Type, r.Name, err)
			}
			if all.Objects = append(all.Objects, o); len(all.Objects) > maxObjects {
				return nil, fmt.Errorf("it has more than %d objects", maxObjects)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Outputs)) {
		x := f.Outputs[name]
		t, err := ctyjson.UnmarshalType(x.Type)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		v, err := ctyjson.Unmarshal(x.Value, t)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		all.Outputs = append(all.Outputs, Output{name, v, x.Sensitive})
	}
	return &all, nil
}

func (r *resource) object(typ string, i instance, prefix string) (Object, error) {
	key, err := keyOf(i.Key)
	if err != nil {
		return Object{}, err
	}
	o := Object{Address: address.Object{Module: r.Module, Type: typ, Name: r.Name, Key: key},
		ID: i.Attributes.ID, Deposed: i.Deposed, Tainted: i.Status == "tainted", CreateBeforeDestroy: i.First}
	// It must be one that cairn can read again.
	if _, err := address.Parse(o.Address.String()); err != nil {
		return o, err
	}
	if own := besides(i.Private); own != "" {
		o.ID = own
	}
	if o.ID == "" {
		return o, errors.New("it has no id")
	}
	for _, d := range i.Deps {
		if x, ok := block(d, prefix); ok {
			o.Deps = append(o.Deps, x)
		}
	}
	return o, nil
}

func keyOf(raw json.RawMessage) (address.Key, error) {
	var n *int
	var s *string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return address.NoKey, nil
	case json.Unmarshal(raw, &n) == nil && n != nil:
		return address.Int(*n), nil
	case json.Unmarshal(raw, &s) == nil && s != nil:
		return address.String(*s), nil
	}
	return address.NoKey, fmt.Errorf("the key %.100s is neither a number nor a text", raw)
}

// besides is the id that the provider keeps beside an object's attributes.
func besides(private []byte) string {
	var keys map[string][]byte
	if json.Unmarshal(private, &keys) != nil {
		return ""
	}
	var own struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(keys["cairn"], &own) != nil {
		return ""
	}
	return own.ID
}

// block is the address of a block that something depends on; data blocks and
// others' are none of cairn's.
func block(text, prefix string) (string, bool) {
	i := strings.LastIndex(text, prefix)
	if i < 0 || i > 0 && text[i-1] != '.' || strings.HasSuffix(text[:i], "data.") {
		return "", false
	}
	t, err := address.ParseTarget(text[:i] + text[i+len(prefix):])
	if err != nil {
		return "", false
	}
	return t.Block().String(), true
}
