//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/cairncloud/cairn/lab/traffic"
)

// tools are what runs inside a namespace, so that a lab needs no other programs of
// the kind. They are no part of what users are promised.
func tools() *cobra.Command {
	root := &cobra.Command{Use: "tool", Short: "Small network tools for use with exec", Hidden: true}
	root.AddCommand(serve(), dial(), get(), flow(), throughput(), dns(), lease6())
	return root
}

func serve() *cobra.Command {
	var answer string
	cmd := &cobra.Command{
		Use: "serve tcp|udp|http ADDRESS", Short: "Answer on an address, as :80", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return traffic.Serve(cmd.Context(), args[0], args[1], answer, func() { fmt.Println("ready") })
		},
	}
	name, _ := os.Hostname()
	cmd.Flags().StringVar(&answer, "answer", name, "the line it says")
	return cmd
}

func get() *cobra.Command {
	return &cobra.Command{
		Use: "get URL", Short: "Print what a web server answers", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 15*time.Second)
			defer cancel()
			d := net.Dialer{Timeout: 3 * time.Second}
			client := http.Client{Transport: &http.Transport{DialContext: d.DialContext}}
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, args[0], nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("it answers %s", resp.Status)
			}
			_, err = io.Copy(cmd.OutOrStdout(), io.LimitReader(resp.Body, 1<<20))
			return err
		},
	}
}

func dial() *cobra.Command {
	var (
		times   int
		timeout time.Duration
	)
	cmd := &cobra.Command{
		Use: "dial icmp|tcp|udp|http HOST [PORT]", Short: "Ask, and print a line a try", Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := portOf(args)
			if err != nil {
				return err
			}
			all := true
			for range times {
				ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
				start := time.Now()
				answer, err := traffic.Ask(ctx, args[0], args[1], port)
				cancel()
				how := traffic.OutcomeOf(err)
				switch how {
				case traffic.OK:
					fmt.Printf("ok %s %.1fms\n", answer, float64(time.Since(start).Microseconds())/1000)
				case traffic.Failed:
					fmt.Printf("%s: %v\n", how, err)
				default:
					fmt.Println(how)
				}
				all = all && err == nil
			}
			if !all {
				return errors.New("not all were answered")
			}
			return nil
		},
	}
	cmd.Flags().IntVarP(&times, "n", "n", 1, "how often")
	cmd.Flags().DurationVar(&timeout, "timeout", time.Second, "how long a try may take")
	return cmd
}

func flow() *cobra.Command {
	var every time.Duration
	cmd := &cobra.Command{
		Use: "flow icmp|tcp|udp|http HOST [PORT]", Short: "Send until interrupted, and report losses", Args: cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := portOf(args)
			if err != nil {
				return err
			}
			report, err := traffic.Flow(cmd.Context(), args[0], args[1], port, every, func() { fmt.Println("ready") })
			if err != nil {
				return err
			}
			fmt.Println(report)
			return nil
		},
	}
	cmd.Flags().DurationVar(&every, "every", 20*time.Millisecond, "the time between")
	return cmd
}

func throughput() *cobra.Command {
	var d time.Duration
	cmd := &cobra.Command{
		Use: "throughput tcp HOST PORT", Short: "Send as much as goes, and print Mbit/s", Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			port, err := portOf(args)
			if err != nil {
				return err
			}
			bits, err := traffic.Throughput(cmd.Context(), args[1], port, d)
			fmt.Printf("%.1f\n", bits/1e6)
			return err
		},
	}
	cmd.Flags().DurationVar(&d, "for", 2*time.Second, "how long")
	return cmd
}

func portOf(args []string) (int, error) {
	if len(args) < 3 {
		if args[0] != "icmp" {
			return 0, fmt.Errorf("%s needs a port", args[0])
		}
		return 0, nil
	}
	return strconv.Atoi(args[2])
}

func dns() *cobra.Command {
	return &cobra.Command{
		Use: "dns SERVER A|AAAA|PTR NAME", Short: "Ask one name server", Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 5*time.Second)
			defer cancel()
			answers, err := traffic.Resolve(ctx, args[0], args[1], args[2])
			var no *net.DNSError
			if errors.As(err, &no) && no.IsNotFound {
				return fmt.Errorf("%s has no %s of %s", args[0], args[1], args[2])
			}
			for _, a := range answers {
				fmt.Println(a)
			}
			return err
		},
	}
}

func lease6() *cobra.Command {
	return &cobra.Command{
		Use: "lease6 DEVICE", Short: "Solicit a router, and ask DHCPv6 if it says so", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Second)
			defer cancel()
			lines, err := traffic.Lease6(ctx, args[0])
			for _, l := range lines {
				fmt.Println(l)
			}
			return err
		},
	}
}
