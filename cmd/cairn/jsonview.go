package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/cairncloud/cairn/planner"
)

// jsonView writes one event a line, with the names that Terraform's -json has,
// for CI and for programs.
type jsonView struct{ w io.Writer }

func (v jsonView) event(level, kind, message string, more map[string]any) {
	e := map[string]any{"@level": level, "@message": message, "@module": "cairn", "@timestamp": time.Now().UTC().Format(time.RFC3339Nano), "type": kind}
	for k, x := range more {
		e[k] = x
	}
	text, err := json.Marshal(e)
	if err != nil {
		panic("cairn: " + err.Error())
	}
	fmt.Fprintf(v.w, "%s\n", text)
}

func (v jsonView) diagnostics(diags hcl.Diagnostics) {
	for _, d := range diags {
		level := "error"
		if d.Severity == hcl.DiagWarning {
			level = "warn"
		}
		x := map[string]any{"severity": map[string]string{"error": "error", "warn": "warning"}[level], "summary": d.Summary, "detail": d.Detail}
		if r := d.Subject; r != nil {
			pos := func(p hcl.Pos) map[string]int {
				return map[string]int{"line": p.Line, "column": p.Column, "byte": p.Byte}
			}
			x["range"] = map[string]any{"filename": r.Filename, "start": pos(r.Start), "end": pos(r.End)}
		}
		v.event(level, "diagnostic", d.Summary, map[string]any{"diagnostic": x})
	}
}

func (v jsonView) resource(c *planner.Change) map[string]any {
	r := tfObject(c.Address)
	return map[string]any{"addr": r.Address, "module": c.Address.Module, "resource": c.Address.String(), "resource_type": r.Type, "resource_name": r.Name, "resource_key": r.Index}
}

func (v jsonView) plan(p *planner.Plan) {
	for _, d := range p.Drift {
		c := &planner.Change{Address: d.Address, Type: d.Type}
		var differs []string
		for _, x := range d.Differs {
			differs = append(differs, difference(x))
		}
		v.event("info", "resource_drift", d.Address.String()+": changed behind cairn's back", map[string]any{"change": map[string]any{"resource": v.resource(c), "action": "update", "differs": differs}})
	}
	for _, c := range p.Visible() {
		x := map[string]any{"resource": v.resource(c), "action": jsonAction(c.Action)}
		if c.Reason != "" {
			x["reason"] = c.Reason
		}
		v.event("info", "planned_change", fmt.Sprintf("%s: to %s", c.Address, c.Action), map[string]any{"change": x})
	}
	v.event("info", "change_summary", fmt.Sprintf("Plan: %d to create, %d to change, %d to replace, %d to destroy.", p.Count(planner.Create), p.Count(planner.Update),
		p.Count(planner.DeleteCreate, planner.CreateDelete), p.Count(planner.Delete, planner.DeleteDeposed)), map[string]any{"changes": map[string]any{
		"add": p.Count(planner.Create, planner.DeleteCreate, planner.CreateDelete), "change": p.Count(planner.Update),
		"remove": p.Count(planner.Delete, planner.DeleteDeposed, planner.DeleteCreate, planner.CreateDelete), "operation": "plan"}})
}

func jsonAction(a planner.Action) string {
	if a.Replaces() {
		return "replace"
	}
	if x := tfActions(a); len(x) == 1 {
		return x[0]
	}
	return string(a)
}

// jsonProgress is the progress of an apply as events.
type jsonProgress struct{ jsonView }

func (p jsonProgress) event(e planner.Event) {
	hook := map[string]any{"resource": p.resource(e.Change), "action": e.Part}
	switch e.Kind {
	case planner.StepStarted:
		p.jsonView.event("info", "apply_start", fmt.Sprintf("%s: %s begins", e.Change.Address, e.Part), map[string]any{"hook": hook})
	case planner.StepGoesOn:
		hook["elapsed_seconds"] = e.Elapsed.Seconds()
		p.jsonView.event("info", "apply_progress", fmt.Sprintf("%s: %s", e.Change.Address, e.Says), map[string]any{"hook": hook})
	case planner.StepDone:
		hook["elapsed_seconds"] = e.Elapsed.Seconds()
		p.jsonView.event("info", "apply_complete", fmt.Sprintf("%s: %s", e.Change.Address, done(e)), map[string]any{"hook": hook})
	case planner.StepFailed:
		hook["elapsed_seconds"] = e.Elapsed.Seconds()
		p.jsonView.event("error", "apply_errored", fmt.Sprintf("%s: %s", e.Change.Address, e.Err), map[string]any{"hook": hook})
	case planner.StepSkipped:
		p.jsonView.event("info", "apply_skipped", fmt.Sprintf("%s: not begun", e.Change.Address), map[string]any{"hook": hook})
	}
}

func (p jsonProgress) close() {}

func (v jsonView) outcome(out *planner.Outcome) {
	outputs := map[string]any{}
	for _, o := range out.Outputs {
		t, value, err := typeAndValue(o.After)
		if err != nil {
			continue
		}
		x := map[string]any{"sensitive": o.Sensitive, "type": t}
		if !o.Sensitive {
			x["value"] = value
		}
		outputs[o.Name] = x
	}
	v.event("info", "change_summary", fmt.Sprintf("%d created, %d changed, %d destroyed.", out.Created, out.Changed, out.Deleted), map[string]any{
		"run": out.Run, "changes": map[string]any{"add": out.Created, "change": out.Changed, "remove": out.Deleted, "skipped": out.Skipped, "operation": "apply"}})
	v.event("info", "outputs", fmt.Sprintf("%d outputs", len(outputs)), map[string]any{"outputs": outputs})
}
