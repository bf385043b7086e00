package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/state/seal"
)

const childVariable = "CAIRN_TEST_KEYSET"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		k, err := seal.Open(path)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Printf("%x", k.Hash([]byte("x")))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, path string) *seal.Keys {
	t.Helper()
	k, err := seal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestUnseal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mine, other := open(t, filepath.Join(dir, "a", "keyset.json")), open(t, filepath.Join(dir, "b.json"))
	again := open(t, filepath.Join(dir, "a", "keyset.json"))
	blob, err := mine.Seal([]byte("secret"), []byte("here"))
	if err != nil {
		t.Fatal(err)
	}
	altered := bytes.Clone(blob)
	altered[len(altered)-1]++
	for _, c := range []struct {
		reason  string
		keys    *seal.Keys
		blob    []byte
		context string
		lost    bool
	}{
		{"the same keys", mine, blob, "here", false},
		{"the same file, read again", again, blob, "here", false},
		{"a blob that was put in another's place", mine, blob, "there", true},
		{"another keyset", other, blob, "here", true},
		{"altered", mine, altered, "here", true},
		{"cut off", mine, blob[:3], "here", true},
		{"nothing", mine, nil, "here", true},
		{"a keyset that is gone is not made anew to read with", seal.Lazy(filepath.Join(dir, "none")), blob, "here", true},
	} {
		got, err := c.keys.Unseal(c.blob, []byte(c.context))
		if c.lost != errors.Is(err, seal.ErrLostKey) || !c.lost && string(got) != "secret" {
			t.Errorf("%s: %q, %v", c.reason, got, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("a keyset was made for reading")
	}
}

func TestSealLaw(t *testing.T) {
	t.Parallel()
	k := open(t, filepath.Join(t.TempDir(), "keyset.json"))
	rapid.Check(t, func(rt *rapid.T) {
		plain, context := rapid.SliceOf(rapid.Byte()).Draw(rt, "plain"), rapid.SliceOf(rapid.Byte()).Draw(rt, "context")
		blob, err := k.Seal(plain, context)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := k.Unseal(blob, context)
		if err != nil || !bytes.Equal(got, plain) {
			rt.Fatalf("%x, %v", got, err)
		}
		if len(plain) > 8 && bytes.Contains(blob, plain) {
			rt.Fatal("it can be read")
		}
	})
}

func TestKeyset(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "cairn", "keyset.json")
	k := seal.Lazy(path)
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("keys that nobody asked for were made")
	}
	k.Hash([]byte("x"))
	for p, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", filepath.Base(p), info, err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		text   []byte
	}{
		{"empty", nil},
		{"cut off", text[:len(text)/2]},
		{"not JSON", []byte("hello")},
		{"without keys", []byte("{}")},
		{"with keys of another kind", bytes.ReplaceAll(text, []byte("HkdfPrfKey"), []byte("AesGcmKey"))},
	} {
		bad := filepath.Join(t.TempDir(), "keyset.json")
		if err := os.WriteFile(bad, c.text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := seal.Open(bad)
		if err == nil || !strings.Contains(err.Error(), bad) || !strings.Contains(err.Error(), "restore it") || errors.Is(err, seal.ErrLostKey) {
			t.Errorf("%s: %v", c.reason, err)
		}
		if after, _ := os.ReadFile(bad); !bytes.Equal(after, c.text) {
			t.Errorf("%s: it was overwritten", c.reason)
		}
		broken := seal.Lazy(bad)
		if bytes.Equal(broken.Hash([]byte("x")), broken.Hash([]byte("x"))) || broken.Err() == nil {
			t.Errorf("%s: without a key nothing may look unchanged", c.reason)
		}
		if _, err := broken.Stream("x").Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: a stream from no key", c.reason)
		}
	}
}

func TestDefaultPath(t *testing.T) {
	t.Setenv("CAIRN_KEYSET", "/elsewhere/keys")
	if p, err := seal.DefaultPath(); err != nil || p != "/elsewhere/keys" {
		t.Error(p, err)
	}
	t.Setenv("CAIRN_KEYSET", "")
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	if p, err := seal.DefaultPath(); err != nil || filepath.Base(p) != "keyset.json" || filepath.Base(filepath.Dir(p)) != "cairn" {
		t.Error(p, err)
	}
}

