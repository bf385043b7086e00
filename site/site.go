// Package site opens the cloud that stacks are applied to: its database, its
// keys, and the systems that this program links. Both programs, cairn and the
// Terraform provider, open it here.
package site

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/builtin"
	"github.com/cairncloud/cairn/providers/embedded"
	"github.com/cairncloud/cairn/providers/libvirt"
	"github.com/cairncloud/cairn/providers/ovn"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
	"github.com/cairncloud/cairn/state/seal"
	"github.com/cairncloud/cairn/state/sqlite"
)

// Open links a cloud. What it has opened by then is closed again when it fails.
func Open(ctx context.Context, c *cloud.Cloud, types *schema.Types) (_ *planner.Site, _ func() error, err error) {
	var opened []func() error
	shut := func() error {
		var errs []error
		for i := len(opened) - 1; i >= 0; i-- {
			errs = append(errs, opened[i]())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			_ = shut()
		}
	}()
	store, err := openStore(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	opened = append(opened, store.Close)
	c.ID = store.CloudID()
	keys, err := seal.DefaultPath()
	if err != nil {
		return nil, nil, err
	}
	model, err := embedded.Open(ctx, filepath.Join(c.Dir, ".cairn"), c)
	if err != nil {
		return nil, nil, err
	}
	model.Latency, model.Fail = c.Latency, faults(c.Fail)
	linked := []providers.System{builtin.System(), model.System()}
	var network libvirt.Network
	for _, o := range c.OVN {
		d := ovn.Open(c, o)
		network, linked = d, append(linked, d.System())
	}
	if c.Real() {
		d := libvirt.Open(c, filepath.Join(c.Dir, ".cairn", "images"))
		d.Network = network
		linked = append(linked, d.System())
	}
	systems := providers.Link(linked...)
	opened = append(opened, systems.Close)
	image := c.TinyImage
	if image == "" {
		if image, err = tinyImage(filepath.Join(c.Dir, ".cairn")); err != nil {
			return nil, nil, err
		}
	}
	base, err := planner.LoadBuiltin(types, resources.Builtin, image)
	if err != nil {
		return nil, nil, err
	}
	return &planner.Site{Cloud: c, Types: types, Store: store, Keys: seal.Lazy(keys), Systems: systems, Builtin: base}, shut, nil
}

// Used reports whether the cloud has a database already: whether anything was ever
// applied to it.
func Used(c *cloud.Cloud) bool {
	path, err := database(c)
	if err != nil {
		return true // opening it says what is wrong
	}
	_, err = os.Stat(path)
	return err == nil
}

// database is the path of the cloud's database: what cloud.hcl names, else cairn.db
// in .cairn beside it or in the stack's folder.
func database(c *cloud.Cloud) (string, error) {
	if c.State == "" {
		return filepath.Join(c.Dir, ".cairn", "cairn.db"), nil
	}
	name, ok := strings.CutPrefix(c.State, "sqlite:")
	if !ok {
		return "", fmt.Errorf("cloud %s: state = %q is not known; write \"sqlite:FILE\"", c.Name, c.State)
	}
	if filepath.IsAbs(name) {
		return name, nil
	}
	return filepath.Join(c.Dir, name), nil
}

func openStore(ctx context.Context, c *cloud.Cloud) (state.Store, error) {
	path, err := database(c)
	if err == nil {
		err = ownFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, path)
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
