//go:build linux

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cairncloud/cairn/lab"
)

// A command is one that stories have beside testscript's own.
type command struct {
	usage string
	// run returns the command's standard output.
	run func(call) (string, error)
	// not says what `!` before it means.
	not negation
}

type negation int

const (
	never   negation = iota // it makes no sense
	fails                   // the command must fail
	meaning                 // the command knows: call.not
)

// A call is a command with its words.
type call struct {
	*story
	ts   *testscript.TestScript
	ctx  context.Context
	args []string
	not  bool
}

var errUsage = errors.New("usage")

func commands() map[string]command {
	all := map[string]command{
		"cairn":      {usage: "cairn ARGS...", run: cairn, not: fails},
		"var":        {usage: "var NAME COMMAND...", run: setVar},
		"plug":       {usage: "plug NAME PORT HOST [mac=MAC] [mtu=N]", run: plug},
		"unplug":     {usage: "unplug [NAME...]", run: unplug},
		"in":         {usage: "in NAME|HOST COMMAND...", run: in, not: fails},
		"outside":    {usage: "outside COMMAND...", run: outside, not: fails},
		"lease":      {usage: "lease NAME [6]", run: lease, not: fails},
		"serve":      {usage: "serve NAME tcp|udp|http PORT [TEXT]", run: serve},
		"unserve":    {usage: "unserve NAME tcp|udp|http PORT", run: unserve},
		"ping":       {usage: "ping FROM ADDRESS [within D]", run: ping, not: meaning},
		"dial":       {usage: "dial FROM icmp|tcp|udp|http ADDRESS [PORT] [n=1] [timeout=1s]", run: dial, not: fails},
		"reach":      {usage: "reach FROM icmp|tcp|udp|http ADDRESS [PORT] [within D]", run: reach},
		"blocked":    {usage: "blocked FROM icmp|tcp|udp|http ADDRESS [PORT] [within D]", run: outcome("timeout")},
		"refused":    {usage: "refused FROM tcp|udp|http ADDRESS PORT [within D]", run: outcome("refused")},
		"resolve":    {usage: "resolve NAME @SERVER HOSTNAME [A|AAAA|PTR]", run: resolve, not: fails},
		"flow":       {usage: "flow NAME start FROM icmp|tcp|udp|http ADDRESS [PORT] | flow NAME stop [lost=N] [gap=D]", run: flow},
		"throughput": {usage: "throughput FROM tcp ADDRESS PORT [for=2s] [above=MBIT] [below=MBIT]", run: throughput},
		"nbctl":      {usage: "nbctl ARGS...", run: nbctl, not: fails},
		"sbctl":      {usage: "sbctl ARGS...", run: sbctl, not: fails},
		"vsctl":      {usage: "vsctl HOST ARGS...", run: vsctl, not: fails},
		"fault":      {usage: "fault stop|start|kill|restart|freeze|thaw SERVICE | fill|empty HOST | power-off|power-on HOST | cut|mend HOST [CABLE...] | heal", run: fault},
		"clean":      {usage: "clean", run: clean},
		"rows":       {usage: "rows", run: rows},
		"during":     {usage: "during N kill|COMMAND... -- cairn ARGS...", run: during, not: fails},
		"eventually": {usage: "eventually [D] [stdout=REGEXP] COMMAND...", run: eventually},
	}
	maps.Copy(all, guestCommands())
	return all
}

// script is the command as testscript calls it.
func (c command) script(name string) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg && c.not == never {
			ts.Fatalf("%s can't be negated", name)
		}
		s := ts.Value(story{}.key()).(*story)
		ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
		defer cancel()
		out, err := c.run(call{story: s, ts: ts, ctx: ctx, args: args, not: neg})
		if out != ts.ReadFile("stdout") {
			io.WriteString(ts.Stdout(), out)
		}
		switch {
		case errors.Is(err, errUsage):
			ts.Fatalf("usage: %s", c.usage)
		case neg && c.not == fails && err == nil:
			ts.Fatalf("%s succeeded, and should not", name)
		case neg && c.not == fails:
			ts.Logf("(%v)", err)
		case err != nil:
			ts.Fatalf("%s: %v", name, err)
		}
	}
}

// need takes the first n words, which must be there.
func (c *call) need(n int) ([]string, error) {
	if len(c.args) < n {
		return nil, errUsage
	}
	first := c.args[:n]
	c.args = c.args[n:]
	return first, nil
}

// done makes sure that no words are left.
func (c *call) done() error {
	if len(c.args) > 0 {
		return fmt.Errorf("%w: what is %q?", errUsage, c.args[0])
	}
	return nil
}

