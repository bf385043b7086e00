package sqlite

import (
	"os"
	"testing"
)

func TestNetworkName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reason string
		magic  uint32
		name   string
	}{
		{"NFS's locks come and go with its server", 0x6969, "NFS"},
		{"the old SMB client", 0x517b, "SMB"},
		{"CIFS, a magic number that is negative in 32 bits", 0xff534d42, "CIFS"},
		{"SMB 2 and 3", 0xfe534d42, "SMB2"},
		{"ext4 is local", 0xef53, ""},
		{"tmpfs is local", 0x01021994, ""},
	} {
		if got := networkName(c.magic); got != c.name {
			t.Errorf("%s: %q", c.reason, got)
		}
	}
	if got := networkFS(t.TempDir() + "/is/not/there"); got != "" {
		t.Errorf("a folder to be made: %s", got)
	}
}

func TestDead(t *testing.T) {
	t.Parallel()
	me := os.Getpid()
	for _, c := range []struct {
		reason string
		pid    int
		since  int64
		dead   bool
	}{
		{"this process lives", me, born(me), false},
		{"another one had its number before", me, born(me) - 1, true},
		{"no process has so high a number", 1 << 30, 5, true},
		{"of one whose beginning isn't known nothing is known", 1 << 30, 0, false},
	} {
		if got := dead(c.pid, c.since); got != c.dead {
			t.Errorf("%s: %t", c.reason, got)
		}
	}
}
