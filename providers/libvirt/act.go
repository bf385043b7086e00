package libvirt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/providers/libvirt/domain"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/schema"
)

// A deed is a verb, and how it is done.
type deed struct {
	providers.Verb
	do func(d *Driver, t task) error
}

// task is a verb that is asked for, and the domain it is about.
type task struct {
	ctx   context.Context
	w     schema.World
	m     *machine
	i     *resources.Instance
	words map[string]string
	out   io.Writer
}

// deeds are what can be done to an instance.
func deeds() []deed {
	word := func(name, summary string) providers.Word { return providers.Word{Name: name, Summary: summary} }
	optional := func(name, summary string) providers.Word {
		return providers.Word{Name: name, Summary: summary, Optional: true}
	}
	return []deed{
		{providers.Verb{Name: "start", Summary: "Start a guest that is off, or go on with one that is paused or suspended"}, toPower(resources.Active)},
		{providers.Verb{Name: "stop", Summary: "Have the guest end by itself; after shutdown_timeout its plug is pulled"}, toPower(resources.Shutoff)},
		{providers.Verb{Name: "power-off", Summary: "Pull the guest's plug"}, func(_ *Driver, t task) error { return t.m.unplug(t.ctx) }},
		{providers.Verb{Name: "pause", Summary: "Have the guest stand still"}, toPower(resources.Paused)},
		{providers.Verb{Name: "suspend", Summary: "Write the guest's memory to its host's disk, and stop it"}, toPower(resources.Suspended)},
		{providers.Verb{Name: "reboot", Summary: "Have the guest start anew by itself"}, (*Driver).reboot},
		{providers.Verb{Name: "reset", Summary: "Press the guest's reset button"}, call(func(t task, c *golibvirt.Libvirt) error { return c.DomainReset(t.m.dom, 0) })},
		{providers.Verb{Name: "interrupt", Summary: "Send the guest a non-maskable interrupt, so that it dumps its kernel"}, call(func(t task, c *golibvirt.Libvirt) error { return c.DomainInjectNmi(t.m.dom, 0) })},
		{providers.Verb{Name: "console", Summary: "Print what the guest has written on its serial console", Looks: true}, (*Driver).console},
		{providers.Verb{Name: "display", Summary: "Print where the guest's screen is served", Looks: true}, (*Driver).display},
		{providers.Verb{Name: "screenshot", Summary: "Write what is on the guest's screen into a PNG file", Words: []providers.Word{word("file", "the file to write")}, Looks: true}, (*Driver).screenshot},
		{providers.Verb{Name: "rescue", Summary: "Start the guest from a fresh disk, with its own disks beside it", Words: []providers.Word{optional("image", "the id of the image to start from (default: the instance's own)")}}, (*Driver).rescue},
		{providers.Verb{Name: "unrescue", Summary: "Start the guest from its own disk again"}, (*Driver).unrescue},
		{providers.Verb{Name: "rebuild", Summary: "Make the root disk anew from the image: what was on it is lost"}, (*Driver).remake},
		{providers.Verb{Name: "snapshot", Summary: "Write the root disk into a qcow2 file, from which an image can be made", Words: []providers.Word{word("file", "the file to write")}, Looks: true}, (*Driver).snapshot},
		{providers.Verb{Name: "set-password", Summary: "Give a user in the guest another password, by the guest's agent",
			Words: []providers.Word{word("user", "the user's name"), {Name: "password", Summary: "the password", Secret: true}}}, (*Driver).setPassword},
		{providers.Verb{Name: "set-keys", Summary: "Let the instance's keypair in as a user of the guest, by the guest's agent", Words: []providers.Word{word("user", "the user's name")}}, (*Driver).setKeys},
		{providers.Verb{Name: "agent", Summary: "Send a command to the guest's agent and print its answer", Words: []providers.Word{word("command", `such as '{"execute":"guest-info"}'`)}}, (*Driver).agent},
	}
}

// Verbs are what can be done to an instance.
func (d instances) Verbs() []providers.Verb {
	var all []providers.Verb
	for _, x := range deeds() {
		all = append(all, x.Verb)
	}
	return all
}

