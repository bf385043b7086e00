package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// networkFS names the network file system that a path is on, or would be.
func networkFS(path string) string {
	for {
		var st unix.Statfs_t
		err := unix.Statfs(path, &st)
		if err == nil {
			return networkName(uint32(st.Type))
		}
		up := filepath.Dir(path)
		if !errors.Is(err, unix.ENOENT) || up == path {
			return ""
		}
		path = up
	}
}

// networkName by the magic number of statfs(2).
func networkName(magic uint32) string {
	switch magic {
	case 0x6969:
		return "NFS"
	case 0x517b:
		return "SMB"
	case 0xff534d42:
		return "CIFS"
	case 0xfe534d42:
		return "SMB2"
	}
	return ""
}

func unwritable(dir string) error { return unix.Access(dir, unix.W_OK) }

// born tells when a process began, in ticks since the boot: a process id is
// used again, the two together are not. It is 0 when there is no such process,
// or only its remains.
func born(pid int) int64 {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold anything: proc_pid_stat(5).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return 0
	}
	ticks, _ := strconv.ParseInt(string(fields[19]), 10, 64)
	return ticks
}

// dead reports whether the process that had this id, and began then, is gone.
// Where /proc doesn't tell, nobody is dead.
func dead(pid int, since int64) bool {
	if since == 0 || born(os.Getpid()) == 0 {
		return false
	}
	return born(pid) != since
}
