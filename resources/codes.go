package resources

import (
	"embed"
	"slices"
	"strings"
)

//go:embed codes/*.md
var pages embed.FS

// Codes lists the codes of problems that have a page of their own.
func Codes() []string {
	files, err := pages.ReadDir("codes")
	if err != nil {
		panic("resources: " + err.Error())
	}
	var all []string
	for _, f := range files {
		all = append(all, strings.TrimSuffix(f.Name(), ".md"))
	}
	slices.Sort(all)
	return all
}

// Explain answers with the page of a code: what is wrong, an example of it, the
// remedy. Its first line is "# CODE: title".
func Explain(code string) (page string, ok bool) {
	b, err := pages.ReadFile("codes/" + code + ".md")
	return string(b), err == nil
}