// Act does it.
func (d instances) Act(ctx context.Context, w schema.World, have resources.Instance, do providers.Act) error {
	for _, x := range deeds() {
		if x.Name != do.Verb {
			continue
		}
		m, err := d.find(ctx, &have)
		if errors.Is(err, errNoDomain) {
			return fmt.Errorf("instance %s has no domain on any host: `cairn apply` makes it anew", have.Name)
		}
		if err == nil {
			err = d.learn(ctx, m.host)
		}
		if err != nil {
			return err
		}
		have.Host = m.Name
		if err := x.do(d.Driver, task{ctx, w, m, &have, do.Words, do.Out}); err != nil {
			return fmt.Errorf("%s domain %s on host %s: %w", do.Verb, m.dom.Name, m.Name, err)
		}
		return nil
	}
	return errors.ErrUnsupported
}

// call is a deed that is one call.
func call(f func(t task, c *golibvirt.Libvirt) error) func(*Driver, task) error {
	return func(_ *Driver, t task) error {
		return t.m.do(t.ctx, func(c *golibvirt.Libvirt) error { return f(t, c) })
	}
}

// toPower is a deed that brings the guest to a power state.
func toPower(to resources.PowerState) func(*Driver, task) error {
	return func(d *Driver, t task) error {
		t.i.PowerState = to
		return d.become(t.ctx, t.w, t.m, t.i)
	}
}

// reboot has the guest end by itself and starts it again: it so gets what has been
// configured since, which a reboot inside does not do.
func (d *Driver) reboot(t task) error {
	if !t.m.running() {
		return errors.New("it is off: start it")
	}
	if err := t.m.stop(t.ctx, t.i); err != nil {
		return err
	}
	t.i.PowerState = resources.Active
	return d.become(t.ctx, t.w, t.m, t.i)
}

// mostConsole bounds what is printed of a console, in bytes: the newest.
const mostConsole = 1 << 20

func (d *Driver) console(t task) error {
	b, err := t.m.read(t.ctx, t.m.Pools[0], domain.ConsoleLog(t.i.ID), mostConsole)
	if is(err, golibvirt.ErrNoStorageVol) {
		return errors.New("nothing keeps its console: it was not made by cairn")
	}
	if err != nil {
		return err
	}
	_, err = t.out.Write(b)
	return err
}

func (d *Driver) display(t task) error {
	form, err := t.m.form(t.ctx, true)
	if err != nil {
		return err
	}
	for _, g := range form.Devices.Graphics {
		if g.VNC == nil {
			continue
		}
		if g.VNC.Port < 0 {
			return errors.New("it is off")
		}
		_, err := fmt.Fprintf(t.out, "vnc://%s:%d on host %s\n", g.VNC.Listen, g.VNC.Port, t.m.Name)
		return err
	}
	return errors.New("it has no screen")
}

func (d *Driver) setPassword(t task) error {
	return t.m.do(t.ctx, func(c *golibvirt.Libvirt) error {
		return agentless(c.DomainSetUserPassword(t.m.dom, golibvirt.OptString{t.words["user"]}, golibvirt.OptString{t.words["password"]}, 0))
	})
}

func (d *Driver) setKeys(t task) error {
	var keys []string
	for k := range schema.Where[resources.Keypair](t.w, "name", t.i.KeyPair) {
		if k.ProjectID == t.i.ProjectID && t.i.KeyPair != "" {
			keys = append(keys, strings.TrimSpace(k.PublicKey))
		}
	}
	if len(keys) == 0 {
		return errors.New("the instance has no key_pair")
	}
	return t.m.do(t.ctx, func(c *golibvirt.Libvirt) error {
		return agentless(c.DomainAuthorizedSshKeysSet(t.m.dom, t.words["user"], keys, 0))
	})
}

// agentTime is how many seconds a guest's agent has to answer.
const agentTime = 10

func (d *Driver) agent(t task) error {
	return t.m.do(t.ctx, func(c *golibvirt.Libvirt) error {
		answer, err := c.QEMUDomainAgentCommand(t.m.dom, t.words["command"], agentTime, 0)
		if err == nil {
			_, err = fmt.Fprintln(t.out, strings.Join(answer, "\n"))
		}
		return agentless(err)
	})
}

// agentless says what to do where no agent answers.
func agentless(err error) error {
	if is(err, golibvirt.ErrAgentUnresponsive) || is(err, golibvirt.ErrAgentUnsynced) {
		return fmt.Errorf("%w: is qemu-guest-agent installed and running in the guest?", err)
	}
	return err
}
