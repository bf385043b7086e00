package provider

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/cairncloud/cairn/lang"
	"github.com/cairncloud/cairn/planner"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/samples"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// plain is an error without what is another one each time.
func (l *lab) plain(err error) string {
	if err == nil {
		return ""
	}
	text := strings.ReplaceAll(err.Error(), l.dir, "DIR")
	if cwd, err := os.Getwd(); err == nil {
		text = strings.ReplaceAll(text, cwd, "CWD")
	}
	text = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).ReplaceAllString(text, "ID")
	return regexp.MustCompile(`until \d\d:\d\d:\d\d`).ReplaceAllString(text, "until TIME")
}

// blames checks that an error is a refusal that says this.
func (l *lab) blames(reason string, err error, want string) {
	l.Helper()
	var r *refusal
	if !errors.As(err, &r) || l.plain(err) != want {
		l.Errorf("%s was answered with\n%s\nwant\n%s", reason, l.plain(err), want)
	}
}

// What can't be configured is blamed on the attribute that says it, with what to
// do about it.
func TestBadProviderBlocks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		file   string // the cloud's file; "": a good one
		more   map[string]cty.Value
		want   string
	}{
		{"a file that is not there", "", set("cloud", "nowhere.hcl"), "error at cloud: The cloud can't be opened: the cloud file nowhere.hcl can't be read: stat nowhere.hcl: no such file or directory."},
		{"a file that is no HCL", "cloud \"lab\" {\n", nil, "error at cloud: The cloud can't be opened: DIR/cloud.hcl:1,13-14: Unclosed configuration block; There is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file."},
		{"a file without a cloud", "\n", nil, "error at cloud: The cloud can't be opened: DIR/cloud.hcl:1,1-1: A cloud file describes one cloud; This one has 0 cloud blocks. Write cloud \"name\" { ... } once."},
		{"a mistyped word", "cloud \"lab\" {\n  sate = \"sqlite:x\"\n}\n", nil, "error at cloud: The cloud can't be opened: DIR/cloud.hcl:2,3-7: Unsupported argument; An argument named \"sate\" is not expected here. Did you mean \"state\"?"},
		{"a database of an unknown kind", "cloud \"lab\" {\n  state = \"raft\"\n}\n", nil, "error at cloud: The cloud can't be opened: cloud lab: state = \"raft\" is not known; write \"sqlite:FILE\"."},
		{"a cloud given twice", "", set("config", "cloud \"x\" {}"), "error at config: The cloud can't be opened: the cloud is given twice: take cloud or config out."},
		{"a text that is no cloud", "", map[string]cty.Value{"cloud": cty.NullVal(cty.String), "config": cty.StringVal("nonsense")}, "error at config: The cloud can't be opened: config:1,1-9: Argument or block definition required; An argument or block definition is required here. To set an argument, use the equals sign \"=\" to introduce the argument value."},
		{"a name that no stack can have", "", set("stack", "a b"), "error at stack: \"a b\" can't be the name of a stack: A name begins with a letter and has letters, digits, - and _. Write stack = \"name\" into the provider block."},
		{"a time that is none", "", set("reservation_time", "soon"), "error at reservation_time: Unsuitable time: \"soon\" is no time between 1s and 24h, such as 15m."},
		{"a time that is too long", "", set("reservation_time", "48h"), "error at reservation_time: Unsuitable time: \"48h\" is no time between 1s and 24h, such as 15m."},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := c.file
			if file == "" {
				file = cloudText
			}
			if err := os.WriteFile(filepath.Join(dir, "cloud.hcl"), []byte(file), 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := tryLab(t, dir, c.more, false)
			l.blames(c.reason, err, c.want)
		})
	}
}

