package lang

import (
	"bytes"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/json"
)

// A source is one parsed file of a folder.
type source struct {
	path   string
	file   *hcl.File
	bodies []hcl.Body // pieces of the file
	diags  hcl.Diagnostics
}

// sources finds and parses the stack files of a folder.
func (l *loader) sources(dir string) (all []*source, tf, ok bool) {
	names, err := l.stack.files.list(dir)
	if err != nil {
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError,
			Summary: fmt.Sprintf("The folder %s can't be read", dir), Detail: capital(err.Error()) + "."})
		return nil, false, false
	}
	var mine, theirs []string
	for _, n := range names {
		switch {
		case strings.HasSuffix(n, "/"), strings.HasPrefix(n, "."):
		case strings.HasSuffix(n, ".stack.hcl"), strings.HasSuffix(n, ".stack.json"):
			mine = append(mine, n)
		case strings.HasSuffix(n, ".tf"), strings.HasSuffix(n, ".tf.json"):
			theirs = append(theirs, n)
		}
	}
	if len(mine) > 0 && len(theirs) > 0 {
		l.diags = append(l.diags, &hcl.Diagnostic{Severity: hcl.DiagError,
			Summary: fmt.Sprintf("Two kinds of files are in %s", dir),
			Detail:  fmt.Sprintf("%s is a stack file and %s is Terraform's. A folder has either *.stack.hcl files or *.tf files: move one kind away.", mine[0], theirs[0])})
		return nil, false, false
	}
	tf = len(theirs) > 0
	names = slices.Concat(mine, theirs)
	all = make([]*source, len(names))
	for i, n := range names {
		all[i] = &source{path: filepath.Join(dir, n)}
	}
	l.parse(all)
	ok = true
	for _, s := range all {
		l.diags = append(l.diags, s.diags...)
		if s.file != nil {
			l.stack.Sources[s.path] = s.file
		}
		ok = ok && !s.diags.HasErrors()
		base := filepath.Base(s.path)
		stem, _, _ := strings.Cut(base, ".")
		if tf && (stem == "override" || strings.HasSuffix(stem, "_override")) {
			l.diags = append(l.diags, problem(hcl.Range{Filename: s.path, Start: hcl.InitialPos, End: hcl.InitialPos},
				"Override files are not read", fmt.Sprintf("Merge what %s says into the blocks that it overrides.", base)))
		}
	}
	return all, tf, ok
}

// parse reads the files, several at a time.
func (l *loader) parse(all []*source) {
	todo := make(chan *source)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(all)) {
		wg.Go(func() {
			for s := range todo {
				b, err := l.stack.files.read(s.path)
				if err != nil {
					s.diags = hcl.Diagnostics{{Severity: hcl.DiagError,
						Summary: fmt.Sprintf("The file %s can't be read", s.path), Detail: capital(err.Error()) + "."}}
					continue
				}
				s.file, s.bodies, s.diags = parseSource(s.path, b)
			}
		})
	}
	for _, s := range all {
		todo <- s
	}
	close(todo)
	wg.Wait()
}

// parseSource parses a file of a stack: a long one in pieces, several at a time.
func parseSource(path string, b []byte) (*hcl.File, []hcl.Body, hcl.Diagnostics) {
	if strings.HasSuffix(path, ".json") || len(b) < 2*piece || !utf8.Valid(b) {
		f, diags := parseFile(path, b)
		if f.Body == nil {
			return f, nil, diags
		}
		return f, []hcl.Body{f.Body}, diags
	}
	cuts, why, _ := measure(string(b), false)
	if why == "" {
		if f, bodies, ok := parsePieces(path, b, append(cuts, len(b))); ok {
			return f, bodies, nil
		}
	}
	// What is wrong shows best in the whole.
	f, diags := parseFile(path, b)
	if f.Body == nil {
		return f, nil, diags
	}
	return f, []hcl.Body{f.Body}, diags
}

func parsePieces(path string, b []byte, ends []int) (*hcl.File, []hcl.Body, bool) {
	files := make([]*hcl.File, len(ends))
	var failed atomic.Bool
	var next atomic.Int64
	starts := make([]hcl.Pos, len(ends))
	pos := hcl.InitialPos
	for i, end := range ends {
		starts[i] = pos
		pos.Line += bytes.Count(b[pos.Byte:end], []byte{'\n'})
		pos.Byte = end
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(ends)) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(ends) || failed.Load() {
					return
				}
				f, diags := hclsyntax.ParseConfig(b[starts[i].Byte:ends[i]], path, starts[i])
				if len(diags) > 0 {
					failed.Store(true)
				}
				files[i] = f
			}
		})
	}
	wg.Wait()
	if failed.Load() {
		return nil, nil, false
	}
	bodies := make([]hcl.Body, len(files))
	for i, f := range files {
		bodies[i] = f.Body
	}
	return &hcl.File{Bytes: b, Nav: pieces{ends, files}}, bodies, true
}

// pieces tells diagnostics which block a place is in.
type pieces struct {
	ends  []int
	files []*hcl.File
}

// ContextString is asked for by hcl's writer of diagnostics.
func (p pieces) ContextString(offset int) string {
	i, _ := slices.BinarySearch(p.ends, offset+1)
	if i == len(p.files) {
		return ""
	}
	if nav, ok := p.files[i].Nav.(interface{ ContextString(int) string }); ok {
		return nav.ContextString(offset)
	}
	return ""
}

// parseFile parses a file of either syntax, after making sure that the parser
// can take it.
func parseFile(path string, b []byte) (*hcl.File, hcl.Diagnostics) {
	isJSON := strings.HasSuffix(path, ".json")
	bare := &hcl.File{Bytes: b}
	if diags := legible(path, b, isJSON); diags != nil {
		return bare, diags
	}
	var f *hcl.File
	var diags hcl.Diagnostics
	if isJSON {
		f, diags = json.Parse(b, path)
	} else {
		f, diags = hclsyntax.ParseConfig(b, path, hcl.InitialPos)
	}
	if f == nil || f.Body == nil {
		return bare, diags
	}
	return f, diags
}

func legible(path string, b []byte, isJSON bool) hcl.Diagnostics {
	if !utf8.Valid(b) {
		i := 0
		for i < len(b) {
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return hcl.Diagnostics{{Severity: hcl.DiagError, Summary: fmt.Sprintf("%s is not UTF-8", path),
			Detail: fmt.Sprintf("The byte at offset %d, on line %d, belongs to no character. Save the file as UTF-8.", i, position(b, i).Line)}}
	}
	why, offset := "", 0
	if isJSON {
		why, offset = excessJSON(string(b))
	} else {
		why, offset = excess(string(b), false)
	}
	if why == "" {
		return nil
	}
	p := position(b, min(offset, len(b)))
	return hcl.Diagnostics{problem(hcl.Range{Filename: path, Start: p, End: p}, "The text is too deep",
		fmt.Sprintf("It has %s. Split it with locals.", why))}
}

func position(b []byte, offset int) hcl.Pos {
	p := hcl.Pos{Line: 1, Column: 1, Byte: offset}
	for _, c := range string(b[:offset]) {
		p.Column++
		if c == '\n' {
			p.Line++
			p.Column = 1
		}
	}
	return p
}
