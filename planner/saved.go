package planner

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/resources/schema"
)

// Saved is a plan as a file keeps it: the configuration that it was made from
// and what it came to. Carrying it out makes the plan again, from the same
// configuration and the same state, and refuses if it comes to anything else.
type Saved struct {
	Format  int
	Cairn   string // version of the program that made it
	Cloud   string
	Stack   string
	Dir     string
	Serial  int64
	Options Options
	Sources []byte
	Digest  []byte
}

// savedFormat is the newest form that this program knows.
const savedFormat = 1

// savedMark begins every plan file.
const savedMark = "cairn plan\n"

// maxSaved bounds a plan file, unpacked.
const maxSaved = 1 << 30

// ErrNoPlan is what is no plan file at all.
var ErrNoPlan = errors.New("it is no plan of cairn")

// Save writes a plan to a file that only its owner can read.
func (p *Plan) Save(path, version string) error {
	sources, err := p.Sources()
	if err != nil {
		return err
	}
	s := Saved{Format: savedFormat, Cairn: version, Cloud: p.site.Store.CloudID(), Stack: p.Stack, Dir: p.conf.Dir,
		Serial: p.Serial, Options: p.Options, Sources: sources, Digest: p.digest()}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	b := bytes.NewBufferString(savedMark)
	z := gzip.NewWriter(b)
	_, _ = z.Write(sum[:])
	_, _ = z.Write(text)
	if err := z.Close(); err != nil {
		return err
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	return nil
}

// ReadSaved reads a plan file.
func ReadSaved(path string) (*Saved, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	packed, ok := bytes.CutPrefix(b, []byte(savedMark))
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, ErrNoPlan)
	}
	text, err := unzip(packed)
	if err != nil || len(text) < sha256.Size || sha256.Sum256(text[sha256.Size:]) != [sha256.Size]byte(text) {
		return nil, fmt.Errorf("%s is damaged or cut off: plan again", path)
	}
	var s Saved
	if err := json.Unmarshal(text[sha256.Size:], &s); err != nil {
		return nil, fmt.Errorf("%s can't be understood: %w", path, err)
	}
	if s.Format > savedFormat {
		return nil, fmt.Errorf("%s was written by cairn %s, which is newer than this one: use that version, or plan again", path, s.Cairn)
	}
	return &s, nil
}

func unzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(z, maxSaved+1))
	if err == nil && len(text) > maxSaved {
		err = errors.New("too large")
	}
	return text, err
}

// Plan makes a saved plan again. What changed since is an error that says so.
func (s *Saved) Plan(ctx context.Context, site *Site) (*Plan, *lang.Stack, hcl.Diagnostics) {
	if id := site.Store.CloudID(); id != s.Cloud {
		return nil, nil, hcl.Diagnostics{problem("The plan is for another cloud", fmt.Sprintf("It was made for the cloud %s, and this is %s. Plan again here.", s.Cloud, id), nil)}
	}
	conf, diags := Unpack(site, s.Sources)
	if diags.HasErrors() {
		return nil, conf, diags
	}
	snap, err := site.Store.Snapshot(ctx, s.Stack)
	if err != nil {
		return nil, conf, append(diags, problem("The state can't be read", err.Error(), nil))
	}
	if snap.Serial != s.Serial {
		return nil, conf, append(diags, problem("The plan is out of date", fmt.Sprintf("Stack %s was changed since: it was at %d and is at %d. Plan again.", s.Stack, s.Serial, snap.Serial), nil))
	}
	p, d := Make(ctx, site, conf, s.Options)
	if diags = append(diags, d...); diags.HasErrors() {
		return nil, conf, diags
	}
	if !bytes.Equal(p.digest(), s.Digest) {
		return nil, conf, append(diags, problem("The plan is out of date", "What is real was changed since: the same configuration comes to something else now. Plan again.", nil))
	}
	return p, conf, diags
}

// digest is what a plan comes to, in a few bytes.
func (p *Plan) digest() []byte {
	h := sha256.New()
	for _, c := range p.Changes {
		fmt.Fprintf(h, "%s\n%s\n%s\n%s\n", c.name, c.Deposed, c.Action, c.ID)
		if c.Planned != cty.NilVal {
			clear, secret := c.Type.Encode(c.Planned)
			h.Write(clear)
			if secret != nil {
				h.Write(p.site.Keys.Hash(secret))
			}
		}
	}
	return h.Sum(nil)
}

// packed is a configuration on its way through a file or the history.
type packed struct {
	Dir    string
	Bundle []byte
	// Values of the root variables by name, in JSON with their types. Those that
	// hold anything sensitive are sealed together.
	Values map[string]json.RawMessage
	Sealed []byte
}

// Sources is the whole configuration that the plan was made from.
func (p *Plan) Sources() ([]byte, error) {
	bundle, err := p.conf.Bundle().MarshalBinary()
	if err != nil {
		return nil, err
	}
	x := packed{Dir: p.conf.Dir, Bundle: bundle, Values: map[string]json.RawMessage{}}
	secret := map[string]json.RawMessage{}
	for name, v := range p.Variables() {
		plain, marks := v.UnmarkDeep()
		text, err := ctyjson.Marshal(plain, cty.DynamicPseudoType)
		if err != nil {
			return nil, fmt.Errorf("variable %s: %w", name, err)
		}
		if len(marks) > 0 {
			secret[name] = text
		} else {
			x.Values[name] = text
		}
	}
	if len(secret) > 0 {
		text, err := json.Marshal(secret)
		if err != nil {
			return nil, err
		}
		if x.Sealed, err = p.site.Keys.Seal(text, []byte("variables")); err != nil {
			return nil, err
		}
	}
	return json.Marshal(x)
}

// Unpack reads a configuration that Sources wrote.
func Unpack(site *Site, sources []byte) (*lang.Stack, hcl.Diagnostics) {
	bad := func(err error) (*lang.Stack, hcl.Diagnostics) {
		return nil, hcl.Diagnostics{problem("The configuration that was kept can't be read", err.Error()+".", nil)}
	}
	var x packed
	if err := json.Unmarshal(sources, &x); err != nil {
		return bad(err)
	}
	bundle := &lang.Bundle{}
	if err := bundle.UnmarshalBinary(x.Bundle); err != nil {
		return bad(err)
	}
	values := map[string]cty.Value{}
	add := func(texts map[string]json.RawMessage, secret bool) error {
		for name, text := range texts {
			v, err := ctyjson.Unmarshal(text, cty.DynamicPseudoType)
			if err != nil {
				return fmt.Errorf("variable %s: %w", name, err)
			}
			if secret {
				v = v.Mark(schema.Sensitive)
			}
			values[name] = v
		}
		return nil
	}
	if err := add(x.Values, false); err != nil {
		return bad(err)
	}
	if x.Sealed != nil {
		text, err := site.Keys.Unseal(x.Sealed, []byte("variables"))
		if err != nil {
			return bad(err)
		}
		var secret map[string]json.RawMessage
		if err := json.Unmarshal(text, &secret); err != nil {
			return bad(err)
		}
		if err := add(secret, true); err != nil {
			return bad(err)
		}
	}
	return lang.Load(x.Dir, lang.Options{Types: site.Types, Files: bundle, Values: values})
}
