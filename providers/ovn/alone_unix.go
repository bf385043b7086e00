//go:build unix

package ovn

import (
	"os/exec"
	"syscall"
)

// alone has a program end with all that it has started.
func alone(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}