func TestLedgerOfANewerVersion(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	l.one("resource \"cairn_network\" \"n\" {}", l.scope())
	l.close()
	if _, err := l.open(filepath.Join(".cairn", "cairn.db")).Exec("PRAGMA user_version = 1000"); err != nil {
		t.Fatal(err)
	}
	again, err := tryLab(t, l.dir, nil, false)
	again.blames("a newer ledger", err, "error at cloud: The cloud can't be opened: the database was written by a newer cairn: DIR/.cairn/cairn.db has version 1000, this program knows 3; use a newer cairn. Use a provider of the same version as the newest cairn that works on this cloud.")
}

// What no object can have is blamed on the attribute, as deep as it lies.
func TestBadConfigurations(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	in := l.scope()
	l.makeAll(samples.Network, in)
	for _, c := range []struct{ reason, typ, body, want string }{
		{"a range that is none", "cairn_subnet", `network_id = cairn_network.n.id, cidr = "10.0.0.0/33"`, "error at cidr: Unsuitable value for cidr: \"10.0.0.0/33\" can't be read: prefix length out of range."},
		{"a range with host bits", "cairn_subnet", `network_id = cairn_network.n.id, cidr = "10.0.0.1/24"`, "error at cidr: The range has host bits: Write 10.0.0.0/24, or a longer prefix. `cairn explain CRN-CIDR-2` says more."},
		{"a range that is taken", "cairn_subnet", `network_id = cairn_network.n.id, cidr = "10.1.0.0/25"`, "error at cidr: The range overlaps another subnet of the network: subnet.terraform[\"ID\"] has a part of 10.1.0.0/25. Choose another range. `cairn explain CRN-CIDR-1` says more."},
		{"a mistyped word of few", "cairn_server_group", `policy = "afinity"`, "error at policy: Unsuitable value for policy: It must be one of affinity, anti-affinity, soft-affinity, soft-anti-affinity; did you mean \"affinity\"?"},
		{"a number out of its range", "cairn_flavor", `name = "x", vcpus = 0, ram_mb = 64`, "error at vcpus: Unsuitable value for vcpus: It must be at least 1."},
		{"a number inside an object of a list", "cairn_security_group", `rules = [{ direction = "egress" }, { direction = "ingress", protocol = "tcp", port_range_min = 1, port_range_max = 70000 }]`, "error at rules[1].port_range_max: Unsuitable value for rules[1].port_range_max: It must be at most 65535."},
		{"a rule of a list that can't be", "cairn_security_group", `rules = [{ direction = "egress" }, { direction = "ingress", protocol = "tpc" }]`, "error at rules[1]: There is no protocol \"tpc\": Use a name such as tcp, udp or icmp, or a number from 0 to 255. Did you mean \"tcp\"? `cairn explain CRN-SG-1` says more."},
		{"a reference to nothing", "cairn_port", `network_id = "5f0c0000-0000-4000-8000-000000000000"`, "error at network_id: There is no such network: No network has the id \"ID\"."},
		{"an address outside", "cairn_port", `network_id = cairn_network.n.id, fixed_ips = [{ ip_address = "10.9.0.1" }]`, "error at fixed_ips[0]: The address is in none of the network's subnets: No subnet of the network holds 10.9.0.1. `cairn explain CRN-CIDR-2` says more."},
		{"a text for a time", "cairn_network", `timeouts = { create = "soon" }`, "error at timeouts: Unsuitable timeout: create: \"soon\" is no time such as 30s or 10m."},
		{"an empty name", "cairn_network", `name = ""`, "error at name: name is empty: cairn would choose it, and Terraform wants it as it is written. Leave it out or write null, for cairn to choose."},
		{"an empty list of what cairn chooses", "cairn_port", `network_id = cairn_network.n.id, fixed_ips = []`, "error at fixed_ips: fixed_ips is not what the plan has shown: What it was chosen from was changed since, perhaps by the same apply, or it was left empty for cairn to choose. Nothing was made of it: plan again, and leave out what cairn is to choose."},
		{"an empty address in a list", "cairn_port", `network_id = cairn_network.n.id, fixed_ips = [{ subnet_id = cairn_subnet.s.id, ip_address = "" }]`, "error at fixed_ips[0].ip_address: fixed_ips[0].ip_address is empty: cairn would choose it, and Terraform wants it as it is written. Leave it out or write null, for cairn to choose."},
		{"a null in a list", "cairn_port", `network_id = cairn_network.n.id, fixed_ips = [null]`, "error at fixed_ips[0]: Unsuitable value for fixed_ips[0]: An element must not be null."},
		{"a null in a list of texts", "cairn_subnet", `network_id = cairn_network.n.id, cidr = "10.2.0.0/24", dns_nameservers = [null]`, "error at dns_nameservers[0]: Unsuitable value for dns_nameservers[0]: An element must not be null."},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			_, err := l.make(t.Context(), l.none(c.typ), l.says(c.typ, c.body, in))
			l.blames(c.reason, err, c.want)
		})
	}
}

