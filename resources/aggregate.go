package resources

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cairncloud/cairn/resources/schema"
)

// Aggregate is a set of hosts with words about them, which flavors ask for. Rules:
// Nova's host aggregates.
type Aggregate struct {
	// ID of the aggregate.
	ID string `hcl:"id" plan:"assigned"`

	// Name, unique in the cloud.
	Name string `hcl:"name" check:"len=255"`

	// Zone that the hosts make, as with an availability_zone of that name; or the zone
	// of the cloud file that all of them are in.
	Zone string `hcl:"zone,optional" check:"len=255" hot:"availability_zone"`

	// Hosts that are in it, by name.
	Hosts schema.Set[string] `hcl:"hosts,optional"`

	// Metadata are words with values. A flavor asks for one with the extra spec
	// aggregate_instance_extra_specs:WORD; a value with commas is several. What is on
	// a host already stays there when they change.
	Metadata map[string]string `hcl:"metadata,optional"`
}

// Claims takes the name.
func (a *Aggregate) Claims(w schema.World, l schema.Ledger) error {
	if err := named(l.Name("aggregate name", a.Name), "aggregate", a.Name); err != nil {
		return err
	}
	if err := knownHosts(w, a.Hosts); err != nil {
		return err
	}
	if was := schema.Look(w, schema.Ref[Aggregate](a.ID)); was != nil && was.Zone != a.Zone && !inCloudFile(w, was.Zone) {
		if err := leavesZone(w, "zone", was.Zone, func(host string) bool { return !slices.Contains(was.Hosts, host) }); err != nil {
			return err
		}
	}
	return nil
}

// Checks reports hosts that can't be in the zone, and instances that would be outside of it.
func (a *Aggregate) Checks(w schema.World) error {
	for z := range schema.Where[AvailabilityZone](w, "aggregate_ids", a.ID) {
		if err := checkZone(w, z.Name, a.Hosts); err != nil {
			return err
		}
	}
	if a.Zone == "" {
		return nil
	}
	if !inCloudFile(w, a.Zone) {
		return checkZone(w, a.Zone, a.Hosts)
	}
	for _, name := range a.Hosts {
		if h := w.Cloud().Host(name); h != nil && h.Zone != a.Zone {
			return schema.Problem{Code: "CRN-AZ-1", Attribute: "hosts", Summary: fmt.Sprintf("Host %s is not in zone %s", name, a.Zone), Detail: fmt.Sprintf("The cloud file has it in zone %s. Take the host or zone out.", h.Zone)}
		}
	}
	return nil
}

// knownHosts reports the first of some names that no host has.
func knownHosts(w schema.World, names []string) error {
	known := hostNames(w)
	for _, name := range names {
		if slices.Contains(known, name) {
			continue
		}
		detail := fmt.Sprintf("The cloud has: %s.", strings.Join(known, ", "))
		if near := schema.Nearest(name, known); near != "" {
			detail += fmt.Sprintf(" Did you mean %q?", near)
		}
		return schema.Problem{Code: "CRN-PLACE-1", Attribute: "hosts", Summary: fmt.Sprintf("There is no host %q", name), Detail: detail}
	}
	return nil
}

// aggregateSpec begins the extra specs that ask for words of aggregates.
const aggregateSpec = "aggregate_instance_extra_specs:"

// wordsOf are the words that a host has by its aggregates, each with all its values.
func wordsOf(w schema.World, host string) map[string][]string {
	all := map[string][]string{}
	for a := range schema.Where[Aggregate](w, "hosts", host) {
		for key, values := range a.Metadata {
			for v := range strings.SplitSeq(values, ",") {
				all[key] = append(all[key], strings.TrimSpace(v))
			}
		}
	}
	return all
}

// numeric are the operators of extra specs that compare numbers. A lone = is at least.
var numeric = map[string]func(has, asked float64) bool{
	"=":  func(has, asked float64) bool { return has >= asked },
	"==": func(has, asked float64) bool { return has == asked },
	"!=": func(has, asked float64) bool { return has != asked },
	">=": func(has, asked float64) bool { return has >= asked },
	"<=": func(has, asked float64) bool { return has <= asked },
}

// textual are the operators of extra specs that compare texts.
var textual = map[string]func(has, asked string) bool{
	"s==":  func(has, asked string) bool { return has == asked },
	"s!=":  func(has, asked string) bool { return has != asked },
	"s>=":  func(has, asked string) bool { return has >= asked },
	"s>":   func(has, asked string) bool { return has > asked },
	"s<=":  func(has, asked string) bool { return has <= asked },
	"s<":   func(has, asked string) bool { return has < asked },
	"<in>": strings.Contains,
}

// suits reports whether a value is what an extra spec asks for. Rules: Nova's
// extra_specs_ops.
func suits(has, asked string) bool {
	words := strings.Fields(asked)
	if len(words) == 0 {
		return has == asked
	}
	op, rest := words[0], words[1:]
	switch {
	case op == "<or>": // <or> a <or> b
		for n := 0; n < len(rest); n += 2 {
			if rest[n] == has {
				return true
			}
		}
		return false
	case op == "<all-in>":
		return len(rest) > 0 && !slices.ContainsFunc(rest, func(x string) bool { return !strings.Contains(has, x) })
	case numeric[op] == nil && textual[op] == nil:
		return has == asked
	case len(rest) == 0:
		return false
	case textual[op] != nil:
		return textual[op](has, rest[0])
	}
	x, err := strconv.ParseFloat(has, 64)
	y, wrong := strconv.ParseFloat(rest[0], 64)
	return err == nil && wrong == nil && numeric[op](x, y)
}

// checkSpec reports an extra spec for aggregates that no host can meet.
func checkSpec(key, asked string) error {
	words := strings.Fields(asked)
	if len(words) == 0 {
		return nil
	}
	op := words[0]
	detail := ""
	switch {
	case op != "<or>" && op != "<all-in>" && numeric[op] == nil && textual[op] == nil:
	case len(words) == 1:
		detail = fmt.Sprintf("After %s comes what it compares with.", op)
	case numeric[op] != nil:
		if _, err := strconv.ParseFloat(words[1], 64); err != nil {
			detail = fmt.Sprintf("%s compares numbers, and %s is none. For texts write \"s== %s\", or the text alone.", op, words[1], words[1])
		}
	}
	if detail == "" {
		return nil
	}
	return schema.Problem{Code: "CRN-FLV-1", Attribute: "extra_specs", Summary: fmt.Sprintf("No host meets %s = %q", key, asked), Detail: detail}
}