// option takes a word "name=value" from the end, or anywhere.
func (c *call) option(name, otherwise string) string {
	for i, a := range c.args {
		if v, ok := strings.CutPrefix(a, name+"="); ok {
			c.args = slices.Delete(slices.Clone(c.args), i, i+1)
			return v
		}
	}
	return otherwise
}

// within takes "within D" from the end.
func (c *call) within(otherwise time.Duration) (time.Duration, error) {
	n := len(c.args)
	if n < 2 || c.args[n-2] != "within" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(c.args[n-1])
	c.args = c.args[:n-2]
	return d, err
}

// patience is how long a command waits for what should come, unless the story says.
const patience = 10 * time.Second

// again runs try until it is well, or for so long. At least once.
func again(ctx context.Context, limit time.Duration, try func() error) error {
	for end := time.Now().Add(limit); ; {
		err := try()
		if err == nil || time.Now().After(end) || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond) // the tries themselves wait
	}
}

// exec runs a program in the story's folder and environment.
func (c *call) exec(argv ...string) (string, error) {
	err := c.ts.Exec(argv[0], argv[1:]...)
	return c.ts.ReadFile("stdout"), err
}

func cairn(c call) (string, error) {
	c.remember(c.args)
	argv, err := c.ours(c.args)
	if err != nil {
		return "", err
	}
	return c.exec(argv...)
}

// ours is how cairn is run by the story.
func (s *story) ours(args []string) ([]string, error) {
	argv := append([]string{filepath.Join(s.bin, "cairn")}, args...)
	if s.as != lab.MachinesTCP {
		return argv, nil
	}
	return s.lab.In("fabric", argv...) // hosts are reached from there alone
}

// remember notes the folder of a stack that is applied, to destroy what is left of it.
func (c *call) remember(args []string) {
	if !slices.Contains(args, "apply") {
		return
	}
	// The stack's folder, if it is named, else this one.
	dir := c.ts.MkAbs(".")
	for _, a := range args[1:] {
		if named := c.ts.MkAbs(a); !strings.HasPrefix(a, "-") && isDir(named) {
			dir = named
		}
	}
	if !slices.Contains(c.stacks, dir) {
		c.stacks = append(c.stacks, dir)
	}
}

// environ is what the story's programs see.
func (c *call) environ() []string {
	env := slices.Concat(os.Environ(), c.env)
	for _, name := range []string{"CAIRN_CLOUD", "CAIRN_KEYSET", "PATH"} {
		env = append(env, name+"="+c.ts.Getenv(name))
	}
	return env
}

func setVar(c call) (string, error) {
	name, err := c.need(1)
	if err != nil || len(c.args) == 0 {
		return "", errUsage
	}
	out, err := c.subcommand()
	if err != nil {
		return out, err
	}
	if out = strings.TrimSpace(out); out == "" {
		return "", errors.New("the command printed nothing")
	}
	c.ts.Setenv(name[0], out)
	return out, nil
}

// subcommand runs the words that are left, as one of stories' commands or as a program.
func (c *call) subcommand() (string, error) {
	if sub, ok := commands()[c.args[0]]; ok {
		return sub.run(call{story: c.story, ts: c.ts, ctx: c.ctx, args: c.args[1:]})
	}
	return c.exec(c.args...)
}

func plug(c call) (string, error) {
	e := lab.Endpoint{MAC: c.option("mac", "")}
	if mtu := c.option("mtu", ""); mtu != "" {
		n, err := strconv.Atoi(mtu)
		if err != nil {
			return "", err
		}
		e.MTU = n
	}
	words, err := c.need(3)
	if err != nil {
		return "", err
	}
	name := words[0]
	e.Port, e.Host = words[1], words[2]
	if _, has := c.ports[name]; has {
		return "", fmt.Errorf("%s is plugged already", name)
	}
	made, err := c.lab.Plug(c.ctx, e)
	if made, e := c.lab.Endpoint(made.Port); e == nil {
		c.ports[name] = made.Port // also if it did not come up: end unplugs it
	}
	return made.Namespace() + "\n", err
}

func unplug(c call) (string, error) {
	names := c.args
	if len(names) == 0 {
		for name := range c.ports {
			names = append(names, name)
		}
	}
	for _, name := range names {
		port, ok := c.ports[name]
		if !ok {
			return "", fmt.Errorf("%s is not plugged", name)
		}
		for key, p := range c.running {
			if strings.HasPrefix(key, "serve "+name+" ") {
				delete(c.running, key)
				if _, err := p.stop(); err != nil {
					return "", err
				}
			}
		}
		if err := c.lab.Unplug(c.ctx, port); err != nil {
			return "", err
		}
		delete(c.ports, name)
		if err := c.unplugged(c.ctx, port); err != nil {
			return "", err
		}
	}
	return "", nil
}

