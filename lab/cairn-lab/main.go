//go:build linux

// OVN 23.03 does not answer questions with an EDNS record, which Go's resolver asks
// and the C library's does not.
//go:debug netedns0=0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lab"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := command()
	root.SetArgs(longFlags(os.Args[1:]))
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "cairn-lab:", err)
		os.Exit(1)
	}
}

// longFlags lets -dir be written with one dash, as cairn's flags may be. What comes
// after `exec` and `with` is for another program.
func longFlags(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		if arg == "exec" || arg == "with" || arg == "--" {
			copy(out[i:], args[i:])
			break
		}
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			arg = "-" + arg
		}
		out[i] = arg
	}
	return out
}

type app struct{ dir string }

func (a *app) lab() (*lab.Lab, error) { return lab.Open(a.dir) }

func command() *cobra.Command {
	a := &app{}
	root := &cobra.Command{
		Use:           "cairn-lab",
		Short:         "A small cloud of real servers on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.PersistentFlags().StringVar(&a.dir, "dir", "", "folder of the lab (default $"+lab.EnvDir+", else "+lab.Dir+")")
	root.AddCommand(a.up(), a.down(), a.status(), a.plug(), a.lease(), a.exec(), a.with())
	name := func(use, short string, do func(*lab.Lab, context.Context, string) error) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				l, err := a.lab()
				if err != nil {
					return err
				}
				return do(l, cmd.Context(), args[0])
			},
		}
	}
	root.AddCommand(
		name("unplug PORT", "Take an endpoint away", (*lab.Lab).Unplug),
		name("stop SERVICE", "End nb, sb, northd, or one of a host: hv1/ovsdb, hv1/vswitchd, hv1/controller", (*lab.Lab).Stop),
		name("start SERVICE", "Start a service again", (*lab.Lab).Start),
		name("kill SERVICE", "End a service at once", (*lab.Lab).Kill),
		name("freeze SERVICE", "Make a service hang", func(l *lab.Lab, _ context.Context, s string) error { return l.Freeze(s) }),
		name("thaw SERVICE", "Let a frozen service go on", func(l *lab.Lab, _ context.Context, s string) error { return l.Thaw(s) }),
		name("power-off HOST", "Fail a host's power: all on it ends at once", (*lab.Lab).PowerOff),
		name("power-on HOST", "Start a host again", (*lab.Lab).PowerOn),
	)
	cables := func(use, short string, do func(*lab.Lab, context.Context, string, ...string) error) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				l, err := a.lab()
				if err != nil {
					return err
				}
				return do(l, cmd.Context(), args[0], args[1:]...)
			},
		}
	}
	root.AddCommand(
		cables("cut HOST [CABLE]...", "Pull cables of a host: mgmt, underlay, physnet1, physnet2; all unless named", (*lab.Lab).Cut),
		cables("mend HOST [CABLE]...", "Put cables back", (*lab.Lab).Mend),
		&cobra.Command{
			Use: "heal", Short: "Undo all that was stopped, frozen, cut and powered off", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				l, err := a.lab()
				if err != nil {
					return err
				}
				return l.Heal(cmd.Context())
			},
		},
		&cobra.Command{
			Use: "image debian", Short: "Make a Debian image with cloud-init, and print where it is: some minutes, and 200 MB", Args: cobra.ExactArgs(1), ValidArgs: []string{"debian"},
			RunE: func(cmd *cobra.Command, args []string) error {
				if args[0] != "debian" {
					return fmt.Errorf("there is no image %q to make: debian is the one", args[0])
				}
				path, err := lab.BuildDebian(cmd.Context(), cmd.ErrOrStderr())
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), path)
				}
				return err
			},
		},
		tools(),
	)
	return root
}

func (a *app) up() *cobra.Command {
	var listen int
	cmd := &cobra.Command{
		Use: "up", Short: "Bring the lab up, or mend it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.lab()
			if err != nil {
				return err
			}
			start := time.Now()
			err = l.Up(cmd.Context(), lab.Options{Listen: listen, Progress: cmd.OutOrStdout()})
			if errors.Is(err, lab.ErrUp) {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: %v\n", l.Dir, err)
				return nil
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The lab is up after %.1f s. Try: cairn apply -cloud %s FOLDER\n", time.Since(start).Seconds(), l.CloudFile())
			return nil
		},
	}
	cmd.Flags().IntVar(&listen, "listen", 0, "let the northbound database listen on this port of 127.0.0.1 too")
	return cmd
}

