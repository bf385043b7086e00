package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/providers/ovn/trace"
)

// tracing is where a trace is told, and who is asked besides.
type tracing struct {
	out, err io.Writer
	style    style
	ovn      asking
}

// asking is how OVN is asked about packets. Both are unset on a cloud that is not on
// OVN, and when nobody wants it asked.
type asking struct {
	follow func(ctx context.Context, words []string) (string, error)
	cannot string // why it is not asked
}

func ovnOf(site *planner.Site, recorded bool) asking {
	if recorded || len(site.Cloud.OVN) == 0 {
		return asking{}
	}
	if sys := site.Systems.Of("port"); sys != nil && sys.Follow != nil {
		return asking{follow: sys.Follow}
	}
	return asking{cannot: "the cloud file names no southbound server"}
}

// asked asks OVN what was worked out already, tells what it says, and reports whether
// the packet and its reply arrive, by its word where it has one.
func (m *atlas) asked(ctx context.Context, t tracing, net *trace.Net, a trace.Answer) bool {
	arrives, replied := a.Arrives, a.Replied
	if t.ovn.cannot != "" {
		fmt.Fprintf(t.err, "OVN was not asked: %s.\n", t.ovn.cannot)
	}
	if t.ovn.follow == nil || a.Question.Datapath == "" { // the packet reaches no port of OVN
		return arrives && replied
	}
	v, err := ask(ctx, t.ovn, a.Question)
	if err != nil {
		notAsked(t.err, err)
		return arrives && replied
	}
	if says, differs := m.verdict(t, net, a, false, v); differs {
		if arrives = says; !a.Arrives {
			replied = arrives
		}
	}
	if !arrives || a.ReplyQuestion.Datapath == "" {
		return arrives && replied
	}
	if v, err = ask(ctx, t.ovn, a.ReplyQuestion); err != nil {
		notAsked(t.err, err)
		return replied
	}
	if says, differs := m.verdict(t, net, a, true, v); differs {
		replied = says
	}
	return replied
}

func ask(ctx context.Context, ovn asking, q trace.Question) (trace.Verdict, error) {
	printed, err := ovn.follow(ctx, q.Words())
	if err != nil {
		return trace.Verdict{}, err
	}
	return trace.Read(printed)
}

func notAsked(out io.Writer, err error) {
	if errors.Is(err, exec.ErrNotFound) {
		err = errors.New("ovn-trace is not installed here")
	}
	fmt.Fprintf(out, "OVN was not asked: %v.\n", err)
}

// verdict tells what OVN says of the packet or of its reply, and reports whether that
// arrives; differs is false where OVN agrees, or can't tell.
func (m *atlas) verdict(t tracing, net *trace.Net, a trace.Answer, reply bool, v trace.Verdict) (arrives, differs bool) {
	what := "the packet"
	if reply {
		what = "the reply"
	}
	f := net.Hold(a, reply, v)
	text := m.fate(net, what, f, v)
	switch {
	case !f.Told:
		text = fmt.Sprintf("OVN can't tell how %s fares: ovn-trace does not follow it past %s.", what, m.table(net, v))
	case f.Agrees:
		text = "OVN agrees: " + text + "."
	case !f.Sure:
		text = "OVN, which alone can tell, says: " + text + "."
	default:
		text = "OVN says otherwise: " + text + " (what is recorded is not what OVN has: `cairn drift` shows the difference)."
	}
	if f.Told && !f.Arrives {
		text = t.style.red(text)
	}
	fmt.Fprintln(t.out, text)
	return f.Arrives, f.Told && !f.Agrees
}

// fate is what becomes of a packet by OVN's word.
func (m *atlas) fate(net *trace.Net, what string, f trace.Finding, v trace.Verdict) string {
	name := m.name(net.Whose(f.At))
	switch {
	case v.Answers != "":
		return m.name(net.Whose(v.Answers)) + " answers it by itself"
	case f.Arrives && net.Leaves(f.At):
		return what + " leaves by the wire of " + name
	case f.Arrives && name != "":
		return what + " leaves at " + name
	case f.Arrives:
		return what + " leaves at port " + f.At + ", of which nothing is recorded"
	case v.Refuses:
		return what + " is refused at " + m.table(net, v)
	}
	return what + " is dropped at " + m.table(net, v)
}

func (m *atlas) table(net *trace.Net, v trace.Verdict) string {
	text := "table " + v.Table
	if name := m.name(net.Whose(v.Datapath)); name != "" {
		text += " of " + name
	}
	return text
}