func in(c call) (string, error) {
	words, err := c.need(1)
	if err != nil || len(c.args) == 0 {
		return "", errUsage
	}
	argv, err := c.lab.In(c.where(words[0]), c.args...)
	if err != nil {
		return "", err
	}
	return c.exec(argv...)
}

func outside(c call) (string, error) {
	c.args = append([]string{"outside"}, c.args...)
	return in(c)
}

func lease(c call) (string, error) {
	words, err := c.need(1)
	if err != nil {
		return "", err
	}
	port := c.where(words[0])
	if len(c.args) > 0 && c.args[0] == "6" {
		l, err := c.lab.Lease6(c.ctx, port, filepath.Join(c.bin, "cairn-lab"))
		return l.String(), err
	}
	if err := c.done(); err != nil {
		return "", err
	}
	l, err := c.lab.Lease(c.ctx, port)
	return l.String(), err
}

func serve(c call) (string, error) {
	words, err := c.need(3)
	if err != nil {
		return "", err
	}
	text := words[0]
	if len(c.args) > 0 {
		text = strings.Join(c.args, " ")
	}
	key := "serve " + strings.Join(words, " ")
	if c.running[key] != nil {
		return "", errors.New("it is served already")
	}
	p, err := c.launch(words[0], "serve", words[1], ":"+words[2], "--answer", text)
	if err != nil {
		return "", err
	}
	c.running[key] = p
	return "", nil
}

func unserve(c call) (string, error) {
	words, err := c.need(3)
	if err != nil {
		return "", err
	}
	key := "serve " + strings.Join(words, " ")
	p := c.running[key]
	if p == nil {
		return "", errors.New("it is not served")
	}
	delete(c.running, key)
	return p.stop()
}

// tool runs one of cairn-lab's in a namespace, to its end.
func (c *call) tool(where string, args ...string) (string, error) {
	argv, err := c.lab.In(c.where(where), append([]string{filepath.Join(c.bin, "cairn-lab"), "tool"}, args...)...)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(c.ctx, argv[0], argv[1:]...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		err = errors.New(strings.TrimSpace(string(out) + errs.String()))
	}
	return string(out), err
}

// ask asks once and returns the outcome and the answer.
func (c *call) ask(from string, target ...string) (how, answer string, err error) {
	out, err := c.tool(from, append([]string{"dial", "--timeout", "700ms"}, target...)...)
	how, answer, _ = strings.Cut(strings.TrimSpace(out), " ")
	switch how {
	case "":
		return "", "", err
	case "ok":
		// The time that it took is the last word.
		answer = strings.TrimSpace(answer[:max(0, strings.LastIndex(answer, " "))])
	}
	return strings.TrimSuffix(how, ":"), answer, nil
}

func ping(c call) (string, error) {
	limit, err := c.within(patience)
	if err != nil {
		return "", err
	}
	words, err := c.need(2)
	if err != nil {
		return "", err
	}
	if c.not {
		return silence(c, words[0], "icmp", words[1])
	}
	c.args = []string{words[0], "icmp", words[1], "within", limit.String()}
	return reach(c)
}

// silence makes sure that nothing answers, twice.
func silence(c call, from string, target ...string) (string, error) {
	for range 2 {
		how, answer, err := c.ask(from, target...)
		if err != nil {
			return "", err
		}
		if how == "ok" {
			return "", fmt.Errorf("an answer came: %s", answer)
		}
	}
	return "", nil
}

func dial(c call) (string, error) {
	n, timeout := c.option("n", "1"), c.option("timeout", "1s")
	words, err := c.need(3)
	if err != nil {
		return "", err
	}
	args := append([]string{"dial", "-n", n, "--timeout", timeout}, words[1:]...)
	return c.tool(words[0], append(args, c.args...)...)
}

func reach(c call) (string, error) {
	limit, err := c.within(patience)
	if err != nil {
		return "", err
	}
	words, err := c.need(3)
	if err != nil {
		return "", err
	}
	target := append(words[1:], c.args...)
	var said string
	err = again(c.ctx, limit, func() error {
		how, answer, err := c.ask(words[0], target...)
		if err != nil {
			return err
		}
		if how != "ok" {
			return fmt.Errorf("%s after %s: %s %s", strings.Join(target, " "), limit, how, answer)
		}
		said = answer
		return nil
	})
	return said + "\n", err
}