func (a *app) down() *cobra.Command {
	return &cobra.Command{
		Use: "down", Short: "End all of the lab and remove it", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.lab()
			if err != nil {
				return err
			}
			start := time.Now()
			if err := l.Down(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The lab is gone after %.1f s.\n", time.Since(start).Seconds())
			return nil
		},
	}
}

func (a *app) status() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "What runs; exit code 1 if something does not", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.lab()
			if err != nil {
				return err
			}
			st, err := l.Status(cmd.Context())
			if err != nil {
				return err
			}
			if st.Down() {
				return fmt.Errorf("no lab is up in %s: `cairn-lab up` brings one up", l.Dir)
			}
			if err := st.Print(cmd.OutOrStdout()); err != nil {
				return err
			}
			if !st.Well() {
				return errors.New("not all of the lab is well: `cairn-lab heal` mends it, `cairn-lab up` starts it anew")
			}
			return nil
		},
	}
}

func (a *app) plug() *cobra.Command {
	var e lab.Endpoint
	cmd := &cobra.Command{
		Use: "plug PORT HOST", Short: "Plug an endpoint into a logical switch port, where an instance would be", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.lab()
			if err != nil {
				return err
			}
			e.Port, e.Host = args[0], args[1]
			made, err := l.Plug(cmd.Context(), e)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is up on %s: cairn-lab lease %[1]s; cairn-lab exec %[1]s ip addr\n", made.Port, made.Host)
			return nil
		},
	}
	cmd.Flags().StringVar(&e.MAC, "mac", "", "its MAC (default: what the northbound database says)")
	cmd.Flags().IntVar(&e.MTU, "mtu", lab.DefaultMTU, "its MTU, until DHCP says another")
	return cmd
}

func (a *app) lease() *cobra.Command {
	var six bool
	cmd := &cobra.Command{
		Use: "lease PORT", Short: "Ask for an address by DHCP, take it, and print what was offered", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.lab()
			if err != nil {
				return err
			}
			ask := l.Lease
			if six {
				exe, err := os.Executable()
				if err != nil {
					return err
				}
				ask = func(ctx context.Context, port string) (lab.Lease, error) { return l.Lease6(ctx, port, exe) }
			}
			lease, err := ask(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), lease)
			return nil
		},
	}
	cmd.Flags().BoolVarP(&six, "ipv6", "6", false, "by router advertisement and DHCPv6")
	return cmd
}

func (a *app) exec() *cobra.Command {
	cmd := &cobra.Command{
		Use: "exec PORT|HOST|outside [COMMAND]...", Short: "Run a command in an endpoint, on a host, or in the world outside (default: a shell)", Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := a.lab()
			if err != nil {
				return err
			}
			command := args[1:]
			if len(command) == 0 {
				command = []string{"sh"}
			}
			argv, err := l.In(args[0], command...)
			if err != nil {
				return err
			}
			path, err := exec.LookPath(argv[0])
			if err != nil {
				return err
			}
			return fmt.Errorf("%s: %w", strings.Join(argv, " "), syscall.Exec(path, argv, append(os.Environ(), lab.EnvDir+"="+l.Dir)))
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func (a *app) with() *cobra.Command {
	cmd := &cobra.Command{
		Use: "with COMMAND...", Short: "Run a command with a lab: the one that is up, else one for its time", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			l, err := a.lab()
			if err != nil {
				return err
			}
			err = l.Up(cmd.Context(), lab.Options{Progress: cmd.OutOrStdout()})
			if err != nil && !errors.Is(err, lab.ErrUp) {
				return err
			}
			if err == nil {
				// An interrupt ends the command; the lab must still go.
				defer func() { err = errors.Join(err, l.Down(context.WithoutCancel(cmd.Context()))) }()
			}
			c := exec.CommandContext(cmd.Context(), args[0], args[1:]...)
			c.Env = append(os.Environ(), lab.EnvDir+"="+l.Dir)
			c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
			c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
			c.WaitDelay = 30 * time.Second
			if err := c.Run(); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false)
	return cmd
}
