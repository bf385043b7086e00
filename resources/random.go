package resources

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"

	"github.com/cairncloud/cairn/resources/schema"
)

// RandomID is a number of random bytes in several spellings, for names that
// must be unique. It stays the same until its keepers change.
type RandomID struct {
	// ID is the bytes in URL-safe base64.
	ID string `hcl:"id" plan:"assigned" from:"b64_url"`

	// Keepers are arbitrary values: when one changes, new bytes are drawn.
	Keepers map[string]string `hcl:"keepers,optional" plan:"replace"`

	// ByteLength is how many bytes are drawn.
	ByteLength int `hcl:"byte_length" plan:"replace" check:"min=1,max=1024"`

	// Prefix stands before each spelling.
	Prefix string `hcl:"prefix,optional" plan:"replace"`

	// B64URL is the bytes in URL-safe base64 without padding.
	B64URL string `hcl:"b64_url" plan:"assigned"`

	// B64Std is the bytes in base64 with padding.
	B64Std string `hcl:"b64_std" plan:"assigned"`

	// Hex is the bytes in lower-case hexadecimal.
	Hex string `hcl:"hex" plan:"assigned"`

	// Dec is the bytes as one big-endian number.
	Dec string `hcl:"dec" plan:"assigned"`
}

// Claims draws the bytes.
func (r *RandomID) Claims(_ schema.World, l schema.Ledger) error {
	if r.Hex != "" {
		return nil
	}
	b := make([]byte, r.ByteLength)
	if _, err := io.ReadFull(l.Stream("result"), b); err != nil {
		return err
	}
	r.B64URL = r.Prefix + base64.RawURLEncoding.EncodeToString(b)
	r.B64Std = r.Prefix + base64.StdEncoding.EncodeToString(b)
	r.Hex = r.Prefix + hex.EncodeToString(b)
	r.Dec = r.Prefix + new(big.Int).SetBytes(b).String()
	return nil
}

// RandomString is a string of random characters. It is shown in plans; use
// random_password for what must stay secret.
type RandomString struct {
	// ID is the string itself.
	ID string `hcl:"id" plan:"assigned" from:"result"`

	alphabet

	// Result is the string.
	Result string `hcl:"result" plan:"assigned"`
}

// Claims draws the string.
func (r *RandomString) Claims(_ schema.World, l schema.Ledger) (err error) {
	if r.Result == "" {
		r.Result, err = r.draw(l.Stream("result"))
	}
	return err
}

// RandomPassword is a random string that is never shown and is sealed in the state.
type RandomPassword struct {
	// ID is always "none": the password itself would be shown.
	ID string `hcl:"id" plan:"assigned"`

	alphabet

	// Result is the password.
	Result schema.Secret `hcl:"result" plan:"assigned"`
}

// Claims draws the password.
func (r *RandomPassword) Claims(_ schema.World, l schema.Ledger) error {
	r.ID = "none"
	if r.Result.Reveal() != "" {
		return nil
	}
	s, err := r.draw(l.Stream("result"))
	r.Result = schema.NewSecret(s)
	return err
}

// Alphabet is the characters that a string is drawn from.
type alphabet struct {
	// Keepers are arbitrary values: when one changes, a new string is drawn.
	Keepers map[string]string `hcl:"keepers,optional" plan:"replace"`

	// Length in characters.
	Length int `hcl:"length" plan:"replace" check:"min=1,max=4096"`

	// Lower allows lower-case letters.
	Lower *bool `hcl:"lower,optional" plan:"replace" default:"true"`

	// MinLower is the least number of lower-case letters.
	MinLower int `hcl:"min_lower,optional" plan:"replace" check:"min=0"`

	// Upper allows upper-case letters.
	Upper *bool `hcl:"upper,optional" plan:"replace" default:"true"`

	// MinUpper is the least number of upper-case letters.
	MinUpper int `hcl:"min_upper,optional" plan:"replace" check:"min=0"`

	// Numeric allows digits.
	Numeric *bool `hcl:"numeric,optional" plan:"replace" default:"true"`

	// MinNumeric is the least number of digits.
	MinNumeric int `hcl:"min_numeric,optional" plan:"replace" check:"min=0"`

	// Special allows punctuation.
	Special *bool `hcl:"special,optional" plan:"replace" default:"true"`

	// MinSpecial is the least number of punctuation characters.
	MinSpecial int `hcl:"min_special,optional" plan:"replace" check:"min=0"`

	// OverrideSpecial lists the punctuation to draw from.
	OverrideSpecial string `hcl:"override_special,optional" plan:"replace"`
}

// Check reports a string that can't be drawn.
func (a *alphabet) Check() error {
	least := a.MinLower + a.MinUpper + a.MinNumeric + a.MinSpecial
	switch {
	case len(a.classes()) == 0:
		return schema.Problem{Attribute: "lower", Summary: "No characters to draw from", Detail: "Allow at least one of lower, upper, numeric and special."}
	case least > a.Length:
		return schema.Problem{Attribute: "length", Summary: "The string is too short", Detail: fmt.Sprintf("The least numbers of characters add up to %d, and length is %d.", least, a.Length)}
	}
	return nil
}

type class struct {
	chars string
	least int
}

func (a *alphabet) classes() []class {
	punctuation := a.OverrideSpecial
	if punctuation == "" {
		punctuation = "!@#$%&*()-_=+[]{}<>:?"
	}
	var all []class
	add := func(allowed *bool, chars string, least int) {
		if allowed == nil || *allowed || least > 0 {
			all = append(all, class{chars, least})
		}
	}
	add(a.Lower, "abcdefghijklmnopqrstuvwxyz", a.MinLower)
	add(a.Upper, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", a.MinUpper)
	add(a.Numeric, "0123456789", a.MinNumeric)
	add(a.Special, punctuation, a.MinSpecial)
	return all
}

// draw takes the least number of each class, fills up from all, and shuffles.
// Every choice is uniform.
func (a *alphabet) draw(random io.Reader) (string, error) {
	var all, out []rune
	d := dice{random: random}
	for _, c := range a.classes() {
		chars := []rune(c.chars)
		all = append(all, chars...)
		for range c.least {
			out = append(out, chars[d.roll(len(chars))])
		}
	}
	for len(out) < a.Length {
		out = append(out, all[d.roll(len(all))])
	}
	for i := len(out) - 1; i > 0; i-- {
		j := d.roll(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return string(out), d.err
}

type dice struct {
	random io.Reader
	err    error
}

// roll is a uniform number below n, by rejection.
func (d *dice) roll(n int) int {
	limit := (1 << 16) / n * n
	for d.err == nil {
		var b [2]byte
		if _, d.err = io.ReadFull(d.random, b[:]); d.err != nil {
			break
		}
		if v := int(b[0])<<8 | int(b[1]); v < limit {
			return v % n
		}
	}
	return 0
}
