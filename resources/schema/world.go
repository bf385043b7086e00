package schema

import (
	"fmt"
	"io"
	"iter"
	"reflect"
	"strings"

	"github.com/cairncloud/cairn/resources/cloud"
)

// A Ref is the id of an object of type T.
type Ref[T any] string

func (Ref[T]) refers() reflect.Type { return reflect.TypeFor[T]() }

// A World is what is known of the objects around one: planned where this plan
// changes them, else recorded, else of the cloud itself. Objects that come out
// of it are shared: to read, never to write.
type World interface {
	// Find answers with a pointer to the struct t, or nil.
	Find(t reflect.Type, id string) any
	// Where lists the objects of type t whose attribute has the value. It costs an
	// index the first time, then what it lists.
	Where(t reflect.Type, attribute, value string) iter.Seq[any]
	// All lists the objects of type t.
	All(t reflect.Type) iter.Seq[any]
	Cloud() *cloud.Cloud
}

// Look finds the object that a reference points to, or nil.
func Look[T any](w World, r Ref[T]) *T {
	o, _ := w.Find(reflect.TypeFor[T](), string(r)).(*T)
	return o
}

// Where lists the objects of type T whose attribute has the value.
func Where[T any](w World, attribute, value string) iter.Seq[*T] {
	return typed[T](w.Where(reflect.TypeFor[T](), attribute, value))
}

// All lists the objects of type T.
func All[T any](w World) iter.Seq[*T] { return typed[T](w.All(reflect.TypeFor[T]())) }

func typed[T any](objects iter.Seq[any]) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for o := range objects {
			if !yield(o.(*T)) {
				return
			}
		}
	}
}

// A Ledger is the verbs of claiming, for one object. What it hands out stays
// the object's from plan to plan.
type Ledger interface {
	// ID is the object's own id in a role; "" is the id itself. The same state gives
	// the same id, a replacement another one.
	ID(role string) string
	// Claim takes a thing that the author named. A *TakenError says who has it.
	Claim(space, key string) error
	// Name takes a name. Unlike what Claim takes, the system can hold it twice: while
	// an object is replaced, both generations have it.
	Name(space, key string) error
	// Choose takes the first free of n candidates, beginning at a place that hangs
	// on the id, so that two plans rarely meet. at(i) is the key of candidate i, ""
	// to pass it over. ErrNoneLeft when all are taken.
	Choose(space string, n uint64, at func(i uint64) string) (string, error)
	// Range takes an interval that must not overlap another one of its space.
	Range(space string, lo, hi []byte) error
	// Share takes an amount of a counter, such as a project's quota of cores.
	Share(space, key string, amount int64) error
	// Limit bounds a counter; below 0 means no limit.
	Limit(space, key string, limit int64)
	// Stream is random to all who lack the keys of the state, and the same each time.
	Stream(label string) io.Reader
}

// A TakenError says who holds what was asked for.
type TakenError struct{ Space, Key, Holder string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("%s %s is taken by %s", e.Space, e.Key, e.Holder)
}

// ErrNoneLeft is what Choose answers when every candidate is taken.
var ErrNoneLeft = fmt.Errorf("none is left")

// The methods that a declaration may have. All but Claims only read their receiver.
type (
	// Check reports attributes that are fine alone but not together.
	Checker interface{ Check() error }
	// Replaces reports whether the step from prior takes a new object, beyond what
	// the tags say. It gets a pointer to the same struct, and answers with the
	// names of the attributes that force it.
	Replacer interface{ Replaces(prior any) []string }
	// Stops says which of the changed attributes that may stop a guest do so on the
	// step from prior. It comes after Claims.
	Stopper interface {
		Stops(w World, prior any, changed []string) []string
	}
	// Fingerprint is what an object hangs on besides its attributes: the bytes of a
	// file that one names. When it changes, Replaces is asked what that means.
	Fingerprinter interface{ Fingerprint() (string, error) }
	// Checks reports what is wrong with the object among all others, once
	// everything is planned.
	WorldChecker interface{ Checks(World) error }
	// Warnings reports what has come to be wrong with an object that is there, by what
	// became of others. It is asked whether the object itself changes or not.
	Warner interface{ Warnings(World) error }
	// Claims fills in the assigned attributes that are still empty, and takes from
	// the ledger what the object must not share.
	Claimer interface{ Claims(World, Ledger) error }
	// Follows lists the ids of objects whose steps come before this one's, although
	// no attribute refers to them.
	Follower interface{ Follows(World) []string }
	// Owned lists the objects that this one brings along, planned before it and
	// deleted after it: an instance's implicit ports, its root volume.
	Owner interface {
		Owned(World, Ledger) ([]Owned, error)
	}
	// Demand says what the object needs of a host, and Place tells it where it goes.
	// Both come after Owned and before Claims.
	Placer interface {
		Demand(World) (Demand, error)
		Place(host string)
	}
	// Lookup fills in a data source that reads facts of the cloud.
	Lookuper interface{ Lookup(World) error }
)

// Owned is an object that another one brings along. Its record stands at
// PARENT/ROLE.
type Owned struct {
	Role string // port[0]
	// Object is a pointer to the struct, as an author would have written it, with its
	// id chosen: l.ID(Role).
	Object any
}

// Demand is what an object needs of a host.
type Demand struct {
	VCPUs, RAMMB, DiskGB int
	Zone                 string // "" for any
	Host                 string // pinned by the author; "" for any
	Current              string // where it is already; it stays when it can
	// Group of objects with a policy about each other; "" for none.
	Group      string
	Policy     string // affinity, anti-affinity, soft-affinity, soft-anti-affinity
	MaxPerHost int    // of an anti-affinity group; 0: one
	// Except are hosts that are out of the question, and why; with Stays not the one
	// where it is already.
	Except map[string]string
	Stays  bool
	// Same and Different are the ids of objects to be with, or not with, on a host.
	Same, Different []string
}

// A Problem is one thing that is wrong with an object, told to its author.
type Problem struct {
	Code      string // CRN-CIDR-1; "" for what needs no page of its own
	Attribute string // that it is about; "" for the whole object
	Summary   string // what is unsuitable
	Detail    string // the remedy
	Warning   bool
}

func (p Problem) Error() string {
	s := p.Summary
	if p.Attribute != "" {
		s = p.Attribute + ": " + s
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	if p.Code != "" {
		s += " (" + p.Code + ")"
	}
	return s
}

// Problems are several of them; an error when there is at least one.
type Problems []Problem

func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, x := range p {
		texts[i] = x.Error()
	}
	return strings.Join(texts, "; ")
}

// Err is nil when nothing is wrong.
func (p Problems) Err() error {
	if len(p) == 0 {
		return nil
	}
	return p
}

// AsProblems takes an error of a declaration's method apart.
func AsProblems(err error) Problems {
	switch e := err.(type) {
	case nil:
		return nil
	case Problems:
		return e
	case Problem:
		return Problems{e}
	case interface{ Unwrap() []error }:
		var all Problems
		for _, x := range e.Unwrap() {
			all = append(all, AsProblems(x)...)
		}
		return all
	}
	return Problems{{Summary: err.Error()}}
}
