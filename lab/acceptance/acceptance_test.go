//go:build linux

package acceptance

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cairncloud/cairn/lab"
)

// TestStories runs the stories, first those that break what all share, one by one;
// they say so by a line `# alone: why` at their beginning. Then the others at a time.
func TestStories(t *testing.T) {
	if os.Getenv(lab.EnvDir) == "" {
		t.Skipf("%s names no lab: `make acceptance` brings one up", lab.EnvDir)
	}
	l, err := lab.Open("")
	if err != nil {
		t.Fatal(err)
	}
	st, err := l.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !st.Well() {
		t.Fatalf("the lab in %s is not well: see `cairn-lab status`", l.Dir)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("testdata has no stories")
	}
	if len(files) > lab.Slots {
		t.Fatalf("%d stories, and the lab has networks for %d", len(files), lab.Slots)
	}
	h := &harness{lab: l, bin: build(t), slots: map[string]lab.Slot{}, as: map[string]lab.Hypervisors{}, took: map[string]time.Duration{}}
	var alone, together []string
	for i, f := range files {
		h.slots[storyName(f)] = lab.SlotAt(i)
		h.as[storyName(f)] = lab.Modelled
		for word, as := range map[string]lab.Hypervisors{"machines": lab.Machines, "machines tcp": lab.MachinesTCP} {
			if says(t, f, word) {
				h.as[storyName(f)] = as
			}
		}
		if says(t, f, "alone") || h.as[storyName(f)] != lab.Modelled {
			alone = append(alone, f)
			continue
		}
		together = append(together, f)
	}
	t.Cleanup(func() { t.Log(h.table()) })
	if len(alone) > 0 {
		t.Run("alone", func(t *testing.T) { h.run(t, alone, true) })
	}
	if len(together) > 0 {
		t.Run("together", func(t *testing.T) { h.run(t, together, false) })
	}
}

func storyName(file string) string { return strings.TrimSuffix(filepath.Base(file), ".txtar") }

// says reports whether a story says a word of itself in its first lines: `# alone: why`.
func says(t *testing.T, file, word string) bool {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan() && strings.HasPrefix(s.Text(), "#"); {
		if strings.HasPrefix(s.Text(), "# "+word+": ") {
			return true
		}
	}
	return false
}

// build makes the programs that stories run, in a folder.
func build(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-o", dir+"/", "github.com/cairncloud/cairn/cmd/cairn", "github.com/cairncloud/cairn/lab/cairn-lab")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return dir
}

// A harness is what stories have in common.
type harness struct {
	lab   *lab.Lab
	bin   string
	slots map[string]lab.Slot // by the story's name
	as    map[string]lab.Hypervisors

	mu   sync.Mutex // guards took
	took map[string]time.Duration
}

// table lists the stories with their times, the longest first.
func (h *harness) table() string {
	names := slices.SortedFunc(maps.Keys(h.took), func(a, b string) int { return cmp.Compare(h.took[b], h.took[a]) })
	var b strings.Builder
	fmt.Fprintf(&b, "%d stories\n", len(names))
	for _, n := range names {
		fmt.Fprintf(&b, "%6.1f s  %s\n", h.took[n].Seconds(), n)
	}
	return b.String()
}

func (h *harness) run(t *testing.T, files []string, alone bool) {
	deadline, _ := t.Deadline()
	cmds := map[string]func(*testscript.TestScript, bool, []string){}
	for name, c := range commands() {
		cmds[name] = c.script(name)
	}
	testscript.RunT(runner{T: t, harness: h, alone: alone}, testscript.Params{
		Files:               files,
		Cmds:                cmds,
		Setup:               setup,
		Deadline:            deadline,
		Condition:           condition,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// condition is what a story may ask of the machine.
func condition(word string) (bool, error) {
	if word != "debian" {
		return false, fmt.Errorf("no condition %q", word)
	}
	path, err := lab.DebianImage()
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path)
	return err == nil, nil
}

// A runner is testing.T for testscript. It decides what runs at a time.
type runner struct {
	*testing.T
	harness *harness
	alone   bool
}

func (r runner) Parallel() {
	if !r.alone {
		r.T.Parallel()
	}
}

// Verbose is no: a story that goes well is told by its headings and their times.
func (r runner) Verbose() bool { return false }

func (r runner) Run(name string, f func(testscript.T)) {
	r.T.Run(name, func(t *testing.T) { f(runner{t, r.harness, r.alone}) })
}

func setup(env *testscript.Env) error {
	r := env.T().(runner)
	name := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	s := &story{
		t: r.T, harness: r.harness, slot: r.harness.slots[name], as: r.harness.as[name], work: env.WorkDir,
		ports: map[string]string{}, running: map[string]*process{}, logs: map[string]int64{},
	}
	env.Values[story{}.key()] = s
	vars := map[string]string{
		"PATH":         r.harness.bin + string(os.PathListSeparator) + os.Getenv("PATH"),
		lab.EnvDir:     r.harness.lab.Dir,
		"CAIRN_CLOUD":  filepath.Join(env.WorkDir, "cloud.hcl"),
		"CAIRN_KEYSET": filepath.Join(env.WorkDir, "keyset.json"),
		"NO_COLOR":     "1",
		"STORY":        name,
	}
	debian, err := lab.DebianImage()
	if err != nil {
		return err
	}
	vars["DEBIAN"] = debian
	for k, v := range s.slotVars() {
		vars[k] = v
		// A stack that declares the variable is told, too.
		vars["CAIRN_VAR_"+strings.ToLower(k)] = v
	}
	for k, v := range vars {
		env.Setenv(k, v)
		s.env = append(s.env, k+"="+v)
	}
	if err := s.markLogs(); err != nil {
		return err
	}
	began := time.Now()
	env.Defer(func() {
		s.end(context.WithoutCancel(r.Context()))
		s.mu.Lock()
		defer s.mu.Unlock()
		s.took[name] = time.Since(began)
	})
	text, err := r.harness.lab.Cloud("cairn.db", s.as)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(env.WorkDir, "cloud.hcl"), []byte(text), 0o644); err != nil {
		return err
	}
	for to, from := range map[string]string{"examples": "../../examples", "lab/example": "../example"} {
		if err := os.CopyFS(filepath.Join(env.WorkDir, to), os.DirFS(from)); err != nil {
			return err
		}
	}
	return nil
}
