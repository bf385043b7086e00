package intake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cairncloud/cairn/providers/intake"
	"github.com/cairncloud/cairn/resources"
)

// quick are limits that a test can wait for.
var quick = intake.Limits{Bytes: 32 << 20, Idle: 300 * time.Millisecond, Tries: 4, Pause: time.Millisecond, Kept: time.Hour}

func noise(seed, n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(int64(seed))).Read(b)
	return b
}

func sha(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// server answers the n-th request, from 0 on, by answers[n], and all later ones by
// the last.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	asked   []string // the Range of each request
	answers []http.HandlerFunc
}

func serve(t *testing.T, answers ...http.HandlerFunc) *server {
	t.Helper()
	s := &server{answers: answers}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := len(s.asked)
		s.asked = append(s.asked, r.Header.Get("Range"))
		s.mu.Unlock()
		s.answers[min(n, len(s.answers)-1)](w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) ranges() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

// good serves a file as any server does, by its ETag.
func good(b []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf("%q", sha(b)[:20]))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
	}
}

// part sends the first n bytes as part of all of them, then ends as it is told.
func part(b []byte, n int, end func(r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", fmt.Sprintf("%q", sha(b)[:20]))
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		_, _ = w.Write(b[:n])
		w.(http.Flusher).Flush()
		end(r)
	}
}

func breaks(*http.Request) { panic(http.ErrAbortHandler) }

func hangs(r *http.Request) { <-r.Context().Done() }

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func to(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", url)
		w.WriteHeader(http.StatusFound)
	}
}

// without serves through a handler with a header taken away from its answers, or
// from the question.
func without(header string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del(header)
		h(stripped{w, header}, r)
	}
}

type stripped struct {
	http.ResponseWriter
	header string
}

func (s stripped) WriteHeader(code int) {
	s.Header().Del(s.header)
	s.ResponseWriter.WriteHeader(code)
}

func (s stripped) Write(b []byte) (int, error) {
	s.Header().Del(s.header)
	return s.ResponseWriter.Write(b)
}

func (s stripped) Flush() { s.ResponseWriter.(http.Flusher).Flush() }

// left are the names in a folder.
func left(t *testing.T, dir string) string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".lock") {
			names = append(names, f.Name())
		}
	}
	return strings.Join(names, " ")
}

