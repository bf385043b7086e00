package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/lang/cloudfile"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/site"
)

// app is one call of the program.
type app struct {
	in       io.Reader
	out, err io.Writer
	stop     chan struct{} // closed by the first interrupt
	applying atomic.Bool

	chdir, cloudFile string
	cloudText        string // in the place of a file
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
	a.heed(s, dir)
	return s, nil
}

// heed takes the cloud that the provider block of a folder names, where nobody
// names one louder.
func (a *app) heed(s *lang.Stack, dir string) {
	if a.cloudFile != "" {
		return
	}
	a.cloudText = s.Provider.Config
	if s.Provider.Cloud != "" {
		a.cloudFile = s.Provider.Cloud
		if !filepath.IsAbs(a.cloudFile) {
			a.cloudFile = filepath.Join(dir, a.cloudFile)
		}
	}
}

// cloud reads where the stack of a folder is applied.
func (a *app) cloud(dir string) (*cloud.Cloud, error) {
	var c *cloud.Cloud
	var files map[string]*hcl.File
	var diags hcl.Diagnostics
	if a.cloudText != "" {
		c, files, diags = cloudfile.Parse([]byte(a.cloudText), "config", dir)
		return c, a.complain(files, diags)
	}
	path, err := cloudfile.Find(a.cloudFile, dir)
	if err != nil {
		return nil, err
	}
	if path == "" {
		return cloudfile.Default(dir), nil
	}
	c, files, diags = cloudfile.Load(path)
	return c, a.complain(files, diags)
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
	c, err := a.cloud(dir)
	if err != nil {
		return nil, err
	}
	if a.types == nil {
		a.types = resources.All()
	}
	s, shut, err := site.Open(ctx, c, a.types)
	if err != nil {
		return nil, err
	}
	a.undo = append(a.undo, shut)
	a.site = s
	return s, nil
}
