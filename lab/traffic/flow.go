package traffic

import (
	"context"
	"fmt"
	"net"
	"time"
)

// A Report says how a flow fared.
type Report struct {
	Sent, Lost int
	// Gap is the longest time in which nothing came back.
	Gap time.Duration
}

// String is a line for people and scripts: `sent 50, lost 1, longest gap 41ms`.
func (r Report) String() string {
	return fmt.Sprintf("sent %d, lost %d, longest gap %s", r.Sent, r.Lost, r.Gap.Round(time.Millisecond))
}

// grace is how long a flow waits for what it sent last.
const grace = time.Second

// Flow sends a number every interval, over "icmp" or to a server of Serve over "udp"
// or one connection of "tcp", until ctx is done; with "http" each is a connection of its
// own. ready is called when the first came back.
func Flow(ctx context.Context, proto, host string, port int, interval time.Duration, ready func()) (Report, error) {
	// A number sent may come back when the flow has ended: the channel is never full.
	arrived := make(chan uint64, 1024)
	if proto == "http" {
		return measure(ctx, newcomers(context.WithoutCancel(ctx), net.JoinHostPort(host, fmt.Sprint(port)), arrived), arrived, interval, ready), nil
	}
	p, err := dial(context.WithoutCancel(ctx), proto, host, port)
	if err != nil {
		return Report{}, err
	}
	defer p.Close()
	go func() {
		defer close(arrived)
		for {
			n, _, err := p.receive()
			if err != nil {
				if proto == "tcp" {
					return // the connection is gone
				}
				if OutcomeOf(err) == Failed || OutcomeOf(err) == Timeout {
					return
				}
				continue // an ICMP error is an answer lost, no more
			}
			arrived <- n
		}
	}()
	// What can't be sent is lost.
	return measure(ctx, func(n uint64) { _ = p.send(n) }, arrived, interval, ready), nil
}

// newcomers asks for a page by a connection of its own each time.
func newcomers(ctx context.Context, address string, arrived chan<- uint64) func(uint64) {
	return func(n uint64) {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, grace)
			defer cancel()
			if _, err := askHTTP(ctx, address); err == nil {
				arrived <- n
			}
		}()
	}
}

// measure sends until ctx is done, and counts what arrives.
func measure(ctx context.Context, send func(uint64), arrived <-chan uint64, interval time.Duration, ready func()) Report {
	var m meter
	m.begin(time.Now())
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			tick.Stop()
			m.drain(arrived, time.After(grace))
			return m.report()
		case n, ok := <-arrived:
			if !ok {
				arrived = nil
				continue
			}
			if m.arrive(n, time.Now()) {
				ready()
			}
		case <-tick.C:
			send(m.next())
		}
	}
}

// A meter counts what was sent and what came back.
type meter struct {
	sent     uint64
	back     map[uint64]bool
	lastBack time.Time
	gap      time.Duration
}

func (m *meter) begin(t time.Time) { m.back, m.lastBack = map[uint64]bool{}, t }

func (m *meter) next() uint64 {
	m.sent++
	return m.sent
}

// arrive notes a number, and reports whether it is the first that came back.
func (m *meter) arrive(n uint64, t time.Time) (first bool) {
	if n == 0 || n > m.sent || m.back[n] {
		return false // not ours, or twice
	}
	m.back[n] = true
	m.gap = max(m.gap, t.Sub(m.lastBack))
	m.lastBack = t
	return len(m.back) == 1
}

// drain takes what is still under way when nothing is sent any more.
func (m *meter) drain(arrived <-chan uint64, over <-chan time.Time) {
	defer func() {
		if m.lost() > 0 {
			m.gap = max(m.gap, time.Since(m.lastBack)-grace)
		}
	}()
	for m.lost() > 0 {
		select {
		case n, ok := <-arrived:
			if !ok {
				return
			}
			m.arrive(n, time.Now())
		case <-over:
			return
		}
	}
}

func (m *meter) lost() int { return int(m.sent) - len(m.back) }

func (m *meter) report() Report { return Report{Sent: int(m.sent), Lost: m.lost(), Gap: m.gap} }