// As long as the provider's configuration is not known, what can be planned
// without a cloud is; or all is put off, where Terraform can.
func TestUnknownProviderBlock(t *testing.T) {
	t.Parallel()
	for _, deferral := range []bool{false, true} {
		t.Run(fmt.Sprint("deferral ", deferral), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			l, err := tryLab(t, dir, map[string]cty.Value{"cloud": cty.UnknownVal(cty.String)}, deferral)
			if err != nil {
				t.Fatal(err)
			}
			config := l.says("cairn_network", `name = "n"`, l.scope())
			p, err := l.plan(t.Context(), l.none("cairn_network"), config)
			if err != nil {
				t.Fatal(err)
			}
			if p.deferred != deferral {
				t.Errorf("the plan is deferred: %t", p.deferred)
			}
			if _, err := os.Stat(filepath.Join(dir, ".cairn")); err == nil {
				t.Error("a cloud was opened all the same")
			}
			if deferral {
				return
			}
			if p.state.GetAttr("id").IsKnown() || !p.state.GetAttr("name").RawEquals(cty.StringVal("n")) {
				t.Errorf("the plan is %#v", p.state)
			}
			const why = "the provider's configuration hangs on something that is not known yet: apply that first, for example with -target."
			_, err = l.apply(t.Context(), p, config)
			l.blames("an apply", err, "error: The cloud is not known: "+why)
			_, err = l.imports(t.Context(), "cairn_network", "n", false)
			l.blames("an import", err, "error: The cloud is not known: "+why)
			_, err = l.look(t.Context(), "cairn_network", set("name", "n"))
			l.blames("a data source", err, "error: The cloud is not known: "+why)
			_, err = l.list(t.Context(), "cairn_network", nil, false, 0)
			l.blames("a query", err, "error: Nothing can be listed: "+why)
			o := l.none("cairn_network")
			o.state = l.says("cairn_network", `name = "n"`, l.scope())
			now, err := l.server.ReadResource(t.Context(), readOf(l, o))
			if err != nil || len(now.Diagnostics) > 0 {
				t.Errorf("a read was answered with %v %v", err, told(now.Diagnostics))
			}
		})
	}
}

// A stack is one front end's: cairn's or Terraform's.
func TestStackOfAnotherFrontEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	site := l.site()
	l.cairn(site, "native", "resource \"network\" \"n\" {}")
	again, err := tryLab(t, l.dir, set("stack", "native"), false)
	again.blames("a stack of cairn's", err, "error at stack: The stack can't be used: stack native is kept by cairn, not by terraform. Every front end needs a stack of its own: give this one another name with `stack` in the provider block, or hand the stack over with `cairn state import-terraform` or `cairn state export-terraform`.")
	l.one("resource \"cairn_network\" \"n\" {}", l.scope())
	l.close()
	_, err = site.Store.Lock(t.Context(), "lab", state.Me("apply"), 0)
	if want := "lock: stack lab is kept by terraform, not by cairn"; !errors.Is(err, state.ErrFront) || err.Error() != want {
		t.Errorf("cairn was answered with %v, want %s", err, want)
	}
}