func TestProcessesRaceForTheKeyset(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "new", "keyset.json")
	hashes := make(chan string)
	const racers = 6
	for range racers {
		go func() {
			c := exec.Command(self)
			c.Env = append(os.Environ(), childVariable+"="+path)
			out, err := c.CombinedOutput()
			hashes <- fmt.Sprint(string(out), err)
		}()
	}
	first := <-hashes
	for range racers - 1 {
		if h := <-hashes; h != first {
			t.Errorf("%s and %s: two keysets", first, h)
		}
	}
	if all, _ := os.ReadDir(filepath.Dir(path)); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	k, other := open(t, filepath.Join(dir, "a.json")), open(t, filepath.Join(dir, "b.json"))
	read := func(k *seal.Keys, label string, wrap func(io.Reader) io.Reader) string {
		b := make([]byte, 5000)
		if _, err := io.ReadFull(wrap(k.Stream(label)), b); err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	same := func(r io.Reader) io.Reader { return r }
	one := read(k, "x", same)
	if one != read(k, "x", same) || one != read(k, "x", iotest.HalfReader) {
		t.Error("the same label gives the same bytes, however they are read")
	}
	if one == read(k, "y", same) || one == read(other, "x", same) {
		t.Error("another label or key gives others")
	}
	if one[:1024] == one[1024:2048] {
		t.Error("it repeats itself")
	}
	again := k.Hash([]byte("x"))
	if !bytes.Equal(k.Hash([]byte("x")), again) || len(k.Hash(nil)) != 32 || bytes.Equal(k.Hash([]byte("x")), other.Hash([]byte("x"))) {
		t.Error("a hash is of the data and the key")
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	const hidden = "(sensitive value)"
	for _, c := range []struct {
		reason  string
		secrets []string
		text    string
		want    string
	}{
		{"as it is", []string{"hunter2"}, "user bob, password hunter2: refused", "user bob, password " + hidden + ": refused"},
		{"twice", []string{"hunter2"}, "hunter2 hunter2", hidden + " " + hidden},
		{"by %q", []string{"a\"b\n\tc"}, fmt.Sprintf("bad value %q", "a\"b\n\tc"), `bad value "` + hidden + `"`},
		{"by %q, in ASCII", []string{"pässwörd"}, fmt.Sprintf("bad value %+q", "pässwörd"), `bad value "` + hidden + `"`},
		{"as JSON", []string{"a<b>&\"c"}, `{"p":"a\u003cb\u003e\u0026\"c"}`, `{"p":"` + hidden + `"}`},
		{"as JSON without the escapes of HTML", []string{"a<b>&\"c"}, `{"p":"a<b>&\"c"}`, `{"p":"` + hidden + `"}`},
		{"in base64, as user data and Ceph keys are", []string{"hunter22"}, "userdata aHVudGVyMjI= rejected", "userdata " + hidden + " rejected"},
		{"in base64 without its end", []string{"hunter22"}, "t=aHVudGVyMjI&", "t=" + hidden + "&"},
		{"in a URL", []string{"p@ss w/d"}, "https://bob:p%40ss%20w%2Fd@host and ?p=p%40ss+w%2Fd", "https://bob:" + hidden + "@host and ?p=" + hidden},
		{"in XML", []string{"a<b&c"}, "<graphics passwd='a&lt;b&amp;c'/>", "<graphics passwd='" + hidden + "'/>"},
		{"in hex", []string{"key"}, "0x6b6579", "0x" + hidden},
		{"one that holds another goes whole", []string{"hunter", "hunter22"}, "it is hunter22", "it is " + hidden},
		{"two that overlap leave no end of either", []string{"abcdef", "defghi"}, "<abcdefghi>", "<" + hidden + ">"},
		{"two bytes are found in any text", []string{"is", ""}, "this is text", "this is text"},
		{"a word of what stands in its place", []string{"value"}, "value", hidden},
		{"none", nil, "text", "text"},
	} {
		r := seal.NewRedactor()
		for _, s := range c.secrets {
			r.Add(s)
		}
		if got := r.Redact(c.text); got != c.want {
			t.Errorf("%s: %s", c.reason, got)
		}
	}
}
