package ovn

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ovn-org/libovsdb/ovsdb"

	"github.com/cairncloud/cairn/providers"
)

// plugTime is how long a port may take to be up once its guest is plugged in.
const plugTime = 30 * time.Second

// Up waits until the chassis of ports have said that these are plugged in and carry
// packets (ovn-nb(5), Logical_Switch_Port: up). Where nobody waits for OVN, nor does
// Up.
func (d *Driver) Up(ctx context.Context, ports []string) error {
	if !d.waits() {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, plugTime)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(pause*3/2, 250*time.Millisecond) {
		down, err := d.notUp(bounded, ports)
		if err != nil && bounded.Err() == nil {
			return err
		}
		if err == nil && len(down) == 0 {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-bounded.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("%w: after %v OVN does not say that port %s is up: is ovn-controller running on the host, and the chassis in the cloud file its own?", providers.ErrUnrealised, plugTime, strings.Join(down, ", "))
		}
	}
}

// notUp lists those of the ports that are not up.
func (d *Driver) notUp(ctx context.Context, ports []string) (down []string, err error) {
	ops := make([]ovsdb.Operation, len(ports))
	for i, p := range ports {
		ops[i] = ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Logical_Switch_Port", Columns: []string{"up"}, Where: portNamed(p)}
	}
	results, err := d.nb.transact(ctx, ops...)
	if err != nil {
		return nil, err
	}
	for i, p := range ports {
		if rows := results[i].Rows; len(rows) == 0 || atom(rows[0]["up"]) != "true" {
			down = append(down, p)
		}
	}
	return down, nil
}

// portNamed finds the row of a port: its name is its id.
func portNamed(port string) []ovsdb.Condition {
	return []ovsdb.Condition{ovsdb.NewCondition("name", ovsdb.ConditionEqual, port)}
}

// The options of a port that moves (ovn-nb(5), Logical_Switch_Port: options).
const (
	requestedChassis   = "requested-chassis"
	activationStrategy = "activation-strategy"
)

// Moving lets ports be on two chassis: what is sent to them goes to the first until
// their guest announces itself on the second. The end puts the options back.
func (d *Driver) Moving(ctx context.Context, ports []string, from, to string) (end func(context.Context) error, err error) {
	ops := make([]ovsdb.Operation, len(ports))
	for i, p := range ports {
		ops[i] = ovsdb.Operation{Op: ovsdb.OperationSelect, Table: "Logical_Switch_Port", Columns: []string{"options"}, Where: portNamed(p)}
	}
	results, err := d.nb.transact(ctx, ops...)
	if err != nil {
		return nil, err
	}
	before := make([]string, len(ports))
	for i := range ports {
		if rows := results[i].Rows; len(rows) > 0 {
			before[i] = canonMap(rows[0]["options"])[requestedChassis]
		}
		if before[i] == from+","+to { // of a move that was broken off
			before[i] = ""
		}
		ops[i] = reoption(ports[i], map[string]string{requestedChassis: from + "," + to, activationStrategy: "rarp"})
	}
	if _, err := d.nb.transact(ctx, ops...); err != nil {
		return nil, fmt.Errorf("let ports be on chassis %s and %s: %w", from, to, err)
	}
	return func(ctx context.Context) error {
		for i, p := range ports {
			options := map[string]string{}
			if before[i] != "" {
				options[requestedChassis] = before[i]
			}
			ops[i] = reoption(p, options)
		}
		_, err := d.nb.transact(ctx, ops...)
		return err
	}, nil
}

// reoption gives a port these options of the two, and no other.
func reoption(port string, options map[string]string) ovsdb.Operation {
	keys := ovsdb.OvsSet{GoSet: []any{requestedChassis, activationStrategy}}
	op := ovsdb.Operation{Op: ovsdb.OperationMutate, Table: "Logical_Switch_Port", Where: portNamed(port),
		Mutations: []ovsdb.Mutation{*ovsdb.NewMutation("options", ovsdb.MutateOperationDelete, keys)}}
	if len(options) > 0 {
		m := ovsdb.OvsMap{GoMap: map[any]any{}}
		for k, v := range options {
			m.GoMap[k] = v
		}
		op.Mutations = append(op.Mutations, *ovsdb.NewMutation("options", ovsdb.MutateOperationInsert, m))
	}
	return op
}
