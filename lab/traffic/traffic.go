// Package traffic is the small client and server that the lab runs inside network
// namespaces: it answers, asks, and measures a flow. It knows no lab.
package traffic

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// Serve answers on an address, as ":80", until ctx is done; ready is called once it
// listens. With "tcp" and "udp" it says the line answer, then echoes what it gets; with
// "http" every page is that line.
func Serve(ctx context.Context, proto, address, answer string, ready func()) error {
	answer += "\n"
	var lc net.ListenConfig
	if proto == "udp" {
		conn, err := lc.ListenPacket(ctx, "udp", address)
		if err != nil {
			return err
		}
		context.AfterFunc(ctx, func() { conn.Close() })
		ready()
		return ended(ctx, echoPackets(conn, answer))
	}
	ln, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { ln.Close() })
	switch proto {
	case "tcp":
		ready()
		return ended(ctx, echoStreams(ln, answer))
	case "http":
		s := http.Server{
			ReadHeaderTimeout: 10 * time.Second,
			Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }),
		}
		ready()
		return ended(ctx, s.Serve(ln))
	}
	ln.Close()
	return fmt.Errorf("serve %q: tcp, udp or http", proto)
}

func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func echoPackets(conn net.PacketConn, answer string) error {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		// Whoever asked may be gone by now.
		_, _ = conn.WriteTo(append([]byte(answer), buf[:n]...), from)
	}
}

func echoStreams(ln net.Listener, answer string) error {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			if _, err := io.WriteString(conn, answer); err == nil {
				_, _ = io.Copy(conn, conn)
			}
		}()
	}
}

// Ask asks a server of Serve once and returns its line. With "icmp" it asks for an
// echo, and port does not count.
func Ask(ctx context.Context, proto, host string, port int) (string, error) {
	switch proto {
	case "http":
		return askHTTP(ctx, net.JoinHostPort(host, fmt.Sprint(port)))
	case "tcp", "udp", "icmp":
	default:
		return "", fmt.Errorf("ask %q: icmp, tcp, udp or http", proto)
	}
	p, err := dial(ctx, proto, host, port)
	if err != nil {
		return "", err
	}
	defer p.Close()
	if err := p.send(1); err != nil {
		return "", err
	}
	_, answer, err := p.receive()
	return answer, err
}

func askHTTP(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(body), "\n")
	if resp.StatusCode != http.StatusOK {
		return line, fmt.Errorf("%s: %s", resp.Status, line)
	}
	return line, nil
}

// An Outcome says how asking went, in one word.
type Outcome string

const (
	OK          Outcome = "ok"
	Timeout     Outcome = "timeout"     // nothing came back
	Refused     Outcome = "refused"     // a reset, or ICMP's "port unreachable"
	Unreachable Outcome = "unreachable" // no way there
	Failed      Outcome = "failed"
)

// OutcomeOf tells the outcome by the error of Ask.
func OutcomeOf(err error) Outcome {
	var ne net.Error
	switch {
	case err == nil:
		return OK
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return Refused
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.ENETDOWN):
		return Unreachable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return Timeout
	}
	return Failed
}

// A probe is one conversation, of numbers that the other side sends back.
type probe struct {
	net.Conn
	proto  string
	r      *bufio.Reader // of a stream
	answer string        // the line that the server said
	six    bool
	id     uint16
}

// dial begins a conversation; ctx bounds all of it.
func dial(ctx context.Context, proto, host string, port int) (*probe, error) {
	p := &probe{proto: proto, id: uint16(os.Getpid())}
	network, address := proto, net.JoinHostPort(host, fmt.Sprint(port))
	if proto == "icmp" {
		a, err := netip.ParseAddr(host)
		if err != nil {
			return nil, err
		}
		network, address = "ip4:icmp", host
		if a.Is6() {
			p.six, network = true, "ip6:ipv6-icmp"
		}
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if t, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(t); err != nil {
			conn.Close()
			return nil, err
		}
	}
	p.Conn = conn
	if proto != "tcp" {
		return p, nil
	}
	p.r = bufio.NewReader(conn)
	if p.answer, err = p.r.ReadString('\n'); err != nil {
		conn.Close()
		return nil, err
	}
	p.answer = strings.TrimSuffix(p.answer, "\n")
	return p, nil
}

func (p *probe) send(n uint64) error {
	b := binary.BigEndian.AppendUint64(nil, n)
	if p.proto == "icmp" {
		b = echoRequest(p.six, p.id, uint16(n), b)
	}
	_, err := p.Write(b)
	return err
}

// receive returns the next number that came back, and the server's line.
func (p *probe) receive() (uint64, string, error) {
	buf := make([]byte, 64<<10)
	if p.proto == "tcp" {
		if _, err := io.ReadFull(p.r, buf[:8]); err != nil {
			return 0, "", err
		}
		return binary.BigEndian.Uint64(buf), p.answer, nil
	}
	for {
		n, err := p.read(buf)
		if err != nil {
			return 0, "", err
		}
		b := buf[:n]
		if p.proto == "icmp" {
			if !isEchoReply(p.six, p.id, b) {
				continue
			}
			b = b[8:]
		}
		if len(b) < 8 {
			continue
		}
		line, _, _ := strings.Cut(string(b[:len(b)-8]), "\n")
		return binary.BigEndian.Uint64(b[len(b)-8:]), line, nil
	}
}

// read is Read, without the header that Read leaves before ICMP.
func (p *probe) read(buf []byte) (n int, err error) {
	if conn, ok := p.Conn.(net.PacketConn); ok {
		n, _, err = conn.ReadFrom(buf)
		return n, err
	}
	return p.Read(buf)
}

// echoRequest is ICMP's (RFC 792) or ICMPv6's (RFC 4443), whose checksum the kernel
// fills in.
func echoRequest(six bool, id, seq uint16, payload []byte) []byte {
	b := []byte{8, 0, 0, 0}
	if six {
		b[0] = 128
	}
	b = binary.BigEndian.AppendUint16(b, id)
	b = binary.BigEndian.AppendUint16(b, seq)
	b = append(b, payload...)
	if !six {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

func isEchoReply(six bool, id uint16, b []byte) bool {
	want := byte(0)
	if six {
		want = 129
	}
	return len(b) >= 16 && b[0] == want && binary.BigEndian.Uint16(b[4:]) == id
}

// checksum is the internet's (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// Resolve asks one server for a name's addresses ("A", "AAAA"), or an address's names
// ("PTR").
func Resolve(ctx context.Context, server, kind, name string) ([]string, error) {
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, "53")
	}
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server)
	}}
	network := map[string]string{"A": "ip4", "AAAA": "ip6"}[kind]
	switch {
	case kind == "PTR":
		return r.LookupAddr(ctx, name)
	case network == "":
		return nil, fmt.Errorf("resolve %q: A, AAAA or PTR", kind)
	}
	// The dot at the end keeps this machine's search list out.
	addrs, err := r.LookupNetIP(ctx, network, strings.TrimSuffix(name, ".")+".")
	var out []string
	for _, a := range addrs {
		out = append(out, a.String())
	}
	return out, err
}
