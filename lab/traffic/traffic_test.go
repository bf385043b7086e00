package traffic

import (
	"context"
	"encoding/binary"
	"net"
	"strconv"
	"testing"
	"time"
)

// free is a port of 127.0.0.1 that nobody has.
func free(t *testing.T, network string) int {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().(*net.UDPAddr).Port
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

func serving(t *testing.T, proto string) int {
	t.Helper()
	port := free(t, proto)
	ready, ended := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- Serve(ctx, proto, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "hello "+proto, func() { close(ready) })
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve %s: %v", proto, err)
		}
	})
	return port
}

func TestAskWhatIsServed(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"tcp", "udp", "http"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			port := serving(t, proto)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			answer, err := Ask(ctx, proto, "127.0.0.1", port)
			if err != nil || answer != "hello "+proto {
				t.Errorf("Ask = %q, %v", answer, err)
			}
		})
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	for _, c := range []struct {
		reason, proto, host string
		port                int
		want                Outcome
	}{
		{"nobody listens", "tcp", "127.0.0.1", free(t, "tcp"), Refused},
		{"ICMP says that nobody listens", "udp", "127.0.0.1", free(t, "udp"), Refused},
		{"somebody listens and says nothing", "udp", "127.0.0.1", silent.LocalAddr().(*net.UDPAddr).Port, Timeout},
		{"no such protocol", "sctp", "127.0.0.1", 1, Failed},
		{"a name is no address", "icmp", "localhost", 0, Failed},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := Ask(ctx, c.proto, c.host, c.port)
			if got := OutcomeOf(err); got != c.want {
				t.Errorf("%s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestFlow(t *testing.T) {
	t.Parallel()
	for _, proto := range []string{"tcp", "udp", "http"} {
		t.Run(proto, func(t *testing.T) {
			t.Parallel()
			port := serving(t, proto)
			ctx, cancel := context.WithCancel(t.Context())
			r, err := Flow(ctx, proto, "127.0.0.1", port, time.Millisecond, cancel)
			if err != nil || r.Sent == 0 || r.Lost != 0 {
				t.Errorf("Flow = %s, %v", r, err)
			}
		})
	}
}

func TestThroughput(t *testing.T) {
	t.Parallel()
	bits, err := Throughput(t.Context(), "127.0.0.1", serving(t, "tcp"), 200*time.Millisecond)
	if err != nil || bits < 1e6 {
		t.Errorf("%.0f bit/s, %v", bits, err)
	}
}

func TestMeter(t *testing.T) {
	t.Parallel()
	start := time.Now()
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	var m meter
	m.begin(at(0))
	for range 4 {
		m.next()
	}
	if !m.arrive(1, at(5)) {
		t.Error("the first that came back was not the first")
	}
	m.arrive(2, at(15))
	m.arrive(2, at(500)) // twice
	m.arrive(9, at(500)) // never sent
	m.arrive(4, at(85))
	if got, want := m.report().String(), "sent 4, lost 1, longest gap 70ms"; got != want {
		t.Errorf("report %q, want %q", got, want)
	}
}

func TestChecksum(t *testing.T) {
	t.Parallel()
	b := echoRequest(false, 7, 9, []byte("odd"))
	if checksum(b) != 0 {
		t.Errorf("% x sums to %x, want 0", b, checksum(b))
	}
	if binary.BigEndian.Uint16(b[4:]) != 7 || binary.BigEndian.Uint16(b[6:]) != 9 {
		t.Errorf("id and sequence: % x", b)
	}
}
