package planner

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// encode is an object as a record or intent keeps it: clear JSON, and its
// sensitive attributes sealed for the object's id.
func encode(s *Site, t *schema.Type, id string, v cty.Value) (clear, sealed []byte, err error) {
	clear, secret := t.Encode(v)
	if secret == nil {
		return clear, nil, nil
	}
	sealed, err = s.Keys.Seal(secret, []byte(id))
	return clear, sealed, err
}

func unseal(s *Site, id string, sealed []byte) ([]byte, error) {
	if sealed == nil {
		return nil, nil
	}
	return s.Keys.Unseal(sealed, []byte(id))
}

func hashOf(s *Site, t *schema.Type, v cty.Value) []byte {
	clear, secret := t.Encode(v)
	return t.Hash(clear, secret, s.Keys.Hash)
}

func encodeOutput(s *Site, name string, v cty.Value, sensitive bool) (state.Output, error) {
	plain, _ := v.UnmarkDeep()
	text, err := ctyjson.Marshal(plain, cty.DynamicPseudoType)
	if err != nil {
		return state.Output{}, fmt.Errorf("output %s: %w", name, err)
	}
	o := state.Output{Name: name, Sensitive: sensitive}
	if !sensitive {
		o.Value = text
		return o, nil
	}
	o.Secret, err = s.Keys.Seal(text, []byte("output "+name))
	return o, err
}

func decodeOutput(s *Site, o state.Output) (cty.Value, error) {
	text := o.Value
	if o.Sensitive {
		var err error
		if text, err = s.Keys.Unseal(o.Secret, []byte("output "+o.Name)); err != nil {
			return cty.NilVal, err
		}
	}
	v, err := ctyjson.Unmarshal(text, cty.DynamicPseudoType)
	if err != nil {
		return cty.NilVal, err
	}
	if o.Sensitive {
		v = v.Mark(schema.Sensitive)
	}
	return v, nil
}

// wantHash is a hash of all that the author asks for: the attributes, and the
// bytes of files that they name.
func wantHash(s *Site, t *schema.Type, want cty.Value) ([]byte, error) {
	clear, secret := t.Encode(want)
	if _, ok := t.New().(schema.Fingerprinter); ok {
		object, err := t.ToGo(want)
		if err != nil {
			return nil, nil // the check of the values says it better
		}
		print, err := object.(schema.Fingerprinter).Fingerprint()
		if err != nil {
			return nil, err
		}
		clear = append(clear, print...)
	}
	return t.Hash(clear, secret, s.Keys.Hash), nil
}