// cairn applies a stack of cairn's own.
func (l *lab) cairn(site *planner.Site, stack, config string) {
	l.Helper()
	dir := l.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.stack.hcl"), []byte(fmt.Sprintf("stack %q {}\n%s", stack, config)), 0o600); err != nil {
		l.Fatal(err)
	}
	conf, diags := lang.Load(dir, lang.Options{Types: resources.All()})
	if diags.HasErrors() {
		l.Fatal(diags)
	}
	if err := planner.EnsureBuiltin(l.Context(), site, state.Me("apply")); err != nil {
		l.Fatal(err)
	}
	lease, err := site.Store.Lock(l.Context(), stack, state.Me("apply"), 0)
	if err != nil {
		l.Fatal(err)
	}
	p, diags := planner.Make(l.Context(), site, conf, planner.Options{})
	if diags.HasErrors() {
		l.Fatal(diags)
	}
	out, err := p.Apply(l.Context(), lease, planner.ApplyOptions{Command: "apply", Parallelism: 1})
	if err == nil {
		err = out.Err()
	}
	if err := errors.Join(err, lease.Release()); err != nil {
		l.Fatal(err)
	}
}

// smallWire has room for 61 ports.
const smallWire = `
resource "cairn_network" "n" {
  name = "n"
}
resource "cairn_subnet" "s" {
  name       = "s"
  network_id = cairn_network.n.id
  cidr       = "10.1.0.0/26"
}
`

// Two workspaces that fill one subnet at the same time never get the same
// address, and get every one there is.
func TestTwoProvidersOnOneSubnet(t *testing.T) {
	t.Parallel()
	for _, reserve := range []bool{false, true} {
		t.Run(fmt.Sprint("reservations ", reserve), func(t *testing.T) {
			t.Parallel()
			more := map[string]cty.Value{"plan_reservations": cty.BoolVal(reserve)}
			a := newLab(t, more)
			in := a.scope()
			a.makeAll(smallWire, in)
			more["stack"] = cty.StringVal("other")
			b := openLab(t, a.dir, more)
			type result struct {
				l        *lab
				o        object
				err      error
				foretold string
			}
			results := make(chan result)
			const each = 50
			for _, l := range []*lab{a, b} {
				for i := range each {
					config := l.says("cairn_port", fmt.Sprintf(`name = "%p-%d", network_id = cairn_network.n.id`, l, i), in)
					go func() {
						r := result{l: l}
						var p planned
						if p, r.err = l.plan(t.Context(), l.none("cairn_port"), config); r.err == nil {
							r.foretold = addressOf(p.state)
							r.o, r.err = l.apply(t.Context(), p, config)
						}
						results <- r
					}()
				}
			}
			had := map[string]string{}
			var made []result
			for range 2 * each {
				r := <-results
				if r.err != nil {
					r.l.blames("a port too many", r.err, "error: No address is left: All 61 addresses of the pools of subnet s (10.1.0.0/26) are taken. Give it larger pools, or use another subnet. `cairn explain CRN-IP-1` says more.")
					continue
				}
				got, id := addressOf(r.o.state), text(r.o.state, "id")
				if other := had[got]; other != "" {
					t.Errorf("%s and %s both have %s", other, id, got)
				}
				had[got] = id
				if reserve != (r.foretold != "") || reserve && r.foretold != got {
					t.Errorf("the plan has shown %q, and it is %s", r.foretold, got)
				}
				made = append(made, r)
			}
			if len(had) != 61 {
				t.Errorf("%d addresses were given, of 61", len(had))
			}
			for _, r := range made {
				if _, err := r.l.remove(t.Context(), r.o); err != nil {
					t.Error(err)
				}
			}
			a.removeAll(in)
			for _, stack := range []string{"lab", "other"} {
				b.close()
				if left := a.left(stack); len(left) > 0 {
					t.Errorf("stack %s leaves %q behind", stack, left)
				}
			}
		})
	}
}

