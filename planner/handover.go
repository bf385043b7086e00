package planner

import (
	"context"
	"fmt"
	"strings"

	"github.com/cairncloud/cairn/resources/address"
	"github.com/cairncloud/cairn/resources/schema"
	"github.com/cairncloud/cairn/state"
)

// A Kept object is one as another front end has it in its own state.
type Kept struct {
	Address             address.Object
	ID                  string
	Deposed             string
	Tainted             bool
	CreateBeforeDestroy bool
	Deps                []string
}

// Takeover is the edit that gives a stack's objects, which another front end has
// kept, the addresses that they have there. All of them must be known on both
// sides: what only one side has is an error that names it.
func Takeover(snap *state.Snapshot, objects []Kept) ([]state.End, error) {
	records := map[string]*state.Record{} // by id
	owned := map[string][]*state.Record{} // by parent
	for i := range snap.Records {
		r := &snap.Records[i]
		o, err := address.Parse(r.Address)
		if err != nil {
			return nil, err
		}
		if o.Owned != "" {
			owned[o.Parent().String()] = append(owned[o.Parent().String()], r)
			continue
		}
		records[r.ID] = r
	}
	var ends []state.End
	var missing []string
	for _, k := range objects {
		r := records[k.ID]
		if r == nil {
			missing = append(missing, fmt.Sprintf("%s (%s)", k.Address, k.ID))
			continue
		}
		delete(records, k.ID)
		for _, child := range owned[r.Address] {
			to := k.Address
			from, _ := address.Parse(child.Address)
			to.Owned = from.Owned
			ends = append(ends, renamed(child, state.Ref{Address: to.String(), Deposed: k.Deposed}, *child))
		}
		record := *r
		record.Type = k.Address.Type
		record.Tainted, record.CreateBeforeDestroy, record.Deps, record.Want, record.Unheard = k.Tainted, k.CreateBeforeDestroy, k.Deps, nil, false
		ends = append(ends, renamed(r, state.Ref{Address: k.Address.String(), Deposed: k.Deposed}, record))
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the cloud does not know %s: refresh the state first, so that it has what is there", some(missing))
	}
	if len(records) > 0 {
		var left []string
		for _, r := range records {
			left = append(left, r.Type+" "+r.ID)
		}
		return nil, fmt.Errorf("the state does not have %s of this stack: give the newest state, or let `cairn gc` remove what nobody knows any more", some(left))
	}
	return ends, nil
}

// SetOutputs writes the outputs of a stack in a run of their own, as another front
// end has had them.
func SetOutputs(ctx context.Context, site *Site, snap *state.Snapshot, lease state.Lease, command string, outputs []OutputChange) error {
	f := state.Finish{Status: state.RunDone, Outputs: []state.Output{}}
	for _, o := range outputs {
		x, err := encodeOutput(site, o.Name, o.After, o.Sensitive)
		if err != nil {
			return err
		}
		f.Outputs = append(f.Outputs, x)
	}
	run, err := lease.Begin(ctx, state.NewRun{Serial: snap.Serial, Command: command})
	if err != nil {
		return err
	}
	return lease.Finish(ctx, run, f)
}

// renamed moves a record and writes what it is there.
func renamed(from *state.Record, to state.Ref, record state.Record) state.End {
	record.Address, record.Deposed = to.Address, to.Deposed
	return state.End{Move: &state.Move{From: state.Ref{Address: from.Address, Deposed: from.Deposed}, To: to}, Put: &record}
}

// some names a few of many.
func some(names []string) string {
	n := min(len(names), 5)
	text := strings.Join(names[:n], ", ")
	if len(names) > n {
		text += fmt.Sprintf(" and %d more", len(names)-n)
	}
	return text
}

// A Given away object is one that another front end is to bring under the address
// that it had.
type GivenAway struct {
	Address address.Object
	Type    *schema.Type
	ID      string
}

// GiveAway is the edit that leaves a stack's objects to another front end, which
// finds them by their ids. Of a type that the front end makes itself, the records
// go.
func GiveAway(ctx context.Context, site *Site, snap *state.Snapshot, front string, theirs func(*schema.Type) bool) ([]GivenAway, []state.End, error) {
	var given []GivenAway
	var ends []state.End
	parents := map[string]address.Object{}
	for pass := range 2 { // first those that bring others along
		for i := range snap.Records {
			r := &snap.Records[i]
			o, err := address.Parse(r.Address)
			if err != nil {
				return nil, nil, err
			}
			if (o.Owned != "") != (pass == 1) {
				continue
			}
			t := site.Types.Resource(r.Type)
			if t == nil {
				return nil, nil, fmt.Errorf("%s: the type %s is not known to this cairn", r.Address, r.Type)
			}
			if r.Deposed != "" {
				return nil, nil, fmt.Errorf("%s has a replaced object that is still to be deleted: apply first", r.Address)
			}
			if theirs(t) {
				given = append(given, GivenAway{o, t, r.ID})
				ends = append(ends, state.End{Remove: &state.Ref{Address: r.Address}, Release: r.Address})
				continue
			}
			record := *r
			record.Want = nil
			to := address.Object{Type: site.Types.ByGo(t.Go()).Name, Name: front, Key: address.String(r.ID)}
			if o.Owned != "" {
				to = parents[o.Parent().String()]
				to.Owned = o.Owned
			} else {
				parents[o.String()] = to
				record.Unheard = true
				given = append(given, GivenAway{o, t, r.ID})
			}
			ends = append(ends, renamed(r, state.Ref{Address: to.String()}, record))
		}
	}
	return given, ends, ctx.Err()
}