// outcome makes sure that asking ends in one way, three times in a row. To be blocked
// is not to be refused: a server that does not run must not pass for a rule.
func outcome(want string) func(call) (string, error) {
	return func(c call) (string, error) {
		limit, err := c.within(0)
		if err != nil {
			return "", err
		}
		words, err := c.need(3)
		if err != nil {
			return "", err
		}
		target := append(words[1:], c.args...)
		return "", again(c.ctx, limit, func() error {
			for range 3 {
				how, answer, err := c.ask(words[0], target...)
				if err != nil {
					return err
				}
				if how != want {
					return fmt.Errorf("%s: %s %s, want %s", strings.Join(target, " "), how, answer, want)
				}
			}
			return nil
		})
	}
}

func resolve(c call) (string, error) {
	words, err := c.need(3)
	if err != nil {
		return "", err
	}
	server, ok := strings.CutPrefix(words[1], "@")
	if !ok {
		return "", errUsage
	}
	kind := "A"
	if len(c.args) > 0 {
		kind = c.args[0]
	}
	return c.tool(words[0], "dns", server, kind, words[2])
}

var report = regexp.MustCompile(`sent (\d+), lost (\d+), longest gap (\S+)`)

func flow(c call) (string, error) {
	words, err := c.need(2)
	if err != nil {
		return "", err
	}
	key := "flow " + words[0]
	if words[1] == "start" {
		if c.running[key] != nil {
			return "", errors.New("it flows already")
		}
		rest, err := c.need(3)
		if err != nil {
			return "", err
		}
		p, err := c.launch(rest[0], append(append([]string{"flow"}, rest[1:]...), c.args...)...)
		if err != nil {
			return "", err
		}
		c.running[key] = p
		return "", nil
	}
	lost, gap := c.option("lost", ""), c.option("gap", "")
	p := c.running[key]
	if words[1] != "stop" || p == nil {
		return "", errUsage
	}
	delete(c.running, key)
	said, err := p.stop()
	if err != nil {
		return said, err
	}
	c.t.Logf("flow %s: %s", words[0], strings.TrimSpace(said))
	return said, judge(said, lost, gap)
}

// judge compares the report of a flow with what it may have lost, and for how long.
func judge(said, lost, gap string) error {
	m := report.FindStringSubmatch(said)
	if m == nil {
		return fmt.Errorf("the flow reports %q", said)
	}
	n, err := strconv.Atoi(m[2])
	if err != nil {
		return err
	}
	longest, err := time.ParseDuration(m[3])
	if err != nil {
		return err
	}
	if lost != "" {
		if most, err := strconv.Atoi(lost); err != nil || n > most {
			return errors.Join(err, fmt.Errorf("lost more than %s: %s", lost, said))
		}
	}
	if gap != "" {
		if most, err := time.ParseDuration(gap); err != nil || longest > most {
			return errors.Join(err, fmt.Errorf("a gap of more than %s: %s", gap, said))
		}
	}
	return nil
}

func throughput(c call) (string, error) {
	d, above, below := c.option("for", "2s"), c.option("above", "0"), c.option("below", "1000000")
	words, err := c.need(4)
	if err != nil {
		return "", err
	}
	out, err := c.tool(words[0], append([]string{"throughput", "--for", d}, words[1:]...)...)
	if err != nil {
		return out, err
	}
	c.t.Logf("throughput to %s: %s Mbit/s", words[2], strings.TrimSpace(out))
	return out, between(strings.TrimSpace(out), above, below)
}

// between compares figures as they are written.
func between(is, above, below string) error {
	var n [3]float64
	for i, s := range []string{above, is, below} {
		var err error
		if n[i], err = strconv.ParseFloat(s, 64); err != nil {
			return err
		}
	}
	if n[1] < n[0] || n[1] > n[2] {
		return fmt.Errorf("%s is not between %s and %s", is, above, below)
	}
	return nil
}

func nbctl(c call) (string, error) {
	return c.exec(append([]string{"ovn-nbctl", "--timeout=20", "--db=unix:" + c.lab.Northbound()}, c.args...)...)
}

func sbctl(c call) (string, error) {
	return c.exec(append([]string{"ovn-sbctl", "--timeout=20", "--db=unix:" + c.lab.Southbound()}, c.args...)...)
}

func vsctl(c call) (string, error) {
	words, err := c.need(1)
	if err != nil {
		return "", err
	}
	return c.lab.Vsctl(c.ctx, words[0], c.args...)
}

