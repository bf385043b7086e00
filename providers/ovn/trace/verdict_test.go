package trace_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cairncloud/cairn/providers/ovn/trace"
	"github.com/cairncloud/cairn/providers/providertest"
)

// printed is what ovn-trace prints, cut down to what matters.
func printed(table, minimal string) string {
	return "# tcp,reg14=0x4\n# Detailed trace.\n\ningress(dp=\"d1\", inport=\"p1\")\n-----\n 0. ls_in_check_port_sec (northd.c:1): 1, priority 50, uuid d551b259\n    next;\n" +
		table + "# Minimal trace.\n" + minimal
}

func TestRead(t *testing.T) {
	t.Parallel()
	const begin, none = " 8. ls_in_acl (northd.c:2): 1, priority 2, uuid 1\n", ""
	for _, c := range []struct {
		reason, text string
		want         trace.Verdict
		fails        string
	}{
		{"it comes out", printed(begin, "ct_next(ct_state=new|trk) {\n    output(\"p2\");\n};\n"), trace.Verdict{Out: []string{"p2"}, Table: "8 (ls_in_acl)", Datapath: "d1"}, none},
		{"it is dropped", printed(begin, "ct_lb_mark {\n    ct_lb_mark;\n};\n"), trace.Verdict{Table: "8 (ls_in_acl)", Datapath: "d1"}, none},
		{"it is dropped in another datapath, where no flow matches", printed("egress(dp=\"d2\", inport=\"a\", outport=\"b\")\n----\n12. lr_in_ip_routing: no match (implicit drop)\n", ""),
			trace.Verdict{Table: "12 (lr_in_ip_routing)", Datapath: "d2"}, none},
		{"it is refused: what comes out is the refusal", printed(begin, "ct_lb_mark {\n    icmp4 {\n        output(\"p1\");\n    };\n};\n"),
			trace.Verdict{Refuses: true, Table: "8 (ls_in_acl)", Datapath: "d1"}, none},
		{"a connection is refused", printed(begin, "tcp_reset {\n    output(\"p1\");\n};\n"), trace.Verdict{Refuses: true, Table: "8 (ls_in_acl)", Datapath: "d1"}, none},
		{"it is flooded", printed(begin, "output(\"p2\");\noutput(\"p3\");\noutput(\"p2\");\n"), trace.Verdict{Out: []string{"p2", "p3"}, Table: "8 (ls_in_acl)", Datapath: "d1"}, none},
		{"a router asks for the next hop", printed(begin, "eth.dst = 00:00:00:00:00:00;\narp {\n    arp.op = 1;\n    clone {\n        output(\"w\");\n    };\n};\n"),
			trace.Verdict{Asks: []string{"w"}, Asked: true, Table: "8 (ls_in_acl)", Datapath: "d1"}, none},
		{"a router answers", printed(" 3. lr_in_ip_input (northd.c:3): 1\n    icmp4.type = 0;\n    next;\n"+begin, "icmp4.type = 0;\noutput(\"p1\");\n"),
			trace.Verdict{Out: []string{"p1"}, Answers: "d1", Table: "8 (ls_in_acl)", Datapath: "d1"}, none},
		{"a datapath that is not there", "unknown datapath \"nonet\"\n", trace.Verdict{}, `answered "unknown datapath \"nonet\""`},
		{"a microflow that is none", "error parsing flow: Syntax error\n", trace.Verdict{}, "error parsing flow"},
		{"nothing", "", trace.Verdict{}, `answered ""`},
		{"one long line", strings.Repeat("x", 1<<20), trace.Verdict{}, "xxx"},
		{"an end without a beginning", printed(begin, "};\n"), trace.Verdict{}, "not opened"},
		{"no tables", "# Detailed trace.\n# Minimal trace.\n", trace.Verdict{}, "names no table"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			got, err := trace.Read(c.text)
			if !reflect.DeepEqual(got, c.want) || (err == nil) != (c.fails == "") || err != nil && (!strings.Contains(err.Error(), c.fails) || len(err.Error()) > 400) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// FuzzRead: foreign text is read to an end, and nothing is made of it.
func FuzzRead(f *testing.F) {
	f.Add(printed(" 8. ls_in_acl (x): 1\n", "ct_next {\n output(\"a\");\n};\n"))
	f.Fuzz(func(t *testing.T, text string) {
		v, err := trace.Read(text)
		if err == nil && v.Table == "" {
			t.Error("a verdict without a table")
		}
	})
}

// What OVN is asked about the app's packets, word for word.
func TestQuestions(t *testing.T) {
	t.Parallel()
	app := providertest.NewApp()
	n := net(app)
	web, db := trace.End{Port: app.Web.ID}, trace.End{Port: app.DB.ID}
	addr := func(s string) trace.End { return trace.End{Addr: netip.MustParseAddr(s)} }
	tcp := func(port int) trace.Packet { return trace.Packet{Protocol: "tcp", Port: port} }
	var b strings.Builder
	for _, c := range []struct {
		reason   string
		from, to trace.End
		p        trace.Packet
	}{
		{"to a neighbour, and back", trace.End{Port: app.App.ID}, db, tcp(5432)},
		{"to the internet, by the router", web, trace.End{Internet: true}, tcp(80)},
		{"from the internet: by the wire, to the gateway", trace.End{Internet: true}, web, tcp(443)},
		{"to a balancer: to the router that answers for it", web, addr("10.20.0.50"), tcp(80)},
		{"a ping, to an address that ports take by turns", db, addr("10.20.0.40"), trace.Packet{Protocol: "icmp"}},
		{"from an address that ports take by turns", addr("10.20.0.40"), db, tcp(1)},
		{"IPv6", web, addr("2001:db8:1::1"), trace.Packet{Protocol: "icmp"}},
		{"to nobody: nothing is sent", web, addr("10.20.0.99"), tcp(1)},
		{"from outside to nobody", trace.End{Internet: true}, addr("203.0.113.23"), tcp(1)},
	} {
		a, err := n.Trace(c.from, c.to, c.p)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "# %s\n", c.reason)
		for _, q := range []trace.Question{a.Question, a.ReplyQuestion} {
			if q.Datapath == "" {
				fmt.Fprintln(&b, "-")
				continue
			}
			words := q.Words()
			fmt.Fprintf(&b, "%s %s\n", words[3], strings.Join(words[len(words)-2:], "\n  "))
			if q.Member.IsValid() {
				fmt.Fprintln(&b, "  --lb-dst="+q.Member.String())
			}
		}
	}
	golden := filepath.Join("testdata", "questions")
	if os.Getenv("UPDATE") != "" {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || b.String() != string(want) {
		t.Errorf("%v\n%s", err, &b)
	}
}
