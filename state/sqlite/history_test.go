package sqlite_test

import (
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/cairncloud/cairn/state"
)

// The records at the end of any run are those of a model that was copied then,
// whatever was written, overwritten, moved, deposed and removed since.
func TestHistoryLaw(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	var checks atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		stack := fmt.Sprintf("stack%d", checks.Add(1))
		l, err := s.Lock(ctx, stack, state.Me("test"), 0)
		if err != nil {
			rt.Fatal(err)
		}
		defer l.Release()
		model := map[state.Ref]string{}
		then := map[int64]string{}
		refs := rapid.Custom(func(rt *rapid.T) state.Ref {
			return state.Ref{Address: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "address"), Deposed: rapid.SampledFrom([]string{"", "", "old"}).Draw(rt, "deposed")}
		})
		for range rapid.IntRange(1, 8).Draw(rt, "runs") {
			var ends []state.End
			for range rapid.IntRange(0, 5).Draw(rt, "ends") {
				ref := refs.Draw(rt, "of")
				switch rapid.SampledFrom([]string{"put", "put", "remove", "move", "round"}).Draw(rt, "do") {
				case "put":
					text := rapid.SampledFrom([]string{"x", "y", "z"}).Draw(rt, "text")
					r := record(ref.Address, text)
					r.Deposed = ref.Deposed
					ends = append(ends, state.End{Put: r})
					model[ref] = text
				case "remove":
					ends = append(ends, state.End{Remove: &ref})
					delete(model, ref)
				case "move":
					to := refs.Draw(rt, "to")
					if _, ok := model[to]; ok || model[ref] == "" {
						continue
					}
					ends = append(ends, state.End{Move: &state.Move{From: ref, To: to}})
					model[to] = model[ref]
					delete(model, ref)
				case "round": // there and back again is as if nothing was
					away := state.Ref{Address: "elsewhere"}
					if model[ref] == "" {
						continue
					}
					ends = append(ends, state.End{Move: &state.Move{From: ref, To: away}}, state.End{Move: &state.Move{From: away, To: ref}})
				}
			}
			if rapid.Bool().Draw(rt, "edit") {
				err = l.Edit(ctx, "edit", ends)
			} else {
				var run int64
				run, err = l.Begin(ctx, newRun(rt, s, stack, state.Claims{}, nil))
				if err == nil {
					err = l.Commit(ctx, run, ends)
				}
				if err == nil {
					err = l.Finish(ctx, run, state.Finish{Status: state.RunDone})
				}
			}
			if err != nil {
				rt.Fatal(err)
			}
			runs, err := s.Runs(ctx, stack, 1)
			if err != nil {
				rt.Fatal(err)
			}
			var words []string
			for ref, text := range model {
				words = append(words, fmt.Sprintf("%s!%s=%s", ref.Address, ref.Deposed, text))
			}
			sort.Strings(words)
			then[runs[0].ID] = strings.Join(words, " ")
		}
		for run, want := range then {
			at, err := s.RecordsAt(ctx, stack, run)
			if err != nil {
				rt.Fatal(err)
			}
			var words []string
			for _, r := range at {
				text := strings.TrimSuffix(strings.TrimPrefix(string(r.Attrs), `{"text":"`), `"}`)
				words = append(words, fmt.Sprintf("%s!%s=%s", r.Address, r.Deposed, text))
				if r.Run > run {
					rt.Fatalf("a record of run %d stands in run %d", r.Run, run)
				}
			}
			sort.Strings(words)
			if got := strings.Join(words, " "); got != want {
				rt.Fatalf("run %d: got %s, want %s", run, got, want)
			}
		}
	})
}

func TestSourcesAreKeptOnce(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	for _, stack := range []string{"a", "b"} {
		l := lock(t, s, stack)
		for i := range 3 {
			r := state.NewRun{Serial: snapshot(t, s, stack).Serial, Sources: []byte("same")}
			if i == 2 {
				r.Sources = nil
			}
			run, err := l.Begin(ctx, r)
			must(t, err)
			finish(t, l, run)
			got, err := s.Sources(ctx, stack, run)
			if must(t, err); string(got) != string(r.Sources) {
				t.Errorf("run %d: %q", run, got)
			}
		}
	}
}
