package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
)

// DefaultPath is CAIRN_KEYSET, or keyset.json in cairn's folder of the user's
// configuration.
func DefaultPath() (string, error) {
	if path := os.Getenv("CAIRN_KEYSET"); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the keyset: %w; set CAIRN_KEYSET to a file", err)
	}
	return filepath.Join(dir, "cairn", "keyset.json"), nil
}

// A file holds two keysets as Tink writes them in the clear: their keys are of
// different kinds, and Tink's keysets are of one.
type file struct {
	Note string          `json:"note"`
	Seal json.RawMessage `json:"seal"` // AEAD
	Hash json.RawMessage `json:"hash"` // PRF, for hashes and streams
}

const note = "The keys of cairn's secrets. Without this file they can't be read again: keep a copy, and keep it from others."

// load reads the file once; where there is none it is made, if it may be.
func (k *Keys) load(make bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seal != nil {
		return nil
	}
	text, err := os.ReadFile(k.path)
	if errors.Is(err, fs.ErrNotExist) {
		if !make {
			return fmt.Errorf("%w: there is no keyset %s", ErrLostKey, k.path)
		}
		if text, err = create(k.path); err != nil {
			return fmt.Errorf("make the keyset %s: %w", k.path, err)
		}
	}
	if err != nil {
		return fmt.Errorf("read the keyset: %w", err)
	}
	if err := k.parse(text); err != nil {
		return fmt.Errorf("the keyset %s is damaged; restore it from a copy: %w", k.path, err)
	}
	return nil
}

func (k *Keys) parse(text []byte) error {
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return err
	}
	h, err := open(f.Hash)
	if err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	set, err := prf.NewPRFSet(h)
	if err != nil {
		return fmt.Errorf("hash: %w", err)
	}
	if h, err = open(f.Seal); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	sealer, err := aead.New(h)
	if err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	k.seal, k.prf = sealer, set
	return nil
}

func open(text json.RawMessage) (*keyset.Handle, error) {
	if len(text) == 0 {
		return nil, errors.New("no keys")
	}
	return insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
}

func generate(template *tinkpb.KeyTemplate) (json.RawMessage, error) {
	h, err := keyset.NewHandle(template)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = insecurecleartextkeyset.Write(h, keyset.NewJSONWriter(&b))
	return b.Bytes(), err
}

// create makes a keyset and answers what the file holds then: the keyset of
// whoever was first. The file is never there in part.
func create(path string) (text []byte, err error) {
	f := file{Note: note}
	if f.Seal, err = generate(aead.AES256GCMKeyTemplate()); err != nil {
		return nil, err
	}
	if f.Hash, err = generate(prf.HKDFSHA256PRFKeyTemplate()); err != nil {
		return nil, err
	}
	if text, err = json.MarshalIndent(f, "", "\t"); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	name, err := write(dir, append(text, '\n'))
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(name) }()
	// A link, unlike a rename, doesn't replace what another process made.
	if err := os.Link(name, path); err != nil && !errors.Is(err, fs.ErrExist) {
		// A file system without links.
		if err := os.Rename(name, path); err != nil {
			return nil, err
		}
	}
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // not every file system can
		_ = d.Close()
	}
	return os.ReadFile(path)
}

// write makes a durable file of mode 0600 in a folder.
func write(dir string, text []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, ".keyset-*")
	if err != nil {
		return "", err
	}
	if _, err = f.Write(text); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return f.Name(), err
}
