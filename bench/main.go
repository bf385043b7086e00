// Command bench measures cairn from outside, as a whole process: CPU seconds,
// peak memory and bytes written, on generated stacks, beside terraform and tofu
// where they are on PATH. The ratios are of the same run on the same folders.
package main

import (
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	sizes := flag.String("sizes", "1000,10000", "numbers of resources")
	only := flag.String("shapes", "flat,count,foreach,layered,modules,cloud", "shapes, or all")
	peers := flag.Int("peers", 1000, "largest size that terraform and tofu are given; 0: none")
	limit := flag.Duration("limit", 2*time.Minute, "longest that one command may take")
	write := flag.String("write", "", "only write SHAPE:N into the folder that follows, and run nothing")
	flag.Parse()
	if *write != "" {
		exit(writeShape(*write, flag.Arg(0)))
		return
	}
	exit(bench(*sizes, *only, *peers, *limit))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func find(name string) (shape, error) {
	i := slices.IndexFunc(shapes, func(s shape) bool { return s.name == name })
	if i < 0 {
		return shape{}, fmt.Errorf("no shape %q", name)
	}
	return shapes[i], nil
}

func writeShape(what, dir string) error {
	name, size, _ := strings.Cut(what, ":")
	s, err := find(name)
	if err != nil {
		return err
	}
	n := 0
	if _, err := fmt.Sscan(size, &n); err != nil || n < 100 || dir == "" {
		return fmt.Errorf("write wants SHAPE:N FOLDER, with at least 100 resources")
	}
	return s.write(n).save(dir)
}

// engine is a program that plans and applies a folder.
type engine struct {
	name string
	path string
	init bool // wants an init first
}

type figure struct {
	cpu     float64
	rssMB   float64
	written float64 // MB
	err     error
}

func bench(sizes, only string, peers int, limit time.Duration) error {
	work, err := os.MkdirTemp("", "cairn-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	cairn := filepath.Join(work, "bin", "cairn")
	build := exec.Command("go", "build", "-trimpath", "-o", cairn, "./cmd/cairn")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build cairn: %s", out)
	}
	engines := []engine{{"cairn", cairn, false}}
	if peers > 0 {
		for _, name := range []string{"terraform", "tofu"} {
			if path, err := exec.LookPath(name); err == nil {
				engines = append(engines, engine{name, path, true})
			} else {
				fmt.Printf("%s is not on PATH: no figures of it\n", name)
			}
		}
	}
	config := filepath.Join(work, "cli.tfrc")
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		return err
	}
	env := append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_CLI_CONFIG_FILE="+config, "CAIRN_KEYSET="+filepath.Join(work, "keyset.json"), "NO_COLOR=1")
	names := strings.Split(only, ",")
	if only == "all" {
		names = nil
		for _, s := range shapes {
			names = append(names, s.name)
		}
	}
	// Markdown, a row as soon as it is measured.
	fmt.Println("| shape | size | command | engine | CPU s | peak MB | written MB | cairn's CPU / its | growth of cairn |")
	fmt.Println("|---|---:|---|---|---:|---:|---:|---:|---:|")
	grown := map[string]figure{} // of cairn at the size before
	for _, name := range names {
		s, err := find(name)
		if err != nil {
			return err
		}
		lastSize := 0
		for size := range strings.SplitSeq(sizes, ",") {
			n := 0
			if _, err := fmt.Sscan(size, &n); err != nil {
				return err
			}
			results := map[string]map[string]figure{}
			for _, e := range engines {
				if e.name != "cairn" && n > peers {
					continue
				}
				dir := filepath.Join(work, e.name, fmt.Sprintf("%s-%d", name, n))
				if err := s.write(n).save(dir); err != nil {
					return err
				}
				results[e.name] = measure(e, dir, env, limit)
				_ = os.RemoveAll(dir)
			}
			for _, c := range commands {
				for _, e := range engines {
					f, ok := results[e.name][c.says]
					if !ok {
						continue
					}
					share, growth := "", ""
					own := results["cairn"][c.says]
					if e.name != "cairn" && f.cpu > 0 && f.err == nil {
						share = fmt.Sprintf("%.3f", own.cpu/f.cpu)
					}
					if e.name == "cairn" {
						if before, ok := grown[name+c.says]; ok && before.cpu > 0 {
							growth = fmt.Sprintf("N^%.2f", math.Log(f.cpu/before.cpu)/math.Log(float64(n)/float64(lastSize)))
						}
						grown[name+c.says] = f
					}
					if f.err != nil {
						fmt.Printf("| %s | %d | %s | %s | %v | | | | |\n", name, n, c.says, e.name, f.err)
						continue
					}
					fmt.Printf("| %s | %d | %s | %s | %.2f | %.0f | %.1f | %s | %s |\n", name, n, c.says, e.name, f.cpu, f.rssMB, f.written, share, growth)
				}
			}
			lastSize = n
		}
	}
	return nil
}

var commands = []struct {
	says string
	args []string
}{
	{"validate", []string{"validate"}},
	{"plan from empty", []string{"plan"}},
	{"apply", []string{"apply", "-auto-approve"}},
	{"plan, nothing to do", []string{"plan"}},
	{"destroy", []string{"destroy", "-auto-approve"}},
}

func measure(e engine, dir string, env []string, limit time.Duration) map[string]figure {
	all := map[string]figure{}
	if e.init {
		if f := process(e.path, []string{"init"}, dir, env, limit); f.err != nil {
			all[commands[0].says] = f
			return all
		}
	}
	for _, c := range commands {
		f := process(e.path, c.args, dir, env, limit)
		all[c.says] = f
		if f.err != nil {
			break
		}
	}
	return all
}

// process runs one command and reads the system's own account of it.
func process(path string, args []string, dir string, env []string, limit time.Duration) figure {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = dir, env
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return figure{err: err}
	}
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		return figure{err: fmt.Errorf("more than %s", limit)}
	}
	if err != nil {
		return figure{err: fmt.Errorf("%w: %.200s", err, said.String())}
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return figure{
		cpu:     (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds(),
		rssMB:   float64(u.Maxrss) / 1024,
		written: float64(u.Oublock) * 512 / 1e6,
	}
}
