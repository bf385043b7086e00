package seal

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// shortest is how long a secret must be to be looked for: one or two
// characters are found in any text.
const shortest = 3

// A Redactor takes secrets out of texts that other programs wrote.
type Redactor struct {
	forms map[string]bool
}

// NewRedactor makes a Redactor that looks for these strings.
func NewRedactor(secrets ...string) *Redactor {
	r := &Redactor{forms: map[string]bool{}}
	for _, s := range secrets {
		r.Add(s)
	}
	return r
}

// Add looks for one more secret, as it is and as programs quote it: by %q, as
// JSON, in base64, in a URL, in XML. Strings of fewer than 3 bytes are not looked for.
func (r *Redactor) Add(secret string) {
	if len(secret) < shortest {
		return
	}
	bare := func(quoted string) string { return quoted[1 : len(quoted)-1] }
	r.forms[secret] = true
	for _, form := range []string{
		bare(strconv.Quote(secret)), bare(strconv.QuoteToASCII(secret)), bare(asJSON(secret, true)), bare(asJSON(secret, false)),
		url.QueryEscape(secret), url.PathEscape(secret), strings.ReplaceAll(url.QueryEscape(secret), "+", "%20"), html.EscapeString(secret), fmt.Sprintf("%x", secret),
		strings.ReplaceAll(secret, "\n", " "),
	} {
		r.forms[form] = true
	}
	for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		r.forms[enc.EncodeToString([]byte(secret))] = true
		r.forms[enc.WithPadding(base64.NoPadding).EncodeToString([]byte(secret))] = true
	}
}

func asJSON(s string, escapeHTML bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(escapeHTML)
	_ = e.Encode(s) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// Redact replaces every secret in a text, and what several make up together
// once.
func (r *Redactor) Redact(text string) string {
	type span struct{ from, to int }
	var found []span
	for form := range r.forms {
		for from := 0; ; from++ {
			i := strings.Index(text[from:], form)
			if i < 0 {
				break
			}
			from += i
			found = append(found, span{from, from + len(form)})
		}
	}
	slices.SortFunc(found, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	end := 0
	for i, f := range found {
		if i == 0 || f.from >= end {
			b.WriteString(text[end:f.from])
			b.WriteString(schema.Hidden)
		}
		end = max(end, f.to)
	}
	b.WriteString(text[end:])
	return b.String()
}
