package intake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// bounds are what a program may take that reads what strangers made.
type bounds struct {
	Memory int64 // of addresses, in bytes
	CPU    time.Duration
	File   int64 // the largest that it may write, in bytes
}

// run runs qemu-img within bounds, and answers with what it prints. It ends with
// the context, and all that it has started.
func (b bounds) run(ctx context.Context, args ...string) ([]byte, error) {
	tool, err := exec.LookPath("qemu-img")
	if err != nil {
		return nil, ErrNoTool
	}
	cmd := b.command(ctx, tool, args)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.WaitDelay = 5 * time.Second
	out, said := &head{most: 1 << 20}, &head{most: 4 << 10}
	cmd.Stdout, cmd.Stderr = out, said
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		text := strings.TrimSpace(said.kept.String())
		var exit *exec.ExitError
		if errors.As(err, &exit) && !exit.Exited() {
			text = strings.TrimSpace(fmt.Sprintf("it had %s of CPU, %d bytes of memory and a file of %d bytes to go with. %s", b.CPU, b.Memory, b.File, text))
		}
		return nil, fmt.Errorf("qemu-img %s: %w: %s", args[0], err, text)
	}
	return out.kept.Bytes(), nil
}

// head keeps the beginning of what is written.
type head struct {
	kept bytes.Buffer
	most int
}

func (h *head) Write(b []byte) (int, error) {
	if left := h.most - h.kept.Len(); left > 0 {
		_, _ = h.kept.Write(b[:min(left, len(b))])
	}
	return len(b), nil
}
