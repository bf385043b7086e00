// Package state says what cairn keeps of a cloud: the records of what was
// made, the ledger of what was promised, the runs and their journal, and the
// locks of stacks. It knows no resource type: attributes are bytes to it.
package state

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Store is the one database of a cloud. Reads answer from one consistent
// snapshot, wait for no lock and hold nothing open when they return.
type Store interface {
	// CloudID is the id of the cloud, chosen when its database was made.
	CloudID() string
	// Stacks lists every stack that has a record, a run, a lock or a reservation
	// that is not over.
	Stacks(ctx context.Context) ([]Stack, error)
	// Snapshot reads all of one stack. A stack that is not there yet is empty.
	Snapshot(ctx context.Context, stack string) (*Snapshot, error)
	// Others reads the records of every other stack that are of one of the types.
	Others(ctx context.Context, stack string, types []string) ([]OwnedRecord, error)
	// Claims reads one space of the ledger, all stacks.
	Claims(ctx context.Context, space string) ([]OwnedClaim, error)
	// Ranges reads the claimed ranges of one space, all stacks.
	Ranges(ctx context.Context, space string) ([]OwnedRange, error)
	// Sum reads a counter: what is used of it, by whom, and its limit.
	Sum(ctx context.Context, space, key string) (Sum, error)
	// Lock takes the lock of a stack, waiting at most wait for its holder to
	// finish. Of a holder whose process is dead, or whose lease is over, it is
	// taken over. ErrLocked names the holder. A stack that another front end keeps
	// answers a *FrontError; one without records, intents and reservations becomes
	// the holder's.
	Lock(ctx context.Context, stack string, who Holder, wait time.Duration) (Lease, error)
	// ForceUnlock ends the lock of a stack if its fence is the given one.
	ForceUnlock(ctx context.Context, stack string, fence int64) error
	// Runs lists the newest runs of a stack first, at most limit (0: all).
	Runs(ctx context.Context, stack string, limit int) ([]Run, error)
	// Run reads one run with its journal, without its sources.
	Run(ctx context.Context, stack string, id int64) (*Run, []Step, error)
	// Sources reads the configuration that a run applied, as it was given to Begin.
	Sources(ctx context.Context, stack string, id int64) ([]byte, error)
	// RecordsAt reads the records of a stack as they were when the run had ended.
	RecordsAt(ctx context.Context, stack string, run int64) ([]Record, error)
	// Reserve keeps what a plan has chosen for an object until r.Expires, without
	// the stack's lock: its claims are made as Begin makes them, held by
	// r.Object.Address, which must hold nothing else and have no record. Nobody
	// lets go of anything for it (From counts for nothing), and limits are refused.
	// What the stack had reserved under the same key before is given back first, in
	// the same transaction: the same again is a renewal. It answers a *ClaimedError
	// for each thing that somebody else took (joined), a *FrontError where the stack
	// is another front end's, or locked by one.
	Reserve(ctx context.Context, stack string, r Reservation) error
	// Reservations lists those of a stack, the ones that are over included for a
	// day. Of a reservation that is over nothing is held: reads pass its claims by,
	// and whoever claims the same gets it. Claims come sorted by space and key.
	Reservations(ctx context.Context, stack string) ([]Reservation, error)
	// Unreserve gives a reservation back; one that is not there is no error.
	Unreserve(ctx context.Context, stack, key string) error
	// Heard takes the mark Unheard off the records of a stack with these ids,
	// without the stack's lock, and notes which run was the newest then. Ids of
	// nothing are passed over.
	Heard(ctx context.Context, stack string, ids []string) error
	// ClosedHosts lists the hosts that take nothing more; CloseHost adds one, or says
	// anew why it is; OpenHost takes one off the list, on which it need not be.
	ClosedHosts(ctx context.Context) ([]ClosedHost, error)
	CloseHost(ctx context.Context, h ClosedHost) error
	OpenHost(ctx context.Context, name string) error
	Close() error
}

// A ClosedHost is one on which nothing more is put.
type ClosedHost struct {
	Name, Why, Who string
	Since          time.Time
}

