// Command cairn plans and applies clouds. Reading main tells what is linked:
// the resource types and the systems that make them real.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cairncloud/cairn/resources/schema"
)

// version is set by the build.
var version = "0.1.0-dev"

func main() {
	// One command, then the process ends: memory is cheaper than collecting it.
	debug.SetGCPercent(300)
	debug.SetMemoryLimit(2 << 30)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// exitError carries an exit code that is no failure to talk about.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errSaid is an error that was told to the user already.
var errSaid = errors.New("failed")

// run is the program without its process: tests call it too.
func run(args []string, in io.Reader, out, errw io.Writer) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	a := &app{in: in, out: out, err: errw, stop: make(chan struct{})}
	defer a.close()
	defer a.interrupts(cancel)()
	root := a.command()
	root.SetArgs(longFlags(args))
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errw)
	err := root.ExecuteContext(ctx)
	var code exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, errSaid):
		return 1
	}
	a.fail(err)
	return 1
}

// interrupts makes the first interrupt stop starting steps, and the second one
// stop waiting.
func (a *app) interrupts(cancel context.CancelFunc) (undo func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	quit := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-quit:
				return
			case <-signals:
			}
			switch {
			case n == 0 && a.applying.Load():
				fmt.Fprintln(a.err, "\nInterrupted: steps under way are finished, no more are started. Interrupt again to stop waiting.")
				close(a.stop)
			default:
				cancel()
			}
		}
	}()
	return func() { signal.Stop(signals); close(quit) }
}

// longFlags lets a long flag have one dash, as Terraform's do: -out is --out.
func longFlags(args []string) []string {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = arg
		if arg == "--" {
			copy(all[i:], args[i:])
			break
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' && (arg[1] < '0' || arg[1] > '9') && !strings.HasPrefix(arg[2:], "=") {
			all[i] = "-" + arg
		}
	}
	return all
}

// command is the tree of commands.
func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "cairn",
		Short: "Say what your cloud shall be; cairn plans it and makes it so",
		Long: `cairn reads what a cloud shall be from the stack files of a folder, shows what
would change, and changes it: straight on libvirt, OVN and Ceph, or on the
embedded cloud, which needs nothing but this program.

  cairn init            write a first stack into an empty folder
  cairn plan            show what would change
  cairn apply           change it
  cairn destroy         take it all down again`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	f := root.PersistentFlags()
	f.StringVar(&a.chdir, "chdir", "", "work in this folder")
	f.StringVar(&a.cloudFile, "cloud", os.Getenv("CAIRN_CLOUD"), "the cloud file (else CAIRN_CLOUD, else cloud.hcl in the stack's folder or above, else the embedded cloud)")
	f.BoolVar(&a.noColor, "no-color", false, "write without colours")
	root.SetFlagErrorFunc(nearestFlag)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.enter() }
	root.AddCommand(
		a.validateCommand(), a.planCommand(), a.applyCommand(), a.destroyCommand(),
		a.outputCommand(), a.stateCommand(), a.historyCommand(), a.rollbackCommand(),
		a.forceUnlockCommand(), a.importCommand(), a.adoptCommand(), a.initCommand(), a.convertCommand(), a.gcCommand(), a.fmtCommand(), a.docsCommand(), a.consoleCommand(),
		a.showCommand(), a.graphCommand(), a.driftCommand(), a.netCommand(), a.explainCommand(), a.hostCommand(), a.actionCommand(), a.doctorCommand(), a.versionCommand(),
	)
	return root
}

// nearestFlag answers a mistyped flag with the one that was most likely meant.
func nearestFlag(c *cobra.Command, err error) error {
	wrong, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return err
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	text := fmt.Sprintf("%s has no flag -%s", c.CommandPath(), wrong)
	if near := schema.Nearest(wrong, names); near != "" {
		return fmt.Errorf("%s; did you mean -%s?", text, near)
	}
	return fmt.Errorf("%s: `%s -help` lists them", text, c.CommandPath())
}
