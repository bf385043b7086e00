//go:build !unix

package ovn

import "os/exec"

// alone does nothing here: there is no ovn-trace.
func alone(*exec.Cmd) {}
