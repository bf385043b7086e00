package provider

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/cairncloud/cairn/resources"
)

// A run of the test binary with this variable set is an apply that is going to
// be killed, in the folder that it names.
const childDir = "CAIRN_TEST_PROVIDER_CHILD"

var kills = flag.Int("kills", 12, "how often an apply is killed")

// victims is how many objects a killed apply makes: every other one has a name.
const victims = 20

// atOnce is how many calls Terraform has under way, half of what it does by itself.
const atOnce = 5

// slowCloud takes its time, so that an apply can be killed in the middle.
var slowCloud = strings.Replace(cloudText, "    hosts   = 3\n", "    hosts   = 3\n    latency = \"15ms\"\n", 1)

// A kept is what a state file has of one object.
type kept struct {
	State    json.RawMessage `json:"state"`
	Private  []byte          `json:"private"`
	Identity string          `json:"identity"`
}

// victimConfig is the i-th of the objects.
func victimConfig(e *engine, i int, network string) (cty.Value, error) {
	vals := map[string]cty.Value{"network_id": cty.StringVal(network), "description": cty.StringVal(fmt.Sprint("victim ", i))}
	if i%2 == 0 {
		vals["name"] = cty.StringVal(fmt.Sprint("victim-", i))
	}
	return e.resources["cairn_port"].fit(vals)
}

func keptPath(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("state-%d.json", i)) }

// keep writes an object as Terraform writes its state: whole or not at all.
func keep(dir string, i int, o object) error {
	var k kept
	var err error
	if k.State, err = ctyjson.Marshal(o.state, o.state.Type()); err != nil {
		return err
	}
	k.Private, k.Identity = o.private, text(o.identity, "id")
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	part := keptPath(dir, i) + ".new"
	return errors.Join(os.WriteFile(part, b, 0o600), os.Rename(part, keptPath(dir, i)))
}

// recall reads what keep has written; null when it has not.
func (e *engine) recall(dir string, i int) (object, error) {
	o := e.none("cairn_port")
	b, err := os.ReadFile(keptPath(dir, i))
	if errors.Is(err, os.ErrNotExist) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return o, err
	}
	o.private = k.Private
	o.identity = cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(k.Identity)})
	o.state, err = ctyjson.Unmarshal(k.State, e.resources["cairn_port"].object)
	return o, err
}

// child plans all objects, says so, and applies them at once.
func child(dir string) int {
	fail := func(err error) int { fmt.Fprintln(os.Stderr, "child:", err); return 1 }
	ctx := context.Background()
	p := New(resources.All())
	e, err := newEngine(ctx, p)
	if err != nil {
		return fail(err)
	}
	network, err := os.ReadFile(filepath.Join(dir, "network"))
	if err != nil {
		return fail(err)
	}
	if err := e.configure(ctx, set("cloud", filepath.Join(dir, "cloud.hcl"), "stack", "lab"), false); err != nil {
		return fail(err)
	}
	var plans [victims]planned
	for i := range victims {
		config, err := victimConfig(e, i, string(network))
		if err == nil {
			plans[i], err = e.plan(ctx, e.none("cairn_port"), config)
		}
		if err != nil {
			return fail(err)
		}
	}
	fmt.Println("go") // from here on the parent may kill
	var wg sync.WaitGroup
	errs, busy := make(chan error, victims), make(chan struct{}, atOnce)
	for i, p := range plans {
		wg.Go(func() {
			busy <- struct{}{}
			defer func() { <-busy }()
			o, err := e.apply(ctx, p, p.config)
			if err == nil {
				err = keep(dir, i, o)
			}
			errs <- err
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return fail(err)
		}
	}
	if err := p.Close(ctx); err != nil {
		return fail(err)
	}
	return 0
}

// An apply is killed at any moment. The next one, with the state that Terraform
// had by then, takes over what has a name; what has none is known to the session,
// and once it is deleted the cloud, the ledger and the state say the same.
func TestKilled(t *testing.T) {
	t.Parallel()
	const lanes = 3
	var mu sync.Mutex
	met := map[string]int{}
	t.Run("lanes", func(t *testing.T) {
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for range (*kills + lanes - 1 - lane) / lanes {
					said := killOnce(t)
					mu.Lock()
					met[said]++
					mu.Unlock()
				}
			})
		}
	})
	t.Logf("killed %d times: %v", *kills, met)
	if *kills >= 30 && len(met) < 2 {
		t.Errorf("every kill found the same: %v", met)
	}
}

