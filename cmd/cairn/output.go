package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

func writeOutputs(w io.Writer, outputs []planner.OutputChange) {
	width := 0
	for _, o := range outputs {
		width = max(width, len(o.Name))
	}
	for _, o := range outputs {
		text := schema.Hidden
		if !o.Sensitive {
			text = valueText(o.After, 0)
		}
		fmt.Fprintf(w, "%-*s = %s\n", width, o.Name, text)
	}
}

// stackName is the name of the stack in a folder. A stack that can't be loaded
// still has outputs and records, so only its name is asked for.
func (a *app) stackName(dir string) (string, error) {
	if a.types == nil {
		a.types = resources.All()
	}
	s, diags := lang.Load(dir, lang.Options{Types: a.types, Env: os.Environ()})
	if s != nil && s.Name != "" {
		a.heed(s, dir)
		return s.Name, nil
	}
	return "", a.complain(sources(s), diags)
}

func (a *app) outputCommand() *cobra.Command {
	var asJSON, raw bool
	var dir string
	c := &cobra.Command{
		Use:   "output [NAME]",
		Short: "Show the outputs of the last run",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name, err := a.stackName(dir)
			if err != nil {
				return err
			}
			site, err := a.open(c.Context(), dir)
			if err != nil {
				return err
			}
			outputs, err := planner.Outputs(c.Context(), site, name)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.allOutputs(outputs, asJSON)
			}
			i := slices.IndexFunc(outputs, func(o planner.OutputChange) bool { return o.Name == args[0] })
			if i < 0 {
				return a.noOutput(outputs, args[0])
			}
			return a.oneOutput(outputs[i], asJSON, raw)
		},
	}
	c.Flags().StringVar(&dir, "dir", ".", "the folder of the stack")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON, sensitive values included")
	c.Flags().BoolVar(&raw, "raw", false, "write a string, number or bool as it is, for scripts")
	return c
}

func (a *app) noOutput(outputs []planner.OutputChange, name string) error {
	var names []string
	for _, o := range outputs {
		names = append(names, o.Name)
	}
	if len(names) == 0 {
		return errors.New("there are no outputs: the stack has none, or was never applied")
	}
	text := fmt.Sprintf("there is no output %q", name)
	if near := schema.Nearest(name, names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return fmt.Errorf("%s (there are: %s)", text, strings.Join(names, ", "))
}

func (a *app) allOutputs(outputs []planner.OutputChange, asJSON bool) error {
	if !asJSON {
		writeOutputs(a.out, outputs)
		return nil
	}
	type output struct {
		Sensitive bool            `json:"sensitive"`
		Type      json.RawMessage `json:"type"`
		Value     json.RawMessage `json:"value"`
	}
	all := map[string]output{}
	for _, o := range outputs {
		t, v, err := typeAndValue(o.After)
		if err != nil {
			return err
		}
		all[o.Name] = output{o.Sensitive, t, v}
	}
	return a.writeJSON(all)
}

func typeAndValue(v cty.Value) (t, text json.RawMessage, err error) {
	v, _ = v.UnmarkDeep()
	if t, err = ctyjson.MarshalType(v.Type()); err != nil {
		return nil, nil, err
	}
	text, err = ctyjson.Marshal(v, v.Type())
	return t, text, err
}

func (a *app) writeJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (a *app) oneOutput(o planner.OutputChange, asJSON, raw bool) error {
	v, _ := o.After.UnmarkDeep()
	switch {
	case asJSON:
		_, text, err := typeAndValue(v)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.out, "%s\n", text)
	case raw:
		if !v.Type().IsPrimitiveType() || v.IsNull() {
			return fmt.Errorf("-raw writes strings, numbers and bools, and %s is %s: use -json", o.Name, v.Type().FriendlyName())
		}
		if v.Type() == cty.String {
			fmt.Fprint(a.out, v.AsString())
		} else {
			fmt.Fprint(a.out, valueText(v, 0))
		}
	default: // asked for by name, so it is shown
		fmt.Fprintln(a.out, valueText(v, 0))
	}
	return nil
}
