package libvirt

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"github.com/cairncloud/cairn/resources/cloud"
)

// The procedures that a fake server knows (remote_protocol.x).
const (
	procOpen    = 1
	procAuths   = 66
	procVersion = 157
)

// fake is a host whose server answers each call as it is told.
func fake(t *testing.T, answer func(c net.Conn, procedure, serial uint32)) *host {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				for {
					head := make([]byte, headBytes)
					if _, err := io.ReadFull(c, head); err != nil {
						return
					}
					if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head))-headBytes); err != nil {
						return
					}
					answer(c, binary.BigEndian.Uint32(head[12:]), binary.BigEndian.Uint32(head[20:]))
				}
			}()
		}
	}()
	return newHost(&cloud.Host{Name: "fake", URI: "qemu+unix:///system?socket=" + socket})
}

// reply is a server's answer to a call.
func reply(procedure, serial uint32, body []byte) []byte {
	return packet(programRemote, procedure, 1, serial, 0, body)
}

// lets answers as a libvirtd of a version does, as far as it is asked for that.
func lets(version uint64) func(c net.Conn, procedure, serial uint32) {
	return func(c net.Conn, procedure, serial uint32) {
		var body []byte
		switch procedure {
		case procAuths:
			body = make([]byte, 8) // one way: none is needed
			body[3] = 1
		case procVersion:
			body = binary.BigEndian.AppendUint64(nil, version)
		}
		_, _ = c.Write(reply(procedure, serial, body))
	}
}

// after answers well until a host is asked for its version, and then as it is told.
func after(then func(c net.Conn, procedure, serial uint32)) func(c net.Conn, procedure, serial uint32) {
	return func(c net.Conn, procedure, serial uint32) {
		if procedure != procVersion {
			lets(9_000_000)(c, procedure, serial)
			return
		}
		then(c, procedure, serial)
	}
}

func TestServersThatAnswerBadly(t *testing.T) {
	t.Parallel()
	long := reply(procVersion, 0, nil)
	binary.BigEndian.PutUint32(long, 1<<31)
	says := func(b []byte) func(c net.Conn, procedure, serial uint32) {
		return func(c net.Conn, _, _ uint32) { _, _ = c.Write(b) }
	}
	drips := func(c net.Conn, procedure, serial uint32) {
		for _, b := range reply(procedure, serial, make([]byte, 8)) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
	breaks := func(c net.Conn, procedure, serial uint32) {
		_, _ = c.Write(reply(procedure, serial, make([]byte, 8))[:headBytes+3])
		_ = c.Close()
	}
	hangsUp := func(c net.Conn, _, _ uint32) { _ = c.Close() }
	for _, c := range []struct {
		reason string
		answer func(c net.Conn, procedure, serial uint32)
		says   string
	}{
		{"a web server", says([]byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\r\n")), "it does not speak libvirt's protocol"},
		{"zeros", says(make([]byte, 100)), "it does not speak libvirt's protocol"},
		{"a packet of 2 GiB", says(long), "it sends a packet of 2048 MiB, and 64 is the limit"},
		{"a packet of 2 GiB later", after(says(long)), "it sends a packet of 2048 MiB, and 64 is the limit"},
		{"garbage later", after(says(bytes.Repeat([]byte("x"), 100))), "it does not speak libvirt's protocol"},
		{"an answer of no bytes", after(func(c net.Conn, p, s uint32) { _, _ = c.Write(reply(p, s, nil)) }), "its answer can't be understood: xdr:DecodeUhyper: EOF while decoding 8 bytes"},
		{"the end at once", hangsUp, "it closed the connection before it answered"},
		{"the end in an answer", breaks, "it closed the connection in the middle of an answer"},
		{"the end later", after(hangsUp), "it closed the connection"},
		{"the end in a later answer", after(breaks), "it closed the connection in the middle of an answer"},
		{"a byte a second", drips, "it does not answer within 5s"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			t.Parallel()
			err := ask(t, fake(t, c.answer))
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "host fake: ") {
				t.Errorf("%v does not say %q of the host", err, c.says)
			}
		})
	}
}

// The library waits forever for some answers that come twice, whatever becomes of the
// connection.
func TestAnswersThatComeTwiceHangNobody(t *testing.T) {
	t.Parallel()
	h := fake(t, func(c net.Conn, procedure, serial uint32) {
		if procedure != procVersion {
			lets(9_000_000)(c, procedure, serial)
		}
		lets(9_000_000)(c, procedure, serial)
	})
	if err := ask(t, h); err != nil && !strings.Contains(err.Error(), "it does not answer within 5s") {
		t.Error(err)
	}
}

// ask asks a host for its version, within a time that all hosts keep.
func ask(t *testing.T, h *host) error {
	ctx, cancel := context.WithTimeout(t.Context(), 3*dialTime)
	defer cancel()
	return h.do(ctx, func(c *golibvirt.Libvirt) error {
		_, err := c.ConnectGetLibVersion()
		return err
	})
}

// reach tries to call a host, and holds what comes of it to what should be said; "":
// it works.
func reach(t *testing.T, uri string, m cloud.Machine, says string) {
	t.Helper()
	h := newHost(&cloud.Host{Name: "h", URI: uri, Machine: m})
	defer h.close()
	err := ask(t, h)
	if says == "" && err != nil || says != "" && (err == nil || err.Error() != "host h: connect "+uri+": "+says) {
		t.Errorf("got:  %v\nwant: host h: connect %s: %s", err, uri, says)
	}
}
