package libvirt

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/providers"
	"github.com/cairncloud/cairn/resources"
	"github.com/cairncloud/cairn/resources/cloud"
)

// mute is a host whose server takes connections and never says a word, as one that
// hangs does.
func mute(t *testing.T) *host {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var kept []net.Conn // else they are closed when nobody holds them
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
		for _, c := range kept {
			_ = c.Close()
		}
	})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			kept = append(kept, c)
		}
	}()
	return newHost(&cloud.Host{Name: "mute", URI: "qemu+unix:///system?socket=" + socket})
}

func TestAHostThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	h := mute(t)
	ask := func() error {
		return h.do(context.Background(), func(c *golibvirt.Libvirt) error {
			_, err := c.ConnectGetLibVersion()
			return err
		})
	}
	if err := ask(); !errors.Is(err, errUnreachable) {
		t.Errorf("the first call: %v, not unreachable", err)
	}
	// The next calls do not wait for it again: no time is measured, but ten of them
	// would outlast the test's own limit.
	for range 10 {
		if err := ask(); !errors.Is(err, errUnreachable) {
			t.Errorf("a later call: %v, not unreachable", err)
		}
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	h := mute(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := h.do(ctx, func(*golibvirt.Libvirt) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, not the context's end", err)
	}
}

func TestUUID(t *testing.T) {
	t.Parallel()
	const id = "59f3898e-0507-5394-9f25-9ebcf57749ba"
	u, ok := uuid(id)
	if !ok || text(u) != id {
		t.Errorf("%v, %q", ok, text(u))
	}
	for _, bad := range []string{"", "59f3898e", id + "0", "59f3898e-0507-5394-9f25-9ebcf57749bg"} {
		if _, ok := uuid(bad); ok {
			t.Errorf("%q is taken for a UUID", bad)
		}
	}
}

func TestStatisticsAreRead(t *testing.T) {
	t.Parallel()
	str := func(field, v string) golibvirt.TypedParam {
		return golibvirt.TypedParam{Field: field, Value: golibvirt.TypedParamValue{D: 7, I: v}}
	}
	num := func(field string, v any) golibvirt.TypedParam {
		return golibvirt.TypedParam{Field: field, Value: golibvirt.TypedParamValue{I: v}}
	}
	s := newSeen("hv1", golibvirt.DomainStatsRecord{Dom: golibvirt.Domain{Name: "one"}, Params: []golibvirt.TypedParam{
		num("state.state", int32(1)), num("vcpu.current", uint32(3)), num("balloon.maximum", uint64(524288)), num("vcpu.0.time", uint64(7)),
		str("block.10.name", "vdk"), str("block.10.path", "/p/k"), str("block.0.name", "vda"), str("net.0.name", "tap1"), num("block.count", uint32(2)),
	}})
	if s.vcpus != 3 || s.ramMB != 512 || !s.running() || s.disks["vdk"] != "/p/k" || s.disks["vda"] != "" || !s.nics["tap1"] || len(s.disks) != 2 {
		t.Errorf("%+v", s)
	}
}

// Gone is said only when every host was asked: else the instance might be made twice.
func TestUnknownIsNotGone(t *testing.T) {
	t.Parallel()
	i := &resources.Instance{Host: "a"}
	i.ID = "x"
	off, runs := &seen{host: "a", state: golibvirt.DomainShutoff}, &seen{host: "b", state: golibvirt.DomainRunning}
	for _, c := range []struct {
		reason string
		look   look
		want   *seen
		gone   bool
	}{
		{"all hosts were asked", look{}, nil, true},
		{"its own host is away", look{away: map[string]error{"a": errUnreachable}}, nil, false},
		{"another host is away, where it may have been moved", look{away: map[string]error{"c": errUnreachable}}, nil, false},
		{"a move was broken off: where it runs counts", look{domains: map[string][]*seen{"x": {off, runs}}}, runs, false},
	} {
		got, err := c.look.find(i)
		if got != c.want || errors.Is(err, providers.ErrNotFound) != c.gone {
			t.Errorf("%s: %v, %v", c.reason, got, err)
		}
	}
}

func TestPowerStates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state  golibvirt.DomainState
		saved  bool
		power  resources.PowerState
		status string
	}{
		{golibvirt.DomainRunning, false, resources.Active, "ACTIVE"},
		{golibvirt.DomainPaused, false, resources.Paused, "PAUSED"},
		{golibvirt.DomainShutoff, false, resources.Shutoff, "SHUTOFF"},
		{golibvirt.DomainShutoff, true, resources.Suspended, "SUSPENDED"},
		{golibvirt.DomainCrashed, false, resources.Shutoff, "ERROR"},
	} {
		if p, s := power(c.state, c.saved), status(c.state, c.saved); p != c.power || s != c.status {
			t.Errorf("state %d, saved %t: %s, %s", c.state, c.saved, p, s)
		}
	}
}
