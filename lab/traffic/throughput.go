package traffic

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// warmUp is how long a connection runs before Throughput counts: a limit lets as
// much as it lets in a second through at once.
const warmUp = 1500 * time.Millisecond

// Throughput sends as much as one TCP connection takes to a server of Serve, and
// returns how many bits a second came back.
func Throughput(ctx context.Context, host string, port int, d time.Duration) (float64, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(host, fmt.Sprint(port)))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(warmUp + d + grace)); err != nil {
		return 0, err
	}
	var back atomic.Int64
	go func() { // ends with the connection
		buf := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buf)
			back.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	go func() { _, _ = io.Copy(conn, zeros{}) }()
	time.Sleep(warmUp)
	before := back.Load()
	time.Sleep(d)
	return float64(back.Load()-before) * 8 / d.Seconds(), nil
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}
