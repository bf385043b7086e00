package schema

import (
	"encoding/json"
	"fmt"
)

// Hidden is what stands where a sensitive value would.
const Hidden = "(sensitive value)"

// A Secret is a string that can't be printed, logged or encoded by accident.
type Secret struct{ value string }

// NewSecret wraps a sensitive string.
func NewSecret(s string) Secret { return Secret{s} }

// Reveal returns the string. Whoever calls it answers for where it goes.
func (s Secret) Reveal() string { return s.value }

func (Secret) String() string { return Hidden }

// Format keeps %v, %+v, %#v, %q and %x from reaching into the struct.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Hidden)) }

// MarshalJSON never gives the value away.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(Hidden) }

// mark is the type of the marks that cty values carry.
type mark string

// Sensitive is the mark of a cty value that must not be shown.
const Sensitive mark = "sensitive"
