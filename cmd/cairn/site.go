package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/builtin"
	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
	"github.com/cairncloud/cairn/state/sqlite"
)

// app is one call of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	stop     chan struct{} // closed by the first interrupt
	applying atomic.Bool

	chdir, cloudFile string
	noColor          bool
	json             bool // events, one a line

	types *schema.Types
	site  *planner.Site
	undo  []func() error
}

func (a *app) enter() error {
	if a.chdir == "" {
		return nil
	}
	return os.Chdir(a.chdir)
}

func (a *app) close() {
	for i := len(a.undo) - 1; i >= 0; i-- {
		if err := a.undo[i](); err != nil {
			a.fail(err)
		}
	}
	a.undo = nil
}

func (a *app) fail(err error) {
	if a.json {
		jsonView{a.out}.diagnostics(hcl.Diagnostics{{Severity: hcl.DiagError, Summary: err.Error()}})
		return
	}
	s := styleOf(a.err, a.noColor)
	fmt.Fprintf(a.err, "%s %s\n", s.red("Error:"), err)
}

// complain writes diagnostics with the source they are about, and answers with
// errSaid when one of them is an error.
func (a *app) complain(files map[string]*hcl.File, diags hcl.Diagnostics) error {
	if len(diags) == 0 {
		return nil
	}
	if a.json {
		jsonView{a.out}.diagnostics(diags)
		if diags.HasErrors() {
			return errSaid
		}
		return nil
	}
	s := styleOf(a.err, a.noColor)
	w := hcl.NewDiagnosticTextWriter(a.err, files, 100, s.on)
	if err := w.WriteDiagnostics(diags); err != nil {
		return err
	}
	if diags.HasErrors() {
		return errSaid
	}
	return nil
}

// load reads the stack of a folder.
func (a *app) load(dir string, opt lang.Options) (*lang.Stack, error) {
	if a.types == nil {
		a.types = resources.All()
	}
	opt.Types, opt.Env = a.types, os.Environ()
	s, diags := lang.Load(dir, opt)
	if err := a.complain(sources(s), diags); err != nil {
		return nil, err
	}
	return s, nil
}

// sources are the texts that complaints quote; a stack may be nil.
func sources(s *lang.Stack) map[string]*hcl.File {
	if s == nil {
		return nil
	}
	return s.Sources
}

// open links the cloud that a stack is applied to.
func (a *app) open(ctx context.Context, dir string) (*planner.Site, error) {
	if a.site != nil {
		return a.site, nil
	}
	path, err := cloudfile.Find(a.cloudFile, dir)
	if err != nil {
		return nil, err
	}
	c := cloudfile.Default(dir)
	if path != "" {
		var files map[string]*hcl.File
		var diags hcl.Diagnostics
		c, files, diags = cloudfile.Load(path)
		if err := a.complain(files, diags); err != nil {
			return nil, err
		}
	}
	store, err := a.store(ctx, c)
	if err != nil {
		return nil, err
	}
	c.ID = store.CloudID()
	keys, err := seal.DefaultPath()
	if err != nil {
		return nil, err
	}
	model, err := embedded.Open(ctx, filepath.Join(c.Dir, ".cairn"), c)
	if err != nil {
		return nil, err
	}
	model.Latency, model.Fail = c.Latency, faults(c.Fail)
	systems := providers.Link(builtin.System(), model.System())
	a.undo = append(a.undo, systems.Close)
	if a.types == nil {
		a.types = resources.All()
	}
	image, err := tinyImage(filepath.Join(c.Dir, ".cairn"))
	if err != nil {
		return nil, err
	}
	base, err := planner.LoadBuiltin(a.types, resources.Builtin, image)
	if err != nil {
		return nil, err
	}
	a.site = &planner.Site{Cloud: c, Types: a.types, Store: store, Keys: seal.Lazy(keys), Systems: systems, Builtin: base}
	return a.site, nil
}

// store opens the cloud's database: what cloud.hcl names, else cairn.db in
// .cairn beside it or in the stack's folder.
func (a *app) store(ctx context.Context, c *cloud.Cloud) (state.Store, error) {
	path := filepath.Join(c.Dir, ".cairn", "cairn.db")
	if c.State != "" {
		name, ok := strings.CutPrefix(c.State, "sqlite:")
		if !ok {
			return nil, fmt.Errorf("cloud %s: state = %q is not known; write \"sqlite:FILE\"", c.Name, c.State)
		}
		if path = name; !filepath.IsAbs(path) {
			path = filepath.Join(c.Dir, path)
		}
	}
	if err := ownFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	a.undo = append(a.undo, store.Close)
	return store, nil
}

// ownFolder makes a .cairn folder that version control passes over.
func ownFolder(dir string) error {
	if filepath.Base(dir) != ".cairn" {
		return nil
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Stat(ignore); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make cairn's folder: %w", err)
	}
	if err := os.WriteFile(ignore, []byte("*\n"), 0o600); err != nil && !os.IsPermission(err) {
		return fmt.Errorf("make cairn's folder: %w", err)
	}
	return nil
}

// tinyImage is the file of the built-in image.
func tinyImage(dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join(dir, "tiny.img"))
	if err != nil {
		return "", err
	}
	want := resources.TinyImage()
	if info, err := os.Stat(path); err == nil && info.Size() == int64(len(want)) {
		return path, nil
	}
	if err := ownFolder(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make cairn's folder: %w", err)
	}
	// Written beside it and put in its place: a cut-off image is never met.
	whole, err := os.CreateTemp(dir, "tiny.img.*")
	if err != nil {
		return "", fmt.Errorf("write the built-in image: %w", err)
	}
	_, err = whole.Write(want)
	if closed := whole.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(whole.Name(), path)
	}
	if err != nil {
		_ = os.Remove(whole.Name())
		return "", fmt.Errorf("write the built-in image: %w", err)
	}
	return path, nil
}

// faults fails the calls that a cloud file names: all of a kind, or with #N the Nth.
func faults(wanted []string) func(op string) error {
	if len(wanted) == 0 {
		return nil
	}
	var mu sync.Mutex
	met := map[string]int{}
	return func(op string) error {
		mu.Lock()
		defer mu.Unlock()
		for _, w := range wanted {
			kind, number, numbered := strings.Cut(w, "#")
			if op != kind && !strings.HasPrefix(op, kind+" ") {
				continue
			}
			met[w]++
			if !numbered || number == strconv.Itoa(met[w]) {
				return fmt.Errorf("%s: the cloud file lets it fail", w)
			}
		}
		return nil
	}
}
