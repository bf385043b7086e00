// Package seal keeps the secrets of a state from whoever reads its database:
// it seals bytes, hashes them under a key, and streams bytes from a key. All
// keys are in one file, which lies apart from the database.
package seal

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// ErrLostKey answers an Unseal for which there is no key: the keyset is
// another one than it was sealed with, or what was sealed has been altered.
var ErrLostKey = errors.New("the key is lost")

// Keys are the keys of one file. They are safe for concurrent use.
type Keys struct {
	path string
	mu   sync.Mutex
	seal tink.AEAD // nil: the file has not been read
	prf  *prf.Set
}

// Lazy are the keys of a file that is read when they are first needed, and made
// when something is first sealed, hashed or streamed.
func Lazy(path string) *Keys { return &Keys{path: path} }

// Open reads a keyset, or makes one where there is none.
func Open(path string) (*Keys, error) {
	k := Lazy(path)
	return k, k.load(true)
}

// Seal encrypts what Unseal opens again, given the same context. The context
// is not kept: it says where the blob belongs, so that no other takes its place.
func (k *Keys) Seal(plaintext, context []byte) ([]byte, error) {
	if err := k.load(true); err != nil {
		return nil, err
	}
	blob, err := k.seal.Encrypt(plaintext, context)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return blob, nil
}

// Unseal opens what Seal made, or answers ErrLostKey. It makes no keyset.
func (k *Keys) Unseal(blob, context []byte) ([]byte, error) {
	if err := k.load(false); err != nil {
		return nil, err
	}
	plaintext, err := k.seal.Decrypt(blob, context)
	if err != nil {
		return nil, fmt.Errorf("%w: no key in %s opens it, or it was altered", ErrLostKey, k.path)
	}
	return plaintext, nil
}

// Hash is 32 bytes that are the same for the same data, and that nobody
// without the key can tell from chance, or find the data by. Without a key it
// is equal to no other, so that nothing is taken for unchanged; Seal and Err
// say why.
func (k *Keys) Hash(data []byte) []byte {
	sum, err := k.block("hash", data, 32)
	if err != nil {
		sum = make([]byte, 32)
		_, _ = rand.Read(sum)
	}
	return sum
}

// Err reads the keyset, or makes it, and says why that can't be done.
func (k *Keys) Err() error { return k.load(true) }

// Stream gives the same endless bytes for the same label. Nobody without the
// key can tell them from chance.
func (k *Keys) Stream(label string) io.Reader { return &stream{keys: k, label: label} }

type stream struct {
	keys  *Keys
	label string
	block uint64
	rest  []byte
}

// blockSize is below what HKDF-SHA256 can give at a time: 255 hashes.
const blockSize = 1024

func (s *stream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		var err error
		if s.rest, err = s.keys.block("stream", binary.BigEndian.AppendUint64([]byte(s.label), s.block), blockSize); err != nil {
			return 0, err
		}
		s.block++
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// block is n bytes from the primary key, which uses for different purposes keep apart.
func (k *Keys) block(purpose string, data []byte, n uint32) ([]byte, error) {
	if err := k.load(true); err != nil {
		return nil, err
	}
	return k.prf.ComputePrimaryPRF(append(append([]byte(purpose), 0), data...), n)
}
