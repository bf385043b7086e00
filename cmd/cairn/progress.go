package main

import (
	"fmt"
	"io"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources/address"
)

// progress shows an apply as it goes: a bar on a terminal, a line a step
// elsewhere.
type progress interface {
	event(planner.Event)
	close()
}

func (a *app) progress() progress {
	if a.json {
		return jsonProgress{jsonView{a.out}}
	}
	lines := &lineProgress{w: a.out, style: styleOf(a.out, a.noColor)}
	if !isTerminal(a.out) {
		return lines
	}
	return newBar(a.out, lines)
}

// lineProgress writes what ended, and what takes long.
type lineProgress struct {
	w io.Writer
	style
}

// quiet is how short a step may be so that its beginning is not worth a line.
const quiet = 2 * time.Second

func (l *lineProgress) event(e planner.Event) {
	if text := l.text(e); text != "" {
		fmt.Fprintln(l.w, text)
	}
}

func (l *lineProgress) close() {}

func (l *lineProgress) text(e planner.Event) string {
	took := ""
	if e.Elapsed >= quiet {
		took = fmt.Sprintf(" after %s", e.Elapsed.Round(100*time.Millisecond))
	}
	switch e.Kind {
	case planner.StepGoesOn:
		return fmt.Sprintf("%s%s: %s%s", l.dim(fmt.Sprintf("[%d/%d] ", e.Done, e.Total)), e.Change.Address, e.Says, took)
	case planner.StepDone:
		return fmt.Sprintf("%s%s: %s%s", l.dim(fmt.Sprintf("[%d/%d] ", e.Done, e.Total)), e.Change.Address, done(e), took)
	case planner.StepFailed:
		return fmt.Sprintf("%s%s: %s%s", l.dim(fmt.Sprintf("[%d/%d] ", e.Done, e.Total)), e.Change.Address, l.red(e.Part+" failed"), took)
	}
	return ""
}

func done(e planner.Event) string {
	switch e.Part {
	case "create":
		return "created"
	case "update":
		return "changed"
	case "delete":
		return "destroyed"
	}
	switch {
	case e.Change.Action == planner.Forget:
		return "forgotten"
	case e.Change.Imported != "":
		return "imported"
	case e.Change.Moved != (address.Object{}):
		return "moved"
	}
	return "recorded"
}

// bar is a live display: what runs, how many are done, how long is left.
type bar struct {
	all   *mpb.Progress
	bar   *mpb.Bar
	lines *lineProgress
	doing string
}

func newBar(w io.Writer, lines *lineProgress) *bar {
	b := &bar{all: mpb.New(mpb.WithOutput(w), mpb.WithWidth(40), mpb.WithAutoRefresh()), lines: lines}
	b.bar = b.all.AddBar(0,
		mpb.PrependDecorators(decor.CountersNoUnit("%d/%d ")),
		mpb.AppendDecorators(decor.AverageETA(decor.ET_STYLE_GO), decor.Any(func(decor.Statistics) string { return "  " + b.doing })),
		mpb.BarRemoveOnComplete())
	return b
}

func (b *bar) event(e planner.Event) {
	switch e.Kind {
	case planner.StepStarted:
		b.doing = fmt.Sprintf("%s %s", e.Part, e.Change.Address)
		return
	case planner.StepGoesOn:
		b.doing = fmt.Sprintf("%s: %s", e.Change.Address, e.Says)
		return
	}
	if text := b.lines.text(e); text != "" {
		_, _ = fmt.Fprintln(b.all, text)
	}
	b.bar.SetTotal(int64(e.Total), false)
	b.bar.SetCurrent(int64(e.Done))
}

func (b *bar) close() {
	b.bar.SetTotal(-1, true)
	b.all.Wait()
}
