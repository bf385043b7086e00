//go:build !unix

package intake

import (
	"context"
	"os/exec"
)

// command sets no limits here but the context's.
func (b bounds) command(ctx context.Context, tool string, args []string) *exec.Cmd {
	return exec.CommandContext(ctx, tool, args...)
}
