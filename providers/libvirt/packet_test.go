package libvirt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// packet is one of libvirt's protocol.
func packet(program, procedure, kind uint32, serial, status uint32, body []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(headBytes+len(body)))
	for _, n := range []uint32{program, 1, procedure, kind, serial, status} {
		p = binary.BigEndian.AppendUint32(p, n)
	}
	return append(p, body...)
}

// spoken is a connection on which a server has said something, and no more.
type spoken struct {
	net.Conn
	io.Reader
}

func (s spoken) Read(p []byte) (int, error) { return s.Reader.Read(p) }
func (spoken) Close() error                 { return nil }

func TestPacketsAreHandedOn(t *testing.T) {
	t.Parallel()
	said := append(packet(programRemote, 1, 1, 1, 0, nil), packet(programQEMU, 3, 2, 0, 0, bytes.Repeat([]byte("x"), 9000))...)
	for reason, r := range map[string]io.Reader{"at once": bytes.NewReader(said), "byte by byte": iotest.OneByteReader(bytes.NewReader(said)), "with the end": iotest.DataErrReader(bytes.NewReader(said))} {
		if got, err := io.ReadAll(newPackets(spoken{nil, r}, time.Minute)); err != nil || !bytes.Equal(got, said) {
			t.Errorf("%s: %d of %d bytes, %v", reason, len(got), len(said), err)
		}
	}
}

// What a server sends of a stream before its reply comes after it, and nothing is lost.
func TestAReplyComesFirst(t *testing.T) {
	t.Parallel()
	const reply, event, stream, fine, goesOn = 1, 2, 3, 0, 2
	one := func(kind, serial, status uint32, body string) []byte {
		return packet(programRemote, 1, kind, serial, status, []byte(body))
	}
	said := slices.Concat(one(stream, 5, goesOn, "first"), one(event, 0, fine, "an event"), one(stream, 5, goesOn, "second"), one(reply, 5, fine, "replied"),
		one(stream, 5, goesOn, "third"), one(stream, 5, goesOn, ""), one(stream, 5, goesOn, ""),
		one(stream, 6, goesOn, "all"), one(stream, 6, goesOn, ""), one(stream, 6, fine, ""), one(reply, 6, fine, ""), one(reply, 7, fine, ""))
	want := slices.Concat(one(event, 0, fine, "an event"), one(reply, 5, fine, "replied"), one(stream, 5, goesOn, "first"), one(stream, 5, goesOn, "second"),
		one(stream, 5, goesOn, "third"), one(stream, 5, goesOn, ""),
		one(reply, 6, fine, ""), one(stream, 6, goesOn, "all"), one(stream, 6, goesOn, ""), one(reply, 7, fine, ""))
	if got, err := io.ReadAll(newPackets(spoken{nil, iotest.OneByteReader(bytes.NewReader(said))}, time.Minute)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d are handed on, not %d: %v", len(got), len(said), len(want), err)
	}
}

// A server says several times that a stream has ended, and the library takes it once.
func TestAStreamEndsOnce(t *testing.T) {
	t.Parallel()
	const reply, stream, fine, failed, goesOn = 1, 3, 0, 1, 2
	var said, want []byte
	for _, p := range []struct {
		kind, serial, status uint32
		body                 string
		kept                 bool
	}{
		{reply, 5, fine, "", true},
		{stream, 5, goesOn, "bytes", true},
		{stream, 5, goesOn, "", true}, // the end
		{stream, 5, goesOn, "", false},
		{stream, 5, fine, "", false},
		{reply, 6, fine, "", true},
		{stream, 6, failed, "why", true}, // another end
		{stream, 6, failed, "why", false},
		{reply, 7, fine, "", true},
		{stream, 7, fine, "", true},
	} {
		x := packet(programRemote, 1, p.kind, p.serial, p.status, []byte(p.body))
		said = append(said, x...)
		if p.kept {
			want = append(want, x...)
		}
	}
	if got, err := io.ReadAll(newPackets(spoken{nil, iotest.OneByteReader(bytes.NewReader(said))}, time.Minute)); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d are handed on, not %d: %v", len(got), len(said), len(want), err)
	}
}

