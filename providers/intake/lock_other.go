//go:build !unix

package intake

import (
	"os"
	"sync"
)

// Here locks are this process's alone.
var (
	mu      sync.Mutex
	holders = map[string]map[*os.File]bool{} // by path: who holds it, and whether alone
)

// flock takes the lock of an open file, alone or shared, unless others hold it.
func flock(f *os.File, alone bool) (bool, error) {
	mu.Lock()
	defer mu.Unlock()
	for other, only := range holders[f.Name()] {
		if other != f && (only || alone) {
			return false, nil
		}
	}
	if holders[f.Name()] == nil {
		holders[f.Name()] = map[*os.File]bool{}
	}
	holders[f.Name()][f] = alone
	return true, nil
}

func unflock(f *os.File) {
	mu.Lock()
	defer mu.Unlock()
	delete(holders[f.Name()], f)
}