// addressOf is the first address of a port, "" when it is not known.
func addressOf(port cty.Value) string {
	f := port.GetAttr("fixed_ips")
	if !f.IsKnown() || f.IsNull() || f.LengthInt() == 0 {
		return ""
	}
	return text(f.Index(cty.Zero), "ip_address")
}

// tinyWire has room for one port.
var tinyWire = strings.ReplaceAll(smallWire, "/26", "/30")

// What a plan has shown is kept for as long as it says, and no longer.
func TestReservationRunsOut(t *testing.T) {
	t.Parallel()
	a := newLab(t, map[string]cty.Value{"plan_reservations": cty.True, "reservation_time": cty.StringVal("2s")})
	in := a.scope()
	a.makeAll(tinyWire, in)
	b := openLab(t, a.dir, set("stack", "other"))
	mine := a.says("cairn_port", `name = "mine", network_id = cairn_network.n.id`, in)
	theirs := b.says("cairn_port", `name = "theirs", network_id = cairn_network.n.id`, in)
	const full = "error: No address is left: All 1 addresses of the pools of subnet s (10.1.0.0/30) are taken. Give it larger pools, or use another subnet. `cairn explain CRN-IP-1` says more."

	begun := time.Now()
	p, err := a.plan(t.Context(), a.none("cairn_port"), mine)
	if err != nil || addressOf(p.state) != "10.1.0.2" {
		t.Fatalf("the plan shows %#v %v", p.state, err)
	}
	_, err = b.make(t.Context(), b.none("cairn_port"), theirs)
	b.blames("what is reserved", err, full)
	time.Sleep(time.Until(begun.Add(1200 * time.Millisecond)))
	again, err := a.plan(t.Context(), a.none("cairn_port"), mine) // the same, and kept from now on
	if err != nil || !again.state.RawEquals(p.state) {
		t.Fatalf("the plan showed %#v and shows %#v %v", p.state, again.state, err)
	}
	time.Sleep(time.Until(begun.Add(2200 * time.Millisecond)))
	_, err = b.make(t.Context(), b.none("cairn_port"), theirs)
	b.blames("what is reserved again", err, full)
	time.Sleep(time.Until(begun.Add(3400 * time.Millisecond)))
	their, err := b.make(t.Context(), b.none("cairn_port"), theirs)
	if err != nil || addressOf(their.state) != "10.1.0.2" {
		t.Fatalf("what nobody keeps any more: %#v %v", their.state, err)
	}
	_, err = a.apply(t.Context(), p, mine)
	a.blames("an apply of what ran out and went to somebody else", err,
		"error: What was reserved until TIME is taken: A plan has shown address on network ID 10.1.0.2 for it, and port.terraform[\"ID\"] of stack other got it when the reservation had run out. Plan again: another one is chosen.")
	next, err := a.plan(t.Context(), a.none("cairn_port"), mine)
	if want := strings.Replace(full, "error", "warning", 1); err != nil || !slices.Equal(next.warnings, []string{want}) {
		t.Errorf("the next plan warns with %q %v, want %s", next.warnings, err, want)
	}
	_, err = a.apply(t.Context(), next, mine)
	a.blames("the next apply", err, full)
	if _, err := b.remove(t.Context(), their); err != nil {
		t.Fatal(err)
	}
	a.close()
	a = openLab(t, a.dir, map[string]cty.Value{"plan_reservations": cty.True}) // the next run
	o, err := a.make(t.Context(), a.none("cairn_port"), mine)
	if err != nil || addressOf(o.state) != "10.1.0.2" {
		t.Fatalf("once it is free: %#v %v", o.state, err)
	}
	in.put("cairn_port.p", o)
	a.removeAll(in)
	a.nothingLeft()
}

