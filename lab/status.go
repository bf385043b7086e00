//go:build linux

package lab

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A Status is what can be seen of a lab.
type Status struct {
	Services  []Service
	Chassis   []string // that the southbound database has
	Endpoints []Endpoint
	Cut       []string // cables that Cut has pulled, as "underlay-hv1"
}

// A Service is one daemon of the lab.
type Service struct {
	Name   string
	PID    int // 0 when it does not run
	Frozen bool
}

// Well reports whether everything runs.
func (s Status) Well() bool {
	return len(s.Chassis) == len(hosts) && len(s.Cut) == 0 && !slices.ContainsFunc(s.Services, func(s Service) bool { return s.PID == 0 || s.Frozen })
}

// Down reports whether nothing runs.
func (s Status) Down() bool {
	return !slices.ContainsFunc(s.Services, func(s Service) bool { return s.PID != 0 })
}

// Status looks at the lab.
func (l *Lab) Status(ctx context.Context) (st Status, err error) {
	r, err := l.load()
	if err != nil {
		return st, err
	}
	answers := false
	for _, s := range l.services(r) {
		is := Service{Name: s.name, PID: s.pid(), Frozen: s.frozen()}
		if s.base == "sb" {
			answers = is.PID != 0 && !is.Frozen
		}
		st.Services = append(st.Services, is)
	}
	if st.Endpoints, err = l.Endpoints(); err != nil {
		return st, err
	}
	if st.Cut, err = pulled(ctx); err != nil {
		return st, err
	}
	if answers {
		st.Chassis, err = l.chassis(ctx)
		slices.Sort(st.Chassis)
	}
	return st, err
}

// pulled lists the cables of hosts that are down.
func pulled(ctx context.Context) (cut []string, err error) {
	if !fabricNS.exists() {
		return nil, nil
	}
	out, err := run(ctx, nil, "ip", "-n", string(fabricNS), "-o", "link", "show", "type", "veth")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(out) {
		// 4: mgmt-hv1@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu ...
		words := strings.Fields(line)
		if len(words) < 3 || strings.Contains(words[2], ",UP") {
			continue
		}
		name, _, _ := strings.Cut(words[1], "@")
		cut = append(cut, name)
	}
	return cut, nil
}

// Print writes the status as tables.
func (s Status) Print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, is := range s.Services {
		state := "runs"
		if is.Frozen {
			state = "frozen"
		}
		if is.PID == 0 {
			fmt.Fprintf(t, "%s\tdown\n", is.Name)
			continue
		}
		fmt.Fprintf(t, "%s\t%s\tpid %d\n", is.Name, state, is.PID)
	}
	fmt.Fprintf(t, "chassis\t%v\n", s.Chassis)
	if len(s.Cut) > 0 {
		fmt.Fprintf(t, "cut\t%v\n", s.Cut)
	}
	for _, e := range s.Endpoints {
		fmt.Fprintf(t, "port %s\ton %s\t%s\tip netns exec %s\n", e.Port, e.Host, e.MAC, e.Namespace())
	}
	return t.Flush()
}
