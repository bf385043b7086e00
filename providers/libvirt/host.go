package libvirt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/digitalocean/go-libvirt/socket/dialers"

	"github.com/cairncloud/cairn/resources/cloud"
)

// Times that bound what a host may take to answer. A call may be long (a guest that
// moves); a host that answers nothing at all for patience is given up.
const (
	dialTime = 5 * time.Second
	patience = 5 * time.Second
	// sulk is how long a host that could not be reached is not tried again.
	sulk = 20 * time.Second
)

// inFlight is how many calls go to a host at once. libvirtd does not become faster
// with more (docs/BENCH.md).
const inFlight = 4

// A host is the connections to one libvirtd. Each call has a connection to itself,
// since the library's calls know no deadline: to end one is to close what it waits
// on. Nothing is connected before the first call.
type host struct {
	*cloud.Host
	slots chan struct{}

	making sync.Mutex // held by who makes a pool

	mu     sync.Mutex // guards what follows
	virt   cloud.Virt // how guests run; "": nobody has asked
	idle   []*link
	away   error                            // why the last try to reach it failed
	until  time.Time                        // it is not tried again before
	probes *probe                           // nil: no call takes long
	pools  map[string]golibvirt.StoragePool // that are known to be there
	// offered is what the host was found to give guests, by their machine type.
	offered map[string]offer
}

// probe asks a host now and then whether it is there, for as long as calls wait.
type probe struct {
	calls  int
	broken chan struct{} // closed when the host has stopped answering
}

// link is one connection.
type link struct {
	*golibvirt.Libvirt
	conn *packets
}

func newHost(h *cloud.Host) *host {
	return &host{Host: h, slots: make(chan struct{}, inFlight), pools: map[string]golibvirt.StoragePool{}, offered: map[string]offer{}}
}

// errUnreachable is any error that says nothing of what the host holds.
var errUnreachable = errors.New("unreachable")

// unreachable is an error of reaching a host.
type unreachable struct {
	host string
	error
}

func (e unreachable) Error() string      { return fmt.Sprintf("host %s: %v", e.host, e.error) }
func (unreachable) Is(target error) bool { return target == errUnreachable }
func (e unreachable) Unwrap() error      { return e.error }

// do has one call, or a few that belong together, on a connection. It ends with the
// context, or when the host has stopped answering.
func (h *host) do(ctx context.Context, f func(c *golibvirt.Libvirt) error) error {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return h.call(ctx, f)
}

// call is do besides the bound of calls in flight: for what may take long and
// burdens the host little.
func (h *host) call(ctx context.Context, f func(c *golibvirt.Libvirt) error) error {
	l, fresh, err := h.take(ctx)
	if err != nil {
		return err
	}
	err = h.watched(ctx, l, f)
	if lost(err) && !fresh && ctx.Err() == nil && !errors.Is(err, errUnreachable) {
		// The server was restarted since the connection was used last. Every call may be
		// repeated.
		if l, err = h.dial(ctx); err == nil {
			err = h.watched(ctx, l, f)
		}
	}
	if errors.Is(err, errClosed) {
		err = unreachable{h.Name, fmt.Errorf("%w: was its libvirtd stopped, or is it full (max_clients)?", err)}
	}
	return err
}

// lost reports whether a connection is no good any more.
func lost(err error) bool {
	var net net.Error
	return errors.Is(err, golibvirt.ErrInterrupted) || errors.Is(err, errUnreachable) || errors.Is(err, errClosed) || errors.As(err, &net)
}

var errClosed = errors.New("it closed the connection")

// watched has a call on a link, which then is idle again, or closed.
func (h *host) watched(ctx context.Context, l *link, f func(c *golibvirt.Libvirt) error) error {
	done := make(chan error, 1)
	go func() {
		if !l.IsConnected() {
			done <- errClosed
			return
		}
		done <- f(l.Libvirt)
	}()
	slow := time.NewTimer(patience)
	defer slow.Stop()
	var broken <-chan struct{}
	for {
		select {
		case err := <-done:
			if lost(err) || !l.IsConnected() {
				_ = l.conn.Close()
				switch why := l.conn.broken(); {
				case err == nil || errors.Is(err, errClosed):
					return err
				case errors.Is(why, errClosed):
					return why
				case why != nil:
					return h.lose(why)
				case errors.Is(err, golibvirt.ErrInterrupted):
					return errClosed
				}
				return unreachable{h.Name, err}
			}
			if garbled(err) {
				_ = l.conn.Close()
				what, _, _ := strings.Cut(err.Error(), " - read") // what follows are the bytes
				return h.lose(fmt.Errorf("its answer can't be understood: %s", what))
			}
			h.give(l)
			return err
		case <-slow.C:
			var stop func()
			broken, stop = h.probe()
			defer stop()
		case <-broken:
			_ = l.conn.Close()
			return h.lose(fmt.Errorf("it has not answered for %v: is it partitioned, or its libvirtd stopped?", patience))
		case <-ctx.Done():
			_ = l.conn.Close()
			return fmt.Errorf("host %s: %w", h.Name, context.Cause(ctx))
		}
	}
}