func TestDownloads(t *testing.T) {
	t.Parallel()
	file, other := noise(1, 3<<20), noise(2, 3<<20)
	half := len(file) / 2
	rest := fmt.Sprintf("bytes=%d-", half)
	for _, c := range []struct {
		reason  string
		answers []http.HandlerFunc
		asks    []string
	}{
		{"all at once", []http.HandlerFunc{good(file)}, []string{""}},
		{"what breaks off goes on", []http.HandlerFunc{part(file, half, breaks), good(file)}, []string{"", rest}},
		{"so does what hangs", []http.HandlerFunc{part(file, half, hangs), good(file)}, []string{"", rest}},
		{"a server that knows no ranges begins anew", []http.HandlerFunc{part(file, half, breaks), without("Range", good(file))}, []string{"", rest}},
		{"a file that was changed begins anew", []http.HandlerFunc{part(other, half, breaks), good(file)}, []string{"", rest}},
		{"a file that can't be told from another is never continued", []http.HandlerFunc{without("ETag", part(other, half, breaks)), good(file)}, []string{"", ""}},
		{"a weak tag tells nothing", []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("ETag", `W/"1"`)
			without("ETag-", part(other, half, breaks))(weak{w}, r)
		}, good(file)}, []string{"", ""}},
		{"a server that sends other bytes than it was asked for", []http.HandlerFunc{part(file, half, breaks), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes 7-%d/%d", len(file)-1, len(file)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(file[7:])
		}, good(file)}, []string{"", rest, ""}},
		{"a part of a file with another tag", []http.HandlerFunc{part(file, half, breaks), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"another"`)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(file)-1, len(file)))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(other[half:])
		}, good(file)}, []string{"", rest, ""}},
		{"a part of a file of another size", []http.HandlerFunc{part(file, half, breaks), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", half, len(file), len(file)+1))
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(file[half:])
		}, good(file)}, []string{"", rest, ""}},
		{"a file that has become shorter", []http.HandlerFunc{part(file, half, breaks), status(http.StatusRequestedRangeNotSatisfiable), good(file)}, []string{"", rest, ""}},
		{"a server that is overloaded for a while", []http.HandlerFunc{status(503), status(429), good(file)}, []string{"", "", ""}},
		{"a server that breaks off often, but gets somewhere", []http.HandlerFunc{
			func(w http.ResponseWriter, r *http.Request) { part(file, 1<<20, breaks)(w, r) }, status(502), status(502), good(file),
		}, []string{"", "bytes=1048576-", "bytes=1048576-", "bytes=1048576-"}},
		{"redirects", []http.HandlerFunc{to("/a"), to("/b"), to("/c"), good(file)}, []string{"", "", "", ""}},
		{"no length at all", []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(file)
		}}, []string{""}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s, dir := serve(t, c.answers...), t.TempDir()
			for _, sum := range []string{sha(file), fmt.Sprintf("sha512:%X", sha512.Sum512(file))} {
				s.mu.Lock()
				s.asked = nil
				s.mu.Unlock()
				source, err := quick.Fetch(t.Context(), &resources.Image{SourceURL: s.URL + "/disk.raw", Checksum: sum}, dir)
				if err != nil {
					t.Fatal(err)
				}
				got, err := os.ReadFile(source.Path)
				if err != nil || !bytes.Equal(got, file) || source.Size != int64(len(file)) {
					t.Errorf("%d bytes, %v, or others than the file's", len(got), err)
				}
				if got := s.ranges(); fmt.Sprint(got) != fmt.Sprint(c.asks) {
					t.Errorf("asked for %q, want %q", got, c.asks)
				}
				if err := source.Close(); err != nil {
					t.Error(err)
				}
				if files, _ := os.ReadDir(dir); len(files) > 0 {
					t.Errorf("left %v", files)
				}
			}
		})
	}
}

// weak makes tags weak.
type weak struct{ http.ResponseWriter }

func (w weak) Write(b []byte) (int, error) {
	w.Header().Set("ETag", `W/"1"`)
	return w.ResponseWriter.Write(b)
}

func (w weak) Flush() { w.ResponseWriter.(http.Flusher).Flush() }

func TestDownloadsRefused(t *testing.T) {
	t.Parallel()
	file, other := noise(1, 1<<20), noise(2, 1<<20)
	big := make([]byte, 33<<20)
	for _, c := range []struct {
		reason  string
		answers []http.HandlerFunc
		unfit   bool // no repeat mends it
		says    []string
		asks    int
		keeps   bool // the bytes so far, for the next call
	}{
		{"other bytes: both hashes are said", []http.HandlerFunc{good(other)}, true, []string{sha(file), sha(other)}, 1, false},
		{"a length that is too short", []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			good(file[:1000])(w, r)
		}}, true, []string{sha(file), sha(file[:1000])}, 1, false},
		{"a length that is always too long", []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Range") == "" {
				part(append(bytes.Clone(file), 0), len(file), breaks)(w, r)
			}
			breaks(r)
		}}, false, []string{"got nowhere"}, 4, true},
		{"a file of this machine", []http.HandlerFunc{to("file:///etc/passwd")}, true, []string{"redirects to file:///etc/passwd"}, 1, false},
		{"another scheme", []http.HandlerFunc{to("gopher://example.org/")}, true, []string{"redirects to gopher:"}, 1, false},
		{"redirects for ever", []http.HandlerFunc{to("/again")}, true, []string{"more than 10 times"}, 11, false},
		{"nothing there", []http.HandlerFunc{status(404)}, false, []string{"404"}, 1, false},
		{"too large, as it says", []http.HandlerFunc{good(big)}, true, []string{"more than 33554432 bytes"}, 1, false},
		{"too large, and says nothing", []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = w.Write(big)
		}}, true, []string{"more than 33554432 bytes"}, 1, false},
		{"a server that never answers", []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) { hangs(r) }}, false, []string{"4 tries in a row got nowhere"}, 4, true},
		{"a server that sends a byte and is dead", []http.HandlerFunc{without("ETag", part(file, 1, hangs))}, false, []string{"nothing came for 300ms"}, 4, true},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			s, dir := serve(t, c.answers...), t.TempDir()
			_, err := quick.Fetch(t.Context(), &resources.Image{SourceURL: s.URL, Checksum: sha(file)}, dir)
			if err == nil || errors.Is(err, intake.ErrUnfit) != c.unfit {
				t.Fatalf("%v", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("no %q in: %v", says, err)
				}
			}
			if got := len(s.ranges()); got != c.asks {
				t.Errorf("asked %d times, want %d", got, c.asks)
			}
			if names := left(t, dir); (names != "") != c.keeps {
				t.Errorf("left %q", names)
			}
		})
	}
}

// A password in a URL is in no error.
func TestPasswordStaysSecret(t *testing.T) {
	t.Parallel()
	s := serve(t, status(403))
	url := strings.Replace(s.URL, "http://", "http://joe:hunter2@", 1)
	if _, err := quick.Fetch(t.Context(), &resources.Image{SourceURL: url, Checksum: sha(nil)}, t.TempDir()); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

// A call that is broken off leaves what the next one goes on with, unless that is
// of another URL.
func TestNextCallGoesOn(t *testing.T) {
	t.Parallel()
	file := noise(1, 3<<20)
	half := len(file) / 2
	for _, c := range []struct{ reason, path, asks string }{
		{"the same URL", "/disk", fmt.Sprintf("bytes=%d-", half)},
		{"another one", "/other", ""},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			s := serve(t, part(file, half, func(r *http.Request) {
				for { // until all of that has arrived
					info, err := filepath.Glob(filepath.Join(dir, "*.part"))
					if err == nil && len(info) == 1 && size(info[0]) == int64(half) {
						break
					}
					time.Sleep(time.Millisecond)
				}
				cancel()
				hangs(r)
			}), good(file))
			limits := quick
			limits.Idle = time.Minute
			if _, err := limits.Fetch(ctx, &resources.Image{SourceURL: s.URL + "/disk", Checksum: sha(file)}, dir); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			source, err := limits.Fetch(t.Context(), &resources.Image{SourceURL: s.URL + c.path, Checksum: sha(file)}, dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.ranges(); len(got) != 2 || got[1] != c.asks {
				t.Errorf("asked for %q", got)
			}
			if err := source.Close(); err != nil || left(t, dir) != "" {
				t.Errorf("%v, left %s", err, left(t, dir))
			}
		})
	}
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

// Whoever wants the same bytes at the same time gets them from one download, and
// the last one to go removes them.
func TestFetchedOnce(t *testing.T) {
	t.Parallel()
	file := noise(1, 1<<20)
	dir := t.TempDir()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(50 * time.Millisecond)
		good(file)(w, r)
	})
	const n = 8
	var begun, done sync.WaitGroup
	var bad atomic.Int32
	begun.Add(n)
	for range n {
		done.Go(func() {
			source, err := quick.Fetch(t.Context(), &resources.Image{SourceURL: s.URL, Checksum: sha(file)}, dir)
			begun.Done()
			if err != nil {
				t.Error(err)
				return
			}
			begun.Wait() // nobody lets go before all have it
			if got, err := os.ReadFile(source.Path); err != nil || !bytes.Equal(got, file) {
				bad.Add(1)
			}
			if err := source.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	if got := s.ranges(); len(got) != 1 || bad.Load() > 0 {
		t.Errorf("%d downloads, %d read other bytes", len(got), bad.Load())
	}
	if names := left(t, dir); names != "" {
		t.Errorf("left %s", names)
	}
}

// Calls that come and go never see half a file.
func TestFetchedByMany(t *testing.T) {
	t.Parallel()
	file := noise(1, 100<<10)
	path, dir := filepath.Join(t.TempDir(), "disk.raw"), t.TempDir()
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for range 20 {
				source, err := quick.Fetch(t.Context(), &resources.Image{LocalFilePath: path, Checksum: sha(file)}, dir)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := os.ReadFile(source.Path)
				if err = errors.Join(err, source.Close()); err != nil || !bytes.Equal(got, file) {
					t.Errorf("%d bytes, %v", len(got), err)
				}
			}
		})
	}
	all.Wait()
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("left %v", files)
	}
}

func TestLocalFiles(t *testing.T) {
	t.Parallel()
	file := append(noise(1, 1<<20), make([]byte, 1<<20)...)
	here := t.TempDir()
	path, pipe := filepath.Join(here, "a disk"), filepath.Join(here, "pipe")
	if err := errors.Join(os.WriteFile(path, file, 0o600), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		image  resources.Image
		says   string // "": it is taken
	}{
		{"by its path", resources.Image{LocalFilePath: path, Checksum: sha(file)}, ""},
		{"by a URL, which has no spaces", resources.Image{SourceURL: "file://" + strings.ReplaceAll(path, " ", "%20"), Checksum: sha(file)}, ""},
		{"changed since it was planned", resources.Image{LocalFilePath: path, Checksum: sha(nil)}, "hashes to " + sha(file) + ", and " + sha(nil) + " was planned"},
		{"a pipe, which would wait for ever", resources.Image{LocalFilePath: pipe, Checksum: sha(nil)}, "no regular file"},
		{"a file of another machine", resources.Image{SourceURL: "file://example.org/disk", Checksum: sha(nil)}, "nothing is fetched from"},
		{"another scheme", resources.Image{SourceURL: "ftp://example.org/disk", Checksum: sha(nil)}, "nothing is fetched from"},
		{"no checksum, which makes the name", resources.Image{LocalFilePath: path, Checksum: "sha256:../../x"}, "checksum"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			source, err := quick.Fetch(t.Context(), &c.image, dir)
			if c.says != "" {
				if !errors.Is(err, intake.ErrUnfit) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v", err)
				}
				if names := left(t, dir); names != "" {
					t.Errorf("left %s", names)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(source.Path); err != nil || !bytes.Equal(got, file) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if err := source.Close(); err != nil || left(t, dir) != "" {
				t.Errorf("%v, left %s", err, left(t, dir))
			}
		})
	}
}

// What was broken off long ago goes with the next fetch; what is held or new stays.
func TestOldPartsGo(t *testing.T) {
	t.Parallel()
	file := noise(1, 1000)
	path, dir := filepath.Join(t.TempDir(), "disk"), t.TempDir()
	long := time.Now().Add(-2 * time.Hour)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, when := range map[string]time.Time{"old": long, "new": time.Now()} {
		for _, end := range []string{".lock", ".part", ".from"} {
			f := filepath.Join(dir, ".source-sha256-"+name+end)
			if err := errors.Join(os.WriteFile(f, nil, 0o600), os.Chtimes(f, when, when)); err != nil {
				t.Fatal(err)
			}
		}
	}
	source, err := quick.Fetch(t.Context(), &resources.Image{LocalFilePath: path, Checksum: sha(file)}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	if names := left(t, dir); names != ".source-sha256-new.from .source-sha256-new.part" {
		t.Errorf("left %s", names)
	}
}