// A reservation that ran out and that nobody took is as good as ever.
func TestReservationRunsOutUnnoticed(t *testing.T) {
	t.Parallel()
	l := newLab(t, map[string]cty.Value{"plan_reservations": cty.True, "reservation_time": cty.StringVal("1s")})
	in := l.scope()
	l.makeAll(smallWire, in)
	config := l.says("cairn_port", `name = "p", network_id = cairn_network.n.id`, in)
	p, err := l.plan(t.Context(), l.none("cairn_port"), config)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	o, err := l.apply(t.Context(), p, config)
	if err != nil {
		t.Fatal(err)
	}
	in.put("cairn_port.p", o)
	l.removeAll(in)
	l.nothingLeft()
}

// A plan that is never applied leaves nothing for good.
func TestReservationIsGivenBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, map[string]cty.Value{"plan_reservations": cty.True, "reservation_time": cty.StringVal("1s")})
	in := l.scope()
	l.makeAll(tinyWire, in)
	if _, err := l.plan(t.Context(), l.none("cairn_port"), l.says("cairn_port", `name = "never", network_id = cairn_network.n.id`, in)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond)
	o, err := l.make(t.Context(), l.none("cairn_port"), l.says("cairn_port", `name = "now", network_id = cairn_network.n.id`, in))
	if err != nil || addressOf(o.state) != "10.1.0.2" {
		t.Fatalf("another one of the same stack: %#v %v", o.state, err)
	}
	in.put("cairn_port.p", o)
	l.removeAll(in)
	l.nothingLeft()
}

// Between plan and apply somebody takes what the author has named.
func TestTakenBetweenPlanAndApply(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ reason, mine, theirs, want string }{
		{"an address", `name = "mine", network_id = cairn_network.n.id, fixed_ips = [{ ip_address = "10.1.0.7" }]`, `name = "theirs", network_id = cairn_network.n.id, fixed_ips = [{ ip_address = "10.1.0.7" }]`,
			"error at fixed_ips[0]: The address 10.1.0.7 is taken: port.terraform[\"ID\"] of stack other has it. Choose another one, or leave it to cairn. `cairn explain CRN-IP-1` says more."},
		{"a MAC", `name = "mine", network_id = cairn_network.n.id, mac_address = "fa:16:3e:00:00:07"`, `name = "theirs", network_id = cairn_network.n.id, mac_address = "fa:16:3e:00:00:07"`,
			"error at mac_address: The MAC fa:16:3e:00:00:07 is taken: port.terraform[\"ID\"] of stack other has it on this network. Choose another one, or leave it to cairn. `cairn explain CRN-IP-1` says more."},
		{"a name", `name = "same", network_id = cairn_network.n.id`, `name = "same", network_id = cairn_network.n.id`,
			"error at name: There is a port named \"same\" already: port.terraform[\"ID\"] of stack other has that name. Choose another one, or leave it to cairn. `cairn explain CRN-NAME` says more."},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			a := newLab(t, nil)
			in := a.scope()
			a.makeAll(smallWire, in)
			b := openLab(t, a.dir, set("stack", "other"))
			mine := a.says("cairn_port", c.mine, in)
			p, err := a.plan(t.Context(), a.none("cairn_port"), mine)
			if err != nil {
				t.Fatal(err)
			}
			their, err := b.make(t.Context(), b.none("cairn_port"), b.says("cairn_port", c.theirs, in))
			if err != nil {
				t.Fatal(err)
			}
			o, err := a.apply(t.Context(), p, mine)
			a.blames(c.reason, err, c.want)
			if !o.state.IsNull() {
				t.Errorf("something was made all the same: %#v", o.state)
			}
			if _, err := b.remove(t.Context(), their); err != nil {
				t.Fatal(err)
			}
			a.close()
			a = openLab(t, a.dir, nil) // the next run
			if o, err = a.make(t.Context(), o, mine); err != nil {
				t.Errorf("once it is free: %s", err)
			}
			in.put("cairn_port.p", o)
			a.removeAll(in)
			a.nothingLeft()
		})
	}
}