func TestPacketsOfOthersAreNot(t *testing.T) {
	t.Parallel()
	good := packet(programRemote, 1, 1, 1, 0, []byte("body"))
	long, short := bytes.Clone(good), bytes.Clone(good)
	binary.BigEndian.PutUint32(long, 1<<31)
	binary.BigEndian.PutUint32(short, headBytes-1)
	for _, c := range []struct {
		reason string
		said   []byte
		says   string
	}{
		{"a web server", []byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"), `it does not speak libvirt's protocol (it says "HTTP/1.1 400 Bad Request\r\nCo"): is it another server's port?`},
		{"zeros", make([]byte, 100), `it does not speak libvirt's protocol`},
		{"a packet of 2 GiB", long, "it sends a packet of 2048 MiB, and 64 is the limit"},
		{"a packet shorter than its head", short, "it does not speak libvirt's protocol"},
		{"the end in a head", good[:7], "it closed the connection in the middle of an answer"},
		{"the end in a body", good[:headBytes+2], "it closed the connection in the middle of an answer"},
	} {
		p := newPackets(spoken{nil, bytes.NewReader(append(bytes.Clone(good), c.said...))}, time.Minute)
		got, err := io.ReadAll(p)
		if err == nil || !strings.Contains(err.Error(), c.says) || !errors.Is(err, p.broken()) {
			t.Errorf("%s: %v does not say %q", c.reason, err, c.says)
		}
		if want := max(len(good), min(len(good)+len(c.said), len(got))); len(got) != want || !bytes.HasPrefix(got, good) {
			t.Errorf("%s: %d bytes were handed on", c.reason, len(got))
		}
		if _, err := p.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: it goes on", c.reason)
		}
	}
}

func TestAPacketThatDripsIsGivenUp(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { _ = theirs.Close() })
	go func() {
		time.Sleep(200 * time.Millisecond) // between packets a server may take its time
		for _, b := range packet(programRemote, 1, 1, 1, 0, make([]byte, 1<<16)) {
			if _, err := theirs.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	p := newPackets(ours, 100*time.Millisecond)
	if _, err := io.ReadAll(p); err == nil || !strings.Contains(err.Error(), "to the end of an answer within 100ms") {
		t.Errorf("%v", err)
	}
}

// What is handed on are whole packets and the beginning of one, of sizes that the
// library can bear.
func FuzzPackets(f *testing.F) {
	good := packet(programRemote, 1, 1, 1, 0, []byte("body"))
	f.Add(good)
	f.Add(append(bytes.Clone(good), "HTTP/1.1 400 Bad Request"...))
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, said []byte) {
		said = bytes.Clone(said)
		for at := 0; len(said)-at >= headBytes; { // streams have ends of their own
			binary.BigEndian.PutUint32(said[at+16:], 1)
			n := int(binary.BigEndian.Uint32(said[at:]))
			if n < headBytes || n > len(said)-at {
				break
			}
			at += n
		}
		got, err := io.ReadAll(newPackets(spoken{nil, iotest.HalfReader(bytes.NewReader(said))}, time.Minute))
		if !bytes.HasPrefix(said, got) {
			t.Fatal("other bytes are handed on than came")
		}
		rest := got
		for len(rest) >= headBytes {
			n := binary.BigEndian.Uint32(rest)
			if n < headBytes || n > mostPacket {
				t.Fatalf("a packet of %d bytes is handed on", n)
			}
			rest = rest[min(int(n), len(rest)):]
		}
		if len(rest) > 0 {
			t.Fatalf("%d bytes are handed on that are no packet", len(rest))
		}
		if err == nil && len(got) != len(said) {
			t.Fatalf("%d of %d bytes are handed on, and no error", len(got), len(said))
		}
	})
}