// A Lease is the right to change one stack. It is renewed in the background
// until Release. Every write checks its fence in the same transaction and
// answers ErrFenced when somebody took the lock over.
type Lease interface {
	Fence() int64
	// Good reports whether the lease outlasts d from now.
	Good(d time.Duration) bool
	// Begin writes a run, its claims and an intent for every step in one
	// transaction, or nothing. It answers ErrStale when the stack's serial is
	// not r.Serial, a *ClaimedError for each thing that somebody else took (joined).
	Begin(ctx context.Context, r NewRun) (run int64, err error)
	// Extend writes more of an open run in one transaction, or nothing: first the
	// ends of earlier steps, as Commit does, then the claims and intents of new
	// steps, which are numbered on from the last. It refuses claims as Begin does,
	// and then nothing of the call is kept, the ends neither. What an address has
	// reserved ends with the first claim that a run makes for it, as if it were named
	// in Fulfil.
	Extend(ctx context.Context, run int64, more Extension) error
	// Ready fills in what an intent leads to, where it was unknown at Begin, and
	// makes the claims that follow from it. The step's Ready is true from then on.
	Ready(ctx context.Context, run, step int64, put *Record, claims Claims) error
	// Commit writes the ends of many steps in one durable transaction.
	Commit(ctx context.Context, run int64, ends []End) error
	// Finish ends a run: intents without an end are dropped, outputs are written.
	Finish(ctx context.Context, run int64, f Finish) error
	// Edit changes records outside a run of steps (state mv, state rm, import): one
	// transaction, kept in the history as a run of its own.
	Edit(ctx context.Context, command string, ends []End) error
	// HandOver is an Edit after which another front end keeps the stack. Its
	// reservations are given back. The lease begins no run after it, nor an Edit:
	// they answer a *FrontError.
	HandOver(ctx context.Context, command, front string, ends []End) error
	Release() error
}

// A Stack is one line of the list of stacks.
type Stack struct {
	Name    string
	Front   string // the front end that keeps it, as a Holder's
	Serial  int64
	Records int
	Lock    *Lock // nil: nobody holds it
}

// A Holder is who asks for a lock.
type Holder struct {
	Who     string // user@host
	Host    string
	Boot    string // id of the machine's boot; a pid means nothing beyond it
	PID     int
	Command string
	// Front is the front end that keeps the stack's configuration: "" for cairn
	// itself, else its name.
	Front string
}

// A Lock is who holds a stack, and until when.
type Lock struct {
	Holder
	Fence   int64
	Taken   time.Time
	Expires time.Time
}

// A Snapshot is one stack as it stood at one moment.
type Snapshot struct {
	Stack   string
	Front   string // the front end that keeps it, as a Holder's; of an empty stack, who had it last
	Serial  int64  // changes with every run and edit
	Records []Record
	Outputs []Output
	Lock    *Lock
	// Heard is the newest run that the front end could have known of when it was
	// heard last: what an older run made and is unheard, it does not know.
	Heard int64
	// Open is the newest run that has no end: somebody's run under way, or one that was killed.
	Open    *Run
	Intents []Step // the steps of Open that have no end
}

// A Record is what is known about one object after the last apply.
type Record struct {
	Address string // as address.Object prints it
	// Deposed is "" for the object that stands at the address, else the mark of
	// one that was replaced and waits for its deletion.
	Deposed             string
	Type                string
	ID                  string
	SchemaVersion       int
	Tainted             bool
	CreateBeforeDestroy bool
	// Unheard: another front end asked for the object and has not mentioned it
	// since, so that it is not known whether it knows of it.
	Unheard    bool
	Want, Seen []byte   // hashes: of what the author asked for, of what the driver read last
	Attrs      []byte   // canonical JSON, sensitive paths left out
	Secret     []byte   // sealed: the sensitive paths and their values; nil without any
	Deps       []string // addresses of the blocks it depends on directly
	Serial     int64    // of the stack when its id was chosen
	Run        int64    // that changed it last; filled by the store
}