func fault(c call) (string, error) {
	verb, err := c.need(1)
	if err != nil {
		return "", err
	}
	c.faulty = true
	if verb[0] == "heal" {
		return "", c.lab.Heal(c.ctx)
	}
	what, err := c.need(1)
	if err != nil {
		return "", err
	}
	l, name := c.lab, what[0]
	switch verb[0] {
	case "cut":
		return "", l.Cut(c.ctx, name, c.args...)
	case "mend":
		return "", l.Mend(c.ctx, name, c.args...)
	case "fill":
		return "", l.Fill(c.ctx, name)
	case "empty":
		return "", l.Empty(c.ctx, name)
	case "freeze":
		return "", l.Freeze(name)
	case "thaw":
		return "", l.Thaw(name)
	}
	do, ok := map[string]func(context.Context, string) error{
		"stop": l.Stop, "start": l.Start, "kill": l.Kill, "restart": restart(l), "power-off": l.PowerOff, "power-on": l.PowerOn,
	}[verb[0]]
	if !ok {
		return "", errUsage
	}
	return "", do(c.ctx, name)
}

// restart ends a service at once and starts it again, with what it had on disk.
func restart(l *lab.Lab) func(context.Context, string) error {
	return func(ctx context.Context, service string) error {
		if err := l.Kill(ctx, service); err != nil {
			return err
		}
		return l.Start(ctx, service)
	}
}

// rows counts the story's rows in the northbound database, a line a table.
func rows(c call) (string, error) {
	if err := c.done(); err != nil {
		return "", err
	}
	all, err := c.story.rows(c.ctx)
	if err != nil {
		return "", err
	}
	count := map[string]int{}
	for _, r := range all {
		table, _, _ := strings.Cut(r, ":")
		count[table]++
	}
	var b strings.Builder
	for _, table := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%s %d\n", table, count[table])
	}
	return b.String(), nil
}

// during runs cairn and does something to it, or to the world, once it has committed
// so many transactions. Nobody else may write meanwhile: the story is alone.
func during(c call) (string, error) {
	words, err := c.need(1)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(words[0])
	dash := slices.Index(c.args, "--")
	if err != nil || n < 1 || dash < 1 || len(c.args) < dash+3 || c.args[dash+1] != "cairn" {
		return "", errUsage
	}
	what, args := c.args[:dash], c.args[dash+2:]
	c.remember(args)
	seen, err := commits(c.ctx, c.lab.Northbound())
	if err != nil {
		return "", err
	}
	defer seen.Close()
	argv, err := c.ours(args)
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(c.ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = c.ts.MkAbs("."), c.environ()
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for range n {
		select {
		case <-seen.each:
		case err := <-ended:
			return out.String(), fmt.Errorf("cairn ended before transaction %d: %v\n%s", n, err, errs.String())
		}
	}
	if len(what) == 1 && what[0] == "kill" {
		if err := cmd.Process.Kill(); err != nil {
			return out.String(), err
		}
		if err := <-ended; !endedBy(err, syscall.SIGKILL) {
			return out.String(), fmt.Errorf("cairn was faster than the kill: %v", err)
		}
		return out.String(), nil
	}
	c.args = what
	if said, err := c.subcommand(); err != nil {
		return said, errors.Join(err, cmd.Process.Kill(), <-ended)
	}
	err = <-ended
	io.WriteString(c.ts.Stderr(), errs.String())
	if err != nil {
		err = fmt.Errorf("cairn: %w: %s", err, errs.String())
	}
	return out.String(), err
}

func clean(c call) (string, error) {
	if err := c.done(); err != nil {
		return "", err
	}
	return "", c.story.clean(c.ctx)
}

func eventually(c call) (string, error) {
	limit := patience
	if len(c.args) > 0 {
		if d, err := time.ParseDuration(c.args[0]); err == nil {
			limit, c.args = d, c.args[1:]
		}
	}
	want := regexp.MustCompile("")
	if len(c.args) > 0 {
		if text, ok := strings.CutPrefix(c.args[0], "stdout="); ok {
			re, err := regexp.Compile("(?m)" + text)
			if err != nil {
				return "", err
			}
			want, c.args = re, c.args[1:]
		}
	}
	if len(c.args) == 0 {
		return "", errUsage
	}
	var out string
	err := again(c.ctx, limit, func() (err error) {
		out, err = c.subcommand()
		if err == nil && !want.MatchString(out) {
			err = fmt.Errorf("after %s nothing matches %q in: %s", limit, want, out)
		}
		return err
	})
	return out, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