// garbled reports whether an answer is not in the form that the protocol has for it.
// The library keeps the type of that error to itself.
func garbled(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "xdr:") }

// take answers with a connection of the host's; fresh says that it is new.
func (h *host) take(ctx context.Context) (l *link, fresh bool, err error) {
	h.mu.Lock()
	if n := len(h.idle); n > 0 {
		l, h.idle = h.idle[n-1], h.idle[:n-1]
	}
	away := h.away
	if time.Now().After(h.until) {
		away = nil
	}
	h.mu.Unlock()
	switch {
	case l != nil:
		return l, false, nil
	case away != nil:
		return nil, false, away
	}
	l, err = h.dial(ctx)
	return l, true, err
}

func (h *host) give(l *link) {
	if l.conn.drained.Load() {
		_ = l.conn.Close()
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.idle = append(h.idle, l)
}

// lose notes that the host is away, and why.
func (h *host) lose(why error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away, h.until = unreachable{h.Name, why}, time.Now().Add(sulk)
	for _, l := range h.idle {
		_ = l.conn.Close()
	}
	h.idle = nil
	return h.away
}

// dial makes a connection within dialTime.
func (h *host) dial(ctx context.Context) (*link, error) {
	l, err := h.connect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("host %s: %w", h.Name, context.Cause(ctx))
		}
		return nil, h.lose(fmt.Errorf("connect %s: %w", h.URI, err))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.away, h.until = nil, time.Time{}
	return l, nil
}

var errSlow = fmt.Errorf("it does not answer within %v", dialTime)

func (h *host) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTime, errSlow)
	defer cancel()
	conn, err := dial(ctx, h.URI, h.Machine)
	if err != nil {
		var late net.Error
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		} else if errors.As(err, &late) && late.Timeout() { // it is a hair faster than ours
			err = errSlow
		}
		return nil, err
	}
	framed := newPackets(conn, packetTime)
	l := &link{golibvirt.NewWithDialer(dialers.NewAlreadyConnected(framed)), framed}
	opened := make(chan error, 1)
	go func() { opened <- l.ConnectToURI(golibvirt.QEMUSystem) }()
	select {
	case err = <-opened:
	case <-ctx.Done(): // what the library waits for may never come, even when its connection ends
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = framed.Close()
		if why := framed.broken(); why != nil {
			err = why
		}
		return nil, unopened(err)
	}
	return l, nil
}

// unopened says what to do about a server that lets nobody in.
func unopened(err error) error {
	switch {
	case errors.Is(err, golibvirt.ErrInterrupted):
		return fmt.Errorf("%w before it answered: does its log say why? A port of TLS, a server of another kind and one that is full (max_clients) do so", errClosed)
	case strings.Contains(err.Error(), "authentication required"):
		return fmt.Errorf("%w: cairn has no user and password for it: say auth_tcp, auth_tls or auth_unix_rw = \"none\" in its libvirtd.conf, and let nobody but cairn reach it", err)
	}
	return err
}

// probe begins to ask the host whether it is there, until stop.
func (h *host) probe() (broken <-chan struct{}, stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.probes == nil {
		h.probes = &probe{broken: make(chan struct{})}
		go h.ask(h.probes)
	}
	p := h.probes
	p.calls++
	return p.broken, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		p.calls--
	}
}

// ask is the prober: it connects anew each time, so that what holds up a connection
// does not count.
func (h *host) ask(p *probe) {
	for h.asked(p) {
		time.Sleep(patience)
	}
}

func (h *host) asked(p *probe) (goOn bool) {
	l, err := h.connect(context.Background())
	if err == nil {
		_ = l.conn.Close()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		close(p.broken)
	}
	if err != nil || p.calls == 0 {
		h.probes = nil
		return false
	}
	return true
}

// close lets go of the connections.
func (h *host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.idle {
		_ = l.conn.Close()
	}
	h.idle = nil
}