// An Output is a root output of a stack, as it was when the last run ended.
type Output struct {
	Name      string
	Value     []byte // JSON of value and type; nil when it is sealed
	Secret    []byte
	Sensitive bool
}

// OwnedRecord is a record with the stack it belongs to.
type OwnedRecord struct {
	Stack string
	Record
}

// Claims are what one run takes from the ledger.
type Claims struct {
	Take   []Claim
	Ranges []Range
	Shares []Share
	Limits []Limit
}

// A Claim is a thing of which there is one: an address on a network, a MAC, a name.
// (Space, Key) is unique in the cloud. Both generations of a replacement share
// their claims, so a claim that the same address holds already is no conflict.
//
// From, when not empty, is the address of the same stack that lets go of it in
// this run: the claim passes from one to the other.
type Claim struct{ Space, Key, Address, From string }

// OwnedClaim is a claim with the stack of its holder.
type OwnedClaim struct {
	Stack string
	Claim
}

// A Range is a claimed interval, both ends included. Ranges of one space never
// overlap, compared byte by byte (so both ends have one length in one space).
// What one address claims across what it holds becomes one range, until Keep.
type Range struct {
	Space   string
	Lo, Hi  []byte
	Address string
	From    string // as a Claim's
}

// OwnedRange is a range with the stack of its holder.
type OwnedRange struct {
	Stack string
	Range
}

// A Share is one object's part of a counter: the cores of an instance in a
// project's quota or on a host. A share of the same address is replaced.
type Share struct {
	Space, Key, Address string
	Amount              int64
}

// A Limit bounds a counter; below 0 means none. A limit under what is used
// stays legal (Nova's quotas), but nothing more fits until it is used less.
type Limit struct {
	Space, Key string
	Max        int64
}

// A Sum is a counter with its limit and shares.
type Sum struct {
	Used, Max int64 // Max below 0: no limit
	Shares    []OwnedShare
}

// OwnedShare is a share with the stack of its holder.
type OwnedShare struct {
	Stack string
	Share
}

// A NewRun is what Begin writes.
type NewRun struct {
	Serial  int64 // that the plan was made from
	Command string
	Sources []byte // the configuration, kept once however many runs apply it
	Moves   []Move // done first, so that Claims find what the new addresses hold
	Claims  Claims
	Steps   []Step
}

// An Extension is what Extend writes.
type Extension struct {
	Ends   []End
	Claims Claims
	Steps  []Step
	// Fulfil names the reservations, by key, whose claims become those of the
	// steps: they end as reservations, and what of them is not among Claims is
	// given back. One that is over, or not there, is no error.
	Fulfil []string
}

// A Reservation is what a plan has chosen for an object of another front end
// that plans the object again when it applies, and may never do so.
type Reservation struct {
	Key     string // what the front end will know the object by
	Object  Record // as it was planned; its Address holds the claims
	Claims  Claims // all for that address
	Expires time.Time
	Front   string // the front end that plans, as a Holder's
}

// A Step is one line of the journal: an intent, and its end once it has one.
type Step struct {
	Run     int64
	Step    int64 // from 1 in the order of Begin's steps
	Action  string
	Address string
	Deposed string
	Type    string
	ID      string
	Ready   bool    // what it leads to is all known: the driver may have been called
	Last    bool    // nothing stands at the address after it: a deletion that is no part of a replacement
	Put     *Record // the record that stands after it, as far as the plan knows; nil for a deletion, and once the step is done or dropped
	Before  []byte  // hash (Seen) of the record that it changes; nil for a create
	Status  string  // StatusIntended, StatusDone, StatusFailed, StatusDropped
	Error   string
	Ended   time.Time
}

// The states of a step.
const (
	StatusIntended = "intended"
	StatusDone     = "done"
	StatusFailed   = "failed"
	StatusDropped  = "dropped"
)

