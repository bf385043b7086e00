package planner

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/resources/schema"
)

// Given is what a stack says of all its objects that say nothing themselves.
type Given struct {
	Project string // id or name
	Region  string
}

// said is what a folder of Terraform's says in its provider block.
func (w *walk) said() Given { return Given{w.conf.Provider.Project, w.conf.Provider.Region} }

// given fills a configuration with what its stack says.
func (w *walk) given(t *schema.Type, config cty.Value, g Given) (cty.Value, error) {
	if config.IsNull() {
		return config, nil
	}
	var vals map[string]cty.Value
	set := func(a *schema.Attribute, text string) {
		if vals == nil {
			vals = config.AsValueMap()
		}
		vals[a.Name] = cty.StringVal(text)
	}
	silent := func(name string) *schema.Attribute {
		a := t.Attribute(name)
		if a == nil || !a.Settable || !config.GetAttr(name).IsNull() {
			return nil
		}
		return a
	}
	if a := silent("region"); a != nil && g.Region != "" {
		set(a, g.Region)
	}
	if a := silent("project_id"); a != nil && a.Refers != nil && g.Project != "" {
		id, err := w.idCalled(w.site.Types.ByGo(a.Refers), g.Project)
		if err != nil {
			return config, err
		}
		set(a, id)
	}
	if vals == nil {
		return config, nil
	}
	return cty.ObjectVal(vals), nil
}

// idCalled is the id of the object that somebody calls by its id or its name.
func (w *walk) idCalled(t *schema.Type, word string) (string, error) {
	if w.world.Find(t.Go(), word) != nil {
		return word, nil
	}
	for o := range w.world.Where(t.Go(), "name", word) {
		return t.Texts(o, "id")[0], nil
	}
	return "", schema.Problem{Attribute: "project_id", Summary: fmt.Sprintf("There is no %s %q", t.Name, word),
		Detail: "The provider block or the environment names it for all that say none." + nearNames(w.world, t, []string{word})}
}
