package trace

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A Verdict is what OVN says of a packet.
type Verdict struct {
	Out      []string // the ports that the packet comes out of, by name
	Asks     []string // the ports out of which OVN asks for the next hop's MAC
	Asked    bool     // it asks at all
	Answers  string   // the datapath that answers a ping by itself, if one does
	Refuses  bool     // the sender is told that it may not
	Table    string   // the last one that it came to: 8 (ls_in_acl)
	Datapath string   // of that table
}

var (
	tableLine    = regexp.MustCompile(`^ *(\d+)\. (\w+)`)
	pipelineLine = regexp.MustCompile(`^ *(?:ingress|egress)\(dp="([^"]*)"`)
	outputLine   = regexp.MustCompile(`^output\("([^"]*)"\)`)
	echoLine     = regexp.MustCompile(`^icmp[46]\.type = (0|129)\b`)
)

// The titles of what ovn-trace prints.
const (
	detailedTitle = "# Detailed trace."
	minimalTitle  = "# Minimal trace."
)

// Read reads what ovn-trace has printed, asked by the words of a question.
func Read(text string) (Verdict, error) {
	_, rest, ok := strings.Cut(text, detailedTitle+"\n")
	detailed, minimal, ok2 := strings.Cut(rest, minimalTitle+"\n")
	if !ok || !ok2 {
		first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
		if len(first) > 200 {
			first = first[:200]
		}
		return Verdict{}, fmt.Errorf("ovn-trace answered %q", first)
	}
	var v Verdict
	for line := range strings.Lines(detailed) {
		if m := pipelineLine.FindStringSubmatch(line); m != nil {
			v.Datapath = m[1]
		}
		if m := tableLine.FindStringSubmatch(line); m != nil {
			v.Table = m[1] + " (" + m[2] + ")"
		}
		if echoLine.MatchString(strings.TrimSpace(line)) {
			v.Answers = v.Datapath
		}
	}
	if v.Table == "" {
		return Verdict{}, errors.New("ovn-trace's answer names no table")
	}
	var within []string
	for line := range strings.Lines(minimal) {
		line = strings.TrimSpace(line)
		block, opens := strings.CutSuffix(line, "{")
		switch {
		case opens:
			name, _, _ := strings.Cut(strings.TrimSpace(block), " ")
			within = append(within, name)
			v.Asked = v.Asked || name == "arp" || name == "nd_ns"
		case line == "};":
			if len(within) == 0 {
				return Verdict{}, errors.New("ovn-trace's answer closes a block that it has not opened")
			}
			within = within[:len(within)-1]
		default:
			if m := outputLine.FindStringSubmatch(line); m != nil {
				v.out(within, m[1])
			}
		}
		v.Refuses = v.Refuses || slices.ContainsFunc(within, refusal)
	}
	return v, nil
}

// out sorts an output by the blocks that it is in: some are of another packet than
// the one that was sent.
func (v *Verdict) out(within []string, port string) {
	switch {
	case slices.Contains(within, "arp") || slices.Contains(within, "nd_ns"):
		v.Asks = add(v.Asks, port)
	case !made(within):
		v.Out = add(v.Out, port)
	}
}

func add(all []string, port string) []string {
	if slices.Contains(all, port) {
		return all
	}
	return append(all, port)
}

func refusal(block string) bool {
	return slices.Contains([]string{"icmp4", "icmp4_error", "icmp6", "icmp6_error", "tcp_reset", "sctp_abort", "reject"}, block)
}

// made reports a packet of OVN's own making.
func made(within []string) bool {
	return slices.ContainsFunc(within, func(b string) bool {
		return refusal(b) || slices.Contains([]string{"arp", "nd_ns", "nd_na", "nd_na_router"}, b)
	})
}

// A Finding is a verdict held to what was worked out from rows.
type Finding struct {
	Arrives bool
	At      string // the port that it comes out of; "" when a router answers
	Agrees  bool
	// Told is false where ovn-trace can't follow the packet to its end: to a neighbour
	// for whom a router has to ask first, and past a balancer that remembers clients.
	Told bool
	// Sure is false where no record tells what OVN says.
	Sure bool
}

// Hold holds OVN's verdict on a packet, or on its reply, to the answer.
func (n *Net) Hold(a Answer, reply bool, v Verdict) Finding {
	arrives, out := a.Arrives || a.Out != "", a.Out
	if reply {
		arrives, out = a.Replied, a.Back
	}
	f := Finding{Arrives: v.Answers != "" || len(v.Out) > 0, Told: true, Sure: len(a.Hangs) == 0}
	switch {
	case v.Answers != "":
	case slices.Contains(v.Out, out): // a switch sends to every port what it knows no port for
		f.At = out
	case len(v.Out) > 0:
		f.At = v.Out[0]
	case v.Asked:
		i := slices.IndexFunc(v.Asks, n.Leaves)
		if f.Arrives = i >= 0; f.Arrives {
			f.At = v.Asks[i]
		}
		f.Told = !a.Neighbour || f.Arrives && f.At == out
	default:
		f.Told = !strings.HasSuffix(v.Table, "_lb_aff_learn)")
	}
	f.Agrees = arrives == f.Arrives && (!arrives || out == f.At)
	f.Told = f.Told || f.Agrees
	return f
}
