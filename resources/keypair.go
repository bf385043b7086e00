package resources

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// Keypair is a public key that instances let in. cairn never sees the private one.
type Keypair struct {
	// ID of the key.
	ID string `hcl:"id" plan:"assigned"`

	// Name, unique among the project's keys: what instances name it by. The type and
	// the first characters of the id, unless set.
	Name string `hcl:"name,optional" plan:"assigned,replace" check:"len=255"`

	// ProjectID is whose the key is. The default project, unless set.
	ProjectID schema.Ref[Project] `hcl:"project_id,optional" plan:"assigned,replace"`

	// PublicKey in OpenSSH's form: a line such as ssh-ed25519 AAAA... comment.
	PublicKey string `hcl:"public_key" plan:"replace" check:"len=16384"`

	// Fingerprint is the key's SHA-256, as ssh-keygen -l prints it.
	Fingerprint string `hcl:"fingerprint" plan:"assigned"`
}

// keyTypes are the algorithms of OpenSSH's public keys that guests may know.
var keyTypes = []string{"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
	"sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}

// Check reports a line that is no public key.
func (k *Keypair) Check() error {
	_, err := publicKey(k.PublicKey)
	return err
}

// publicKey is the binary key of a line in OpenSSH's form (RFC 4253 section 6.6).
func publicKey(line string) ([]byte, error) {
	wrong := func(detail string) error {
		return schema.Problem{Attribute: "public_key", Summary: "The public key can't be read", Detail: detail}
	}
	if strings.Contains(line, "PRIVATE KEY") {
		return nil, wrong("It is a private key, which must not leave its owner. The public one is in the file that ends in .pub.")
	}
	words := strings.Fields(line)
	if len(words) < 2 || strings.ContainsAny(strings.TrimSpace(line), "\r\n") {
		return nil, wrong("It is one line of a type, the key in base64, and a comment, as ssh-keygen writes into the file that ends in .pub.")
	}
	if !slices.Contains(keyTypes, words[0]) {
		return nil, wrong(fmt.Sprintf("%q is none of the types %s.", words[0], strings.Join(keyTypes, ", ")))
	}
	blob, err := base64.StdEncoding.DecodeString(words[1])
	if err != nil {
		return nil, wrong("Its second word is not base64. A part of it may be missing.")
	}
	fields, ok := sshFields(blob)
	if !ok || len(fields) < 2 || string(fields[0]) != words[0] {
		return nil, wrong(fmt.Sprintf("The key inside is no whole key of the type %s. A part of it may be missing.", words[0]))
	}
	return blob, nil
}

// sshFields takes a key apart: each part has its length before it (RFC 4251
// section 5).
func sshFields(b []byte) ([][]byte, bool) {
	var all [][]byte
	for len(b) > 0 {
		if len(b) < 4 || int64(binary.BigEndian.Uint32(b)) > int64(len(b)-4) {
			return nil, false
		}
		n := binary.BigEndian.Uint32(b)
		all = append(all, b[4:4+n])
		b = b[4+n:]
	}
	return all, true
}

// Claims takes the name.
func (k *Keypair) Claims(w schema.World, l schema.Ledger) error {
	o := object{ID: k.ID, Name: k.Name, ProjectID: k.ProjectID}
	if err := o.claim(w, l, "keypair", ""); err != nil {
		return err
	}
	k.ID, k.Name, k.ProjectID = o.ID, o.Name, o.ProjectID
	blob, err := publicKey(k.PublicKey)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(blob)
	k.Fingerprint = "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
	return nil
}