// An End is the outcome of one step, or one edit (Step 0, in a run too).
//
// A step that is dropped, that fails without a Put, or that Finish finds without
// an end, gives back the claims, ranges and shares that this run made for its
// address, so that the address holds what it held before the run. Where an
// earlier step of the run made something of the address, it holds what it held
// when Extend brought the later one. While another step of the address that is
// no deletion is under way, nothing is given back before that one's end.
type End struct {
	Step int64
	Err  string // not empty: the step failed; Put may still hold what was made of it
	Drop bool   // the intent is dropped: nothing was made
	Put  *Record
	// Remove deletes the record at an address; its last version stays in the history.
	Remove *Ref
	// Move renames a record, its claims and shares first.
	Move *Move
	// Release gives back everything that Address holds in the ledger.
	Release string
	// Keep gives back all that Keep.Address holds except these claims, ranges and
	// shares. It takes nothing, and a share only gets smaller by it.
	Keep *Kept
}

// A Ref names a record.
type Ref struct{ Address, Deposed string }

// A Move renames a record, or deposes it (same address, other Deposed).
type Move struct{ From, To Ref }

// Kept is what an address goes on holding after an update.
type Kept struct {
	Address string
	Claims  Claims
}

// A Finish is how a run ended.
type Finish struct {
	Status  string // RunDone, RunFailed, RunInterrupted
	Error   string
	Outputs []Output // nil: as they were
}

// The states of a run.
const (
	RunOpen        = "running"
	RunDone        = "done"
	RunFailed      = "failed"
	RunInterrupted = "interrupted"
)

// A Run is one apply, destroy or edit.
type Run struct {
	ID      int64
	Stack   string
	Command string
	Who     string
	Started time.Time
	Ended   time.Time // zero: under way, or killed
	Status  string
	Error   string
	Steps   int // in all
	Left    int // without an end
	Lock    *Lock
}

// What a caller must tell apart.
var (
	ErrLocked  = errors.New("the stack is locked")
	ErrFenced  = errors.New("the lock was taken over")
	ErrStale   = errors.New("the stack was changed since this plan was made")
	ErrNewer   = errors.New("the database was written by a newer cairn")
	ErrNoStore = errors.New("no cairn database")
	ErrNoRun   = errors.New("no such run")
	// ErrUnfinished answers a Begin or an Edit while a run of the stack has no end.
	ErrUnfinished = errors.New("a run of the stack has not ended")
	ErrReadOnly   = errors.New("the database is read-only")
)

// A LockedError is ErrLocked with its holder.
type LockedError struct {
	Stack string
	Lock  Lock
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("stack %s is locked by %s (pid %d, %s) since %s", e.Stack, e.Lock.Who, e.Lock.PID, e.Lock.Command, e.Lock.Taken.Format(time.RFC3339))
}

func (e *LockedError) Unwrap() error { return ErrLocked }

// Terraform is the front end that cairn's provider is.
const Terraform = "terraform"

// ErrFront answers who wants to change a stack that another front end keeps.
var ErrFront = errors.New("the stack is kept by another front end")

// A FrontError is ErrFront with who keeps the stack, and who asked.
type FrontError struct{ Stack, Front, Asked string }

func (e *FrontError) Error() string {
	return fmt.Sprintf("stack %s is kept by %s, not by %s", e.Stack, frontName(e.Front), frontName(e.Asked))
}

func (e *FrontError) Unwrap() error { return ErrFront }

func frontName(front string) string {
	if front == "" {
		return "cairn"
	}
	return front
}

// A ClaimedError is one thing of the ledger that somebody else holds, or a
// counter that has not enough left.
type ClaimedError struct {
	Space, Key string
	Address    string // who asked
	Stack      string // who holds it; empty for a counter
	Holder     string
	Want, Left int64 // of a counter
}

func (e *ClaimedError) Error() string {
	if e.Stack == "" {
		return fmt.Sprintf("%s asks for %d of %s %s, and %d are left", e.Address, e.Want, e.Space, e.Key, e.Left)
	}
	return fmt.Sprintf("%s asks for %s %s, which %s of stack %s holds", e.Address, e.Space, e.Key, e.Holder, e.Stack)
}