// Objects that are gone behind Terraform's back leave its state, and their
// address can be had again.
func TestGoneBehindTheBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		vanish func(l *lab, o object)
		all    bool // the whole cloud goes
	}{
		{reason: "by its system", vanish: func(l *lab, o object) {
			site := l.site()
			h := site.Systems.For("port")
			x, err := h.Import(l.Context(), text(o.state, "id"))
			if err == nil {
				err = h.Delete(l.Context(), nil, x)
			}
			if err != nil {
				l.Fatal(err)
			}
		}},
		{reason: "with all of the embedded cloud", all: true, vanish: func(l *lab, _ object) {
			l.close()
			for _, name := range []string{"embedded.db", "embedded.db-wal", "embedded.db-shm"} {
				if err := os.RemoveAll(filepath.Join(l.dir, ".cairn", name)); err != nil {
					l.Fatal(err)
				}
			}
		}},
		{reason: "with the whole folder, ledger and all", all: true, vanish: func(l *lab, _ object) {
			l.close()
			if err := os.RemoveAll(filepath.Join(l.dir, ".cairn")); err != nil {
				l.Fatal(err)
			}
		}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			in := l.scope()
			const port = `
resource "cairn_port" "p" {
  name       = "p"
  network_id = cairn_network.n.id
  fixed_ips  = [{ ip_address = "10.1.0.7" }]
}
`
			l.makeAll(smallWire+port, in)
			c.vanish(l, in.objects["cairn_port.p"])
			l = openLab(t, l.dir, nil)
			for address, o := range in.objects {
				now, err := l.refresh(t.Context(), o)
				if err != nil {
					t.Fatalf("refresh %s: %s", address, err)
				}
				if gone := c.all || o.typ == "cairn_port"; gone != now.state.IsNull() {
					t.Errorf("%s is read as %#v", address, now.state)
				}
				in.objects[address] = now
			}
			l.makeAll(smallWire+port, in)
			if got := addressOf(in.objects["cairn_port.p"].state); got != "10.1.0.7" {
				t.Errorf("it has the address %s", got)
			}
			l.close()
			network := text(in.objects["cairn_network.n"].state, "id")
			holders := l.strings(l.open(filepath.Join(".cairn", "cairn.db")), "SELECT address FROM claims WHERE key = '10.1.0.7' AND space = 'address on network "+network+"'")
			if want := fmt.Sprintf("port.terraform[%q]", text(in.objects["cairn_port.p"].state, "id")); !slices.Equal(holders, []string{want}) {
				t.Errorf("the address is held by %q, want %s", holders, want)
			}
			l = openLab(t, l.dir, nil)
			l.removeAll(in)
			l.nothingLeft()
		})
	}
}

