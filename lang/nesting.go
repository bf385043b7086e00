package lang

import "strings"

// What a file may come to before the parser sees it: the parser and the
// evaluator call themselves for each level and each operator, and a stack of
// calls that grows without end can't be caught.
const (
	maxNesting   = 250
	maxOperators = 10_000
)

// A level is one open bracket, string or heredoc.
type level struct {
	open      byte   // ( [ { or " or h for a heredoc
	marker    string // that ends the heredoc
	operators int    // since the last comma or the like
}

// A meter measures how deep native syntax goes, with a pass over its bytes that
// knows comments, strings and templates.
type meter struct {
	src    string
	levels []level
	sum    int // operators of all open levels
	wait   []string
	cuts   []int // beginnings of lines outside of everything, a piece apart
}

// piece is how many bytes are parsed at a time: the lexer keeps a list of all
// tokens, which grows slowly when it is long.
const piece = 2 << 10

// excess says what there is too much of in native syntax, and where.
// template: the text is the inside of a string.
func excess(src string, template bool) (why string, offset int) {
	_, why, offset = measure(src, template)
	return why, offset
}

// measure is excess, and says where the text can be cut.
func measure(src string, template bool) (cuts []int, why string, offset int) {
	m := meter{src: src, levels: make([]level, 1, 32)}
	if template {
		m.levels[0].open = 't'
	}
	for i := 0; i < len(src); {
		top := &m.levels[len(m.levels)-1]
		switch top.open {
		case '"', 't', 'h':
			i = m.text(i)
		default:
			i = m.code(i)
		}
		switch {
		case len(m.levels) > maxNesting:
			return nil, "more than 250 levels of brackets", i
		case m.sum > maxOperators:
			return nil, "an expression with more than 10,000 operators", i
		}
	}
	return m.cuts, "", 0
}

func (m *meter) push(l level) { m.levels = append(m.levels, l) }

func (m *meter) pop() {
	if len(m.levels) > 1 {
		m.sum -= m.levels[len(m.levels)-1].operators
		m.levels = m.levels[:len(m.levels)-1]
	}
}

func (m *meter) count() {
	m.levels[len(m.levels)-1].operators++
	m.sum++
}

func (m *meter) settle() {
	top := &m.levels[len(m.levels)-1]
	m.sum -= top.operators
	top.operators = 0
}

// code passes over one token outside of strings.
func (m *meter) code(i int) int {
	src := m.src
	switch c := src[i]; c {
	case '#':
		return m.line(i)
	case '/':
		switch {
		case strings.HasPrefix(src[i:], "//"):
			return m.line(i)
		case strings.HasPrefix(src[i:], "/*"):
			if end := strings.Index(src[i+2:], "*/"); end >= 0 {
				return i + end + 4
			}
			return len(src)
		}
		m.count()
	case '"':
		m.push(level{open: '"'})
	case '(', '[':
		m.count()
		m.push(level{open: c})
	case '{':
		m.push(level{open: c})
	case ')', ']', '}':
		m.pop()
	case ',':
		m.settle()
	case '\n':
		if open := m.levels[len(m.levels)-1].open; open == 0 || open == '{' {
			m.settle()
		}
		if open := m.levels[len(m.levels)-1].open; open == 0 && len(m.wait) == 0 {
			last := 0
			if n := len(m.cuts); n > 0 {
				last = m.cuts[n-1]
			}
			if i+1-last >= piece {
				m.cuts = append(m.cuts, i+1)
			}
		}
		if len(m.wait) > 0 {
			m.push(level{open: 'h', marker: m.wait[0]})
			m.wait = m.wait[1:]
		}
	case '<':
		if word := heredoc(src[i:]); word != "" {
			m.wait = append(m.wait, word)
			return i + 2
		}
		m.count()
	case '+', '-', '*', '%', '!', '&', '|', '?', '>', '=', ':':
		m.count()
	}
	return i + 1
}

func (m *meter) line(i int) int {
	if end := strings.IndexByte(m.src[i:], '\n'); end >= 0 {
		return i + end
	}
	return len(m.src)
}

// text passes over one byte of a string or heredoc, or enters a template.
func (m *meter) text(i int) int {
	src, top := m.src, m.levels[len(m.levels)-1]
	switch c := src[i]; {
	case c == '\\' && top.open == '"':
		return i + 2
	case (c == '$' || c == '%') && strings.HasPrefix(src[i+1:], string(c)+"{"):
		return i + 3
	case (c == '$' || c == '%') && strings.HasPrefix(src[i+1:], "{"):
		m.count()
		m.push(level{open: '{'})
		return i + 2
	case c == '"' && top.open == '"':
		m.pop()
	case c == '\n' && top.open == '"':
		m.pop() // a string ends with its line, rightly or not
	case top.open == 'h' && (i == 0 || src[i-1] == '\n'):
		line := src[i:]
		if end := strings.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		if strings.TrimSpace(line) == top.marker {
			m.pop()
			return i + len(line)
		}
	}
	return i + 1
}

// heredoc is the marker of a heredoc that begins here, or "".
func heredoc(s string) string {
	s, ok := strings.CutPrefix(s, "<<")
	if !ok {
		return ""
	}
	s = strings.TrimPrefix(s, "-")
	if end := strings.IndexAny(s, "\r\n"); end >= 0 {
		s = s[:end]
	}
	if hclName(s) {
		return s
	}
	return ""
}

// excessJSON is excess for JSON.
func excessJSON(src string) (why string, offset int) {
	depth, quoted := 0, false
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			if depth++; depth > maxNesting {
				return "more than 250 levels of brackets", i
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return "", 0
}
