package libvirt

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// What is put up with of a server.
const (
	// mostPacket is how long a packet may be: twice what libvirt sends
	// (VIR_NET_MESSAGE_MAX).
	mostPacket = 64 << 20
	// packetTime is how long a packet that has begun may take.
	packetTime = 30 * time.Second
)

// headBytes is how long the head of a packet is: seven numbers, the packet's length
// first and then the program.
const headBytes = 28

// The programs of libvirt's protocol (virnetprotocol.x, remote_protocol.x).
const (
	programRemote = 0x20008086
	programQEMU   = 0x20008087
)

// packets is a connection that hands on packets of libvirt's protocol and nothing
// else. The library makes room for whatever length a packet claims, and ends the
// program over one that is too short.
type packets struct {
	net.Conn
	within time.Duration

	// Of whoever reads.
	in   *bufio.Reader
	head []byte // what of it is not handed on yet
	left uint32 // bytes of the body that are to come
	// Of streams, by the numbers of their calls: the last that was replied to, the last
	// that has ended, and whole packets that came before the reply to theirs.
	replied, ended, early uint32
	held, due             bytes.Buffer  // due: their reply was handed on
	waited                time.Duration // for the packet, since it began

	// drained: a stream from the server was taken here. The library does not tell the
	// server that it is done, which may then go on with it.
	drained atomic.Bool

	mu  sync.Mutex
	why error
}

func newPackets(c net.Conn, within time.Duration) *packets {
	return &packets{Conn: c, within: within, in: bufio.NewReader(c)}
}

// broken is why nothing is read any more, nil while that is the connection's own
// business.
func (c *packets) broken() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

func (c *packets) fail(why error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why == nil {
		c.why = why
	}
	return c.why
}

func (c *packets) Read(p []byte) (n int, err error) {
	if err := c.broken(); err != nil {
		return 0, err
	}
	for len(c.head) == 0 && c.left == 0 {
		if c.due.Len() > 0 {
			return c.due.Read(p)
		}
		if _, err := c.in.Peek(1); err != nil {
			return 0, err
		}
		c.waited = 0
		if err := c.timed(c.begin); err != nil {
			return 0, err
		}
	}
	if len(c.head) > 0 {
		n = copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	err = c.timed(func() error {
		n, err = c.in.Read(p[:min(len(p), int(c.left))])
		return err
	})
	c.left -= uint32(n)
	if errors.Is(err, io.EOF) {
		err = c.fail(errBrokenOff)
	}
	return n, err
}

var errBrokenOff = fmt.Errorf("%w in the middle of an answer", errClosed)

// begin reads the head of a packet. What libvirtd sends of a stream before its reply to
// the call comes after it here: the library takes what comes first for the reply, and
// the reply for the end. What comes of a stream after its end is passed over: the
// library has nobody left to take it, and would wait for him for good.
func (c *packets) begin() error {
	if err := c.next(); err != nil {
		return err
	}
	const reply, stream, goesOn = 1, 3, 2 // VIR_NET_REPLY, VIR_NET_STREAM, VIR_NET_CONTINUE
	number := func(at int) uint32 { return binary.BigEndian.Uint32(c.head[at:]) }
	kind, serial, status := number(16), number(20), number(24)
	switch {
	case kind == reply:
		c.replied = serial
		if c.early == serial {
			_, _ = c.held.WriteTo(&c.due) // a Buffer takes everything
		}
		c.held.Reset()
		return nil
	case kind != stream:
		return nil
	case serial == c.ended:
		if _, err := c.in.Discard(int(c.left)); err != nil {
			return c.fail(errBrokenOff)
		}
		c.head, c.left = nil, 0
		return nil
	case status != goesOn || c.left == 0:
		c.ended = serial
		c.drained.Store(c.drained.Load() || status == goesOn)
	}
	if serial == c.replied {
		return nil
	}
	c.early = serial
	if c.held.Len()+int(c.left) > mostPacket {
		return c.fail(fmt.Errorf("it sends more than %d MiB before it has replied: something is wrong with its libvirtd", mostPacket>>20))
	}
	_, _ = c.held.Write(c.head)
	if _, err := io.CopyN(&c.held, c.in, int64(c.left)); err != nil {
		return c.fail(errBrokenOff)
	}
	c.head, c.left = nil, 0
	return nil
}

// next reads a head, and holds it to what can be one.
func (c *packets) next() error {
	head := make([]byte, headBytes)
	if _, err := io.ReadFull(c.in, head); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = c.fail(errBrokenOff)
		}
		return err
	}
	length, program := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[4:])
	switch {
	case program != programRemote && program != programQEMU || length < headBytes:
		return c.fail(fmt.Errorf("it does not speak libvirt's protocol (it says %q): is it another server's port?", head))
	case length > mostPacket:
		return c.fail(fmt.Errorf("it sends a packet of %d MiB, and %d is the limit: something is wrong with its libvirtd", length>>20, mostPacket>>20))
	}
	c.head, c.left = head, length-headBytes
	return nil
}

// timed reads a piece of a packet, in what is left of the packet's time.
func (c *packets) timed(read func() error) error {
	began := time.Now()
	timer := time.AfterFunc(c.within-c.waited, func() {
		_ = c.fail(fmt.Errorf("it did not come to the end of an answer within %v: is the line to it too slow?", c.within))
		_ = c.Close()
	})
	err := read()
	timer.Stop()
	c.waited += time.Since(began)
	if why := c.broken(); why != nil {
		return why
	}
	return err
}
