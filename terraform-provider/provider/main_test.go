package provider

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(run(m))
}

// run gives every test the same keys, and none what the shell says of clouds.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "cairn-provider-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, name := range []string{"CAIRN_CLOUD", "CAIRN_STACK", "CAIRN_PROJECT", "CAIRN_REGION", "CAIRN_PLAN_RESERVATIONS", "OS_PROJECT_ID", "OS_PROJECT_NAME", "OS_REGION_NAME"} {
		_ = os.Unsetenv(name)
	}
	if os.Getenv("CAIRN_KEYSET") == "" {
		if err := os.Setenv("CAIRN_KEYSET", filepath.Join(dir, "keyset.json")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if err := accSetup(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
