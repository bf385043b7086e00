//go:build unix

package intake

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// command has the shell set the limits before the program begins: in KiB, seconds
// and blocks of 512 bytes, as POSIX has them for ulimit.
func (b bounds) command(ctx context.Context, tool string, args []string) *exec.Cmd {
	script := fmt.Sprintf(`ulimit -c 0 && ulimit -t %d && ulimit -f %d`, b.CPU/time.Second, b.File/512+1)
	if runtime.GOOS != "darwin" { // which has no limit of addresses
		script += fmt.Sprintf(` && ulimit -v %d`, b.Memory>>10)
	}
	script += ` && exec "$0" "$@"`
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", script, tool}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	return cmd
}
