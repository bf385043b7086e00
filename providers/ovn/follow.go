package ovn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// What ovn-trace may use. It reads the whole southbound database, whose size is
// that of the cloud.
const (
	followTime   = 10 * time.Second
	followMemory = 2 << 30 // bytes of address space
	followText   = 1 << 20 // bytes of an answer
)

// errTooLong says that ovn-trace has printed more than followText.
var errTooLong = errors.New("its answer is longer than 1 MiB")

// Follow asks ovn-trace(8) how a packet fares by the flows of the southbound
// database, and answers with what it prints. Nothing is sent.
func (d *Driver) Follow(ctx context.Context, words []string) (string, error) {
	path, err := exec.LookPath("ovn-trace")
	if err != nil {
		return "", fmt.Errorf("ovn-trace is not installed: %w", err)
	}
	return follow(ctx, followTime, path, append(d.database(), words...))
}

// database is how OVN's tools are told where the southbound database is.
func (d *Driver) database() []string {
	words := []string{"--db=" + strings.Join(d.conf.Southbound, ",")}
	if d.conf.CA != "" {
		words = append(words, "--ca-cert="+d.conf.CA)
	}
	if d.conf.Cert != "" {
		words = append(words, "--certificate="+d.conf.Cert, "--private-key="+d.conf.Key)
	}
	return words
}

// follow runs a program within bounds of time, memory and output. The shell becomes
// the program once it has bounded itself.
func follow(ctx context.Context, limit time.Duration, path string, words []string) (string, error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	const within = `ulimit -c 0; ulimit -v "$1" && shift && exec "$@"`
	c := exec.CommandContext(bounded, "sh", append([]string{"-c", within, "sh", strconv.Itoa(followMemory / 1024), path}, words...)...)
	alone(c)
	c.WaitDelay = time.Second
	out := &atMost{rest: followText, over: cancel}
	complaints := &atMost{rest: 4096}
	c.Stdout, c.Stderr = out, complaints
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case out.full:
		return "", fmt.Errorf("ovn-trace: %w", errTooLong)
	case ctx.Err() != nil:
		return "", ctx.Err()
	case bounded.Err() != nil:
		return "", fmt.Errorf("ovn-trace has not answered within %s", limit)
	case errors.As(err, &exit):
		return "", fmt.Errorf("ovn-trace: %s%w", said(complaints.text.String()), err)
	case err != nil:
		return "", fmt.Errorf("run ovn-trace: %w", err)
	}
	return out.text.String(), nil
}

// said is the last line of what a program complains about.
func said(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := lines[len(lines)-1]
	if last == "" {
		return ""
	}
	return strings.TrimPrefix(last, "ovn-trace: ") + ": "
}

// atMost keeps the beginning of what is written to it, and tells when there is more.
type atMost struct {
	text bytes.Buffer
	rest int
	full bool
	over func()
}

func (w *atMost) Write(p []byte) (int, error) {
	n := min(len(p), w.rest)
	w.text.Write(p[:n])
	w.rest -= n
	if n < len(p) {
		w.full = true
		if w.over != nil {
			w.over()
			return n, io.ErrShortWrite
		}
	}
	return len(p), nil
}