// What can be brought in is the stack's own, or nobody's.
func TestImportOfWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	in := l.scope()
	other := openLab(t, l.dir, set("stack", "other"))
	theirs := other.one("resource \"cairn_network\" \"n\" {\n  name = \"theirs\"\n}", in)
	other.close()
	for _, word := range []string{text(theirs.state, "id"), "theirs"} {
		_, err := l.imports(t.Context(), "cairn_network", word, false)
		l.blames("another stack's, by id or name", err, "error at id: The network is not this stack's: network.terraform[\"ID\"] of stack other has it. An object belongs to one stack: look it up with a data block, or have that stack let go of it first (`cairn state rm`).")
	}
	_, err := l.imports(t.Context(), "cairn_value", "nothing", false)
	l.blames("nothing, of what only cairn keeps", err, "error at id: There is no value \"nothing\": It lives in cairn's state alone, and the stack has none of this id or name.")

	site := l.site()
	n := &resources.Network{MTU: 1442, AdminStateUp: ptr(true), PortSecurityEnabled: ptr(true), Segments: []resources.Segment{{NetworkType: resources.Geneve, SegmentationID: 4242}}}
	n.ID, n.Name, n.ProjectID = "5f0c0000-0000-4000-8000-000000000001", "stray", schema.Ref[resources.Project](text(theirs.state, "project_id"))
	if _, err := site.Systems.For("network").Create(context.Background(), nil, n); err != nil {
		t.Fatal(err)
	}
	o, err := l.imports(t.Context(), "cairn_network", n.ID, false)
	if err != nil {
		t.Fatalf("import what nobody keeps: %s", err)
	}
	if text(o.state, "name") != "stray" {
		t.Errorf("it is brought in as %#v", o.state)
	}
	config := l.says("cairn_network", `name = "stray"`, in)
	if p, err := l.plan(t.Context(), o, config); err != nil || !p.empty() {
		t.Errorf("something is left to do: %#v %v", p.state, err)
	}
	// From now on it is the stack's, its number too.
	_, err = l.plan(t.Context(), l.none("cairn_network"), l.says("cairn_network", `name = "x", segments = [{ network_type = "geneve", segmentation_id = 4242 }]`, in))
	if err == nil && !strings.Contains(fmt.Sprint(err), "4242") {
		if _, err = l.make(t.Context(), l.none("cairn_network"), l.says("cairn_network", `name = "x", segments = [{ network_type = "geneve", segmentation_id = 4242 }]`, in)); err == nil {
			t.Error("its number is another one's too")
		}
	}
	in.objects, in.order = map[string]object{"cairn_network.stray": o}, []string{"cairn_network.stray"}
	l.removeAll(in)
	l.nothingLeft()
}

func ptr[T any](v T) *T { return &v }

// What is refused leaves nothing behind, however many ask at the same time.
func TestRefusedAtOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	in := l.scope()
	l.makeAll(smallWire, in)
	config := l.says("cairn_port", `name = "one", network_id = cairn_network.n.id`, in)
	var mu sync.Mutex
	var made []object
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			o, err := l.make(t.Context(), l.none("cairn_port"), config)
			mu.Lock()
			defer mu.Unlock()
			var r *refusal
			switch {
			case err == nil:
				made = append(made, o)
			case !errors.As(err, &r) || !strings.Contains(err.Error(), `error at name: There is a port named "one" already`):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ids := map[string]bool{}
	for _, o := range made {
		ids[text(o.state, "id")] = true
		if a, err := netip.ParseAddr(addressOf(o.state)); err != nil || !a.IsValid() {
			t.Errorf("it has the address %q", addressOf(o.state))
		}
	}
	if len(ids) != 1 || len(made) != 1 {
		t.Errorf("%d addresses and %d objects have one name", len(made), len(ids))
	}
	for _, o := range made {
		if _, err := l.remove(t.Context(), o); err != nil {
			t.Error(err)
		}
	}
	l.removeAll(in)
	l.nothingLeft()
}

// What this very apply has made is not lost, however long ago it was: another one
// of the name is refused, and does not become the first.
func TestTwiceInOneApply(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{0, 1200 * time.Millisecond} { // the session has rested by then
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, nil)
			in := l.scope()
			config := l.says("cairn_network", `name = "twin"`, in)
			p, err := l.plan(t.Context(), l.none("cairn_network"), config)
			if err != nil {
				t.Fatal(err)
			}
			one, err := l.apply(t.Context(), p, config)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(wait)
			two, err := l.apply(t.Context(), p, config)
			if err == nil {
				t.Errorf("%s and %s are one object under two addresses", one.identity.GoString(), two.identity.GoString())
			} else if !strings.Contains(err.Error(), `error at name: There is a network named "twin" already`) {
				t.Errorf("it was refused with %s", err)
			}
			in.put("cairn_network.one", one)
			l.removeAll(in)
			l.nothingLeft()
		})
	}
}