// killOnce answers with how far the apply had come.
func killOnce(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cloud.hcl"), []byte(slowCloud), 0o600); err != nil {
		t.Fatal(err)
	}
	l := openLab(t, dir, nil)
	in := l.scope()
	l.makeAll(smallWire, in)
	l.close()
	network := text(in.objects["cairn_network.n"].state, "id")
	if err := os.WriteFile(filepath.Join(dir, "network"), []byte(network), 0o600); err != nil {
		t.Fatal(err)
	}
	after := time.Duration(rand.IntN(200)) * time.Millisecond
	killed(t, dir, after)
	if err := os.WriteFile(filepath.Join(dir, "cloud.hcl"), []byte(cloudText), 0o600); err != nil {
		t.Fatal(err)
	}

	// The next run: all that is in the state is read, what is not is planned, and in
	// another process applied.
	l = openLab(t, dir, nil)
	heard := 0
	var plans [victims]planned
	for address, o := range in.objects {
		now, err := l.refresh(t.Context(), o)
		if err != nil || !now.state.RawEquals(o.state) {
			t.Errorf("killed after %s: %s is read as %#v %v", after, address, now.state, err)
		}
	}
	for i := range victims {
		have, err := l.recall(dir, i)
		if err == nil && !have.state.IsNull() {
			heard++
			if have, err = l.refresh(t.Context(), have); err == nil && have.state.IsNull() {
				err = errors.New("it is in the state, and gone")
			}
		}
		if err != nil {
			t.Fatalf("killed after %s: read %d: %s", after, i, err)
		}
		config, err := victimConfig(l.engine, i, network)
		if err == nil {
			plans[i], err = l.plan(t.Context(), have, config)
		}
		if err != nil {
			t.Fatalf("killed after %s: plan %d again: %s", after, i, err)
		}
	}
	l.close()
	l = openLab(t, dir, nil)
	states := map[string]object{}
	for i, p := range plans {
		o := p.prior
		if !p.empty() {
			var err error
			if o, err = l.apply(t.Context(), p, p.config); err != nil {
				t.Fatalf("killed after %s: apply %d again: %s", after, i, err)
			}
		}
		states[text(o.state, "id")] = o
	}
	if len(states) != victims {
		t.Errorf("killed after %s: %d objects have %d ids", after, victims, len(states))
	}
	l.close()
	l = openLab(t, dir, nil)
	for id, o := range states {
		in.put("cairn_port."+id, o)
	}
	for id, o := range in.objects { // the next plan: all that Terraform knows of is heard of
		now, err := l.refresh(t.Context(), o)
		if err != nil || !now.state.RawEquals(o.state) {
			t.Errorf("killed after %s: %s is read as %#v %v, want %#v", after, id, now.state, err, o.state)
		}
	}
	l.close()
	l = openLab(t, dir, nil)
	work := l.provider.clouds[0].work
	lost, doubtful, err := work.Unheard(t.Context(), true)
	if err != nil || doubtful > 0 {
		t.Fatalf("killed after %s: of %d it is not known whether they are lost: %v", after, doubtful, err)
	}
	for _, x := range lost {
		if name := text(x.Value, "name"); strings.HasPrefix(name, "victim-") {
			t.Errorf("killed after %s: %s has a name, and was not taken over", after, name)
		}
		if _, ok := states[x.ID]; ok {
			t.Errorf("killed after %s: %s is in the state, and said to be lost", after, x.ID)
			continue
		}
		if err := work.Delete(t.Context(), x.Type, x.Object); err != nil {
			t.Errorf("killed after %s: delete what was lost: %s", after, err)
		}
	}
	l.close()
	ids := slices.Sorted(maps.Keys(states))
	if there := l.strings(l.open(filepath.Join(".cairn", "embedded.db")), "SELECT id FROM objects WHERE type = 'port' ORDER BY id"); !slices.Equal(there, ids) {
		t.Errorf("killed after %s: the cloud has the ports %q, and the state %q", after, there, ids)
	}
	var want []string
	for id, o := range states {
		want = append(want, fmt.Sprintf("%s port.terraform[%q]", addressOf(o.state), id))
	}
	slices.Sort(want)
	claims := l.strings(l.open(filepath.Join(".cairn", "cairn.db")), "SELECT key || ' ' || address FROM claims WHERE space = 'address on network "+network+"' AND address LIKE 'port.%'")
	slices.Sort(claims)
	if !slices.Equal(claims, want) {
		t.Errorf("killed after %s: the ledger has %q, and the state %q", after, claims, want)
	}
	l = openLab(t, dir, nil)
	l.removeAll(in)
	l.nothingLeft()
	switch {
	case heard == 0:
		return "before anything was heard of"
	case heard == victims:
		return "after everything was"
	}
	return "in the middle"
}

// Terraform was killed before it wrote any state at all. What it has lost and
// asks for again by its name is taken over; it is not in its own way.
func TestFirstApplyIsLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, nil)
	lost := l.one("resource \"cairn_network\" \"n\" {\n  name = \"n\"\n}", l.scope())
	l.close() // as the provider does when the process that has started it is gone
	l = openLab(t, l.dir, nil)
	config := l.says("cairn_network", `name = "n"`, l.scope())
	p, err := l.plan(t.Context(), l.none("cairn_network"), config)
	if err != nil {
		t.Fatalf("the next plan: %s", err)
	}
	l.close()
	l = openLab(t, l.dir, nil)
	o, err := l.apply(t.Context(), p, config)
	if err != nil {
		t.Fatalf("the next apply: %s", err)
	}
	if text(o.state, "id") != text(lost.state, "id") {
		t.Errorf("%#v was not taken over: %#v", lost.state, o.state)
	}
	if _, err := l.remove(t.Context(), o); err != nil {
		t.Error(err)
	}
	l.nothingLeft()
}

// killed runs a child and kills it a while after it has begun to apply.
func killed(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "go" {
		t.Fatalf("the child said %q", lines.Text())
	}
	time.Sleep(after)
	_ = cmd.Process.Kill() // it may have ended by itself
	_, _ = io.Copy(io.Discard, out)
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != -1) {
		t.Fatalf("the child was to be killed: %v", err)
	}
}
