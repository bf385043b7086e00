// Package lang reads what people write: it loads a folder into a Stack, says
// what every block mentions, and evaluates blocks one at a time when the planner
// asks. It knows nothing of state or of the systems behind a cloud, and after
// Load it reads only the files that functions name.
package lang

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
)

// Options say how a stack is loaded.
type Options struct {
	Types *schema.Types
	// Files is what the stack is read from. Nil: the disk.
	Files Files
	// Vars are -var and -var-file in the order of the command line.
	Vars []VarArg
	// Env is where CAIRN_VAR_x and TF_VAR_x are looked for, as os.Environ gives it.
	Env []string
	// Values, when set, are the final values of the root variables: variable files,
	// Env and Vars are not looked at. A saved plan carries them.
	Values map[string]cty.Value
	// Time is what plantimestamp answers. Zero: now.
	Time time.Time
}

// A Stack is one folder of stack files and the modules they call.
type Stack struct {
	Name, Dir string
	// TF: the folder has Terraform's file names, and its types are cairn_*.
	TF       bool
	Provider Provider
	Root     *Module
	// Blocks of every module call, in an order that the same files always give.
	Blocks    []*Block
	Moved     []Moved
	Removed   []Removed
	Variables map[string]Variable
	// Sources of everything that was read, for showing diagnostics.
	Sources map[string]*hcl.File
	// Time is what plantimestamp answers.
	Time time.Time

	files   *recorder
	funcs   map[string]function.Function
	find    map[address.Block]*Block
	modules map[string]*Module
	clock   time.Time // of the apply; zero while planning
	types   *schema.Types
	cwd     string
}

// Provider is what provider "cairn" says in a .tf folder.
type Provider struct {
	Stack           string
	Cloud, Config   string // path of the cloud's file, or its text
	Project, Region string // of all that say none
	Range           hcl.Range
}

// Load reads the stack in dir and its modules. It reports every complaint at
// once; with errors among them the stack serves only to show them.
func Load(dir string, opt Options) (*Stack, hcl.Diagnostics) {
	s := &Stack{
		Dir: filepath.Clean(dir), Sources: map[string]*hcl.File{}, Time: opt.Time,
		files: newRecorder(dir, opt.Files), types: opt.Types,
		find: map[address.Block]*Block{}, modules: map[string]*Module{},
	}
	if s.Time.IsZero() {
		s.Time = time.Now()
	}
	s.cwd = s.files.record.Cwd
	l := &loader{stack: s, types: opt.Types, folders: map[string]*folder{}, empties: map[*schema.Type]map[string]cty.Value{}}
	s.funcs = functions(s)
	l.bare = &hcl.EvalContext{Functions: s.funcs}
	root := l.folder(s.Dir, ".", nil, nil)
	s.TF = root.tf
	l.values(root, opt)
	l.name(root)
	s.Root = l.grow(root, nil, nil)
	if l.calls <= maxCalls {
		l.connect()
		l.targets()
	}
	return s, distinct(l.diags)
}

// Bundle is what the stack was made of so far: every file read, also by
// functions. Variable values are not part of it.
func (s *Stack) Bundle() *Bundle { return s.files.bundle() }

// Find finds the block of a resource or data source, or nil.
func (s *Stack) Find(b address.Block) *Block { return s.find[b] }

// Module finds a module call by its static path, or nil.
func (s *Stack) Module(path string) *Module { return s.modules[path] }

// name settles what the stack is called.
func (l *loader) name(root *folder) {
	s := l.stack
	s.Provider = root.provider
	switch {
	case root.stackName != "":
		s.Name = root.stackName
		if !hclName(s.Name) {
			l.bad(root.stackRange, fmt.Sprintf("%q can't be the name of a stack", s.Name), "A name begins with a letter and has letters, digits, - and _.")
		}
		return
	case s.Provider.Stack != "":
		s.Name = s.Provider.Stack
		if !hclName(s.Name) {
			l.bad(s.Provider.Range, fmt.Sprintf("%q can't be the name of a stack", s.Name), "A name begins with a letter and has letters, digits, - and _.")
		}
		return
	}
	s.Name = filepath.Base(s.files.record.abs())
	if !hclName(s.Name) && root.ok {
		how := `Write stack "name" {} into one of its files.`
		if root.tf {
			how = `Write provider "cairn" { stack = "name" } into one of its files.`
		}
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError,
			Summary: fmt.Sprintf("The folder's name %q can't be the name of a stack", s.Name),
			Detail:  "A name begins with a letter and has letters, digits, - and _. " + how})
	}
}

// StackName reports whether a stack can have the name.
func StackName(name string) bool { return hclName(name) }
