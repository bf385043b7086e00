package state

import (
	"os"
	"os/user"
	"strings"
)

// Me is this process as the holder of a lock.
func Me(command string) Holder {
	host, _ := os.Hostname()
	who := host
	if u, err := user.Current(); err == nil {
		who = u.Username + "@" + host
	}
	return Holder{Who: who, Host: host, Boot: boot(), PID: os.Getpid(), Command: command}
}

// boot names the machine's boot and the process ids that are meant: a
// container counts its own. It is empty where the system does not tell, and
// then nobody's process is ever taken for dead.
func boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id)) + " " + space
}
