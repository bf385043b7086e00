package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cairncloud/cairn/state"
)

// instance is a record as large as they are.
func instance(i int, text string) *state.Record {
	a := fmt.Sprintf("module.site.instance.web[%d]", i)
	return &state.Record{Address: a, Type: "instance", ID: fmt.Sprintf("7d444840-9dc0-11d1-b245-%012d", i), SchemaVersion: 1,
		Want: make([]byte, 32), Seen: make([]byte, 32), Deps: []string{"network.erp", "subnet.erp", "image.base"}, Serial: 1,
		Attrs: fmt.Appendf(nil, `{"id":"7d444840-9dc0-11d1-b245-%012d","name":"web-%d","flavor":"m1.small","image_id":"0aa2d3c4-9dc0-11d1-b245-5ffdce74fad2","network":[{"port":"p-%d","address":"10.0.%d.%d","mac":"02:00:00:00:00:%02x"}],"host":"kvm%d","tags":["web","%s"]}`, i, i, i, i/250, i%250, i%256, i%100, text)}
}

func filled(b *testing.B, n int) (state.Store, state.Lease) {
	s := fresh(b)
	l := lock(b, s, "erp")
	ends := make([]state.End, n)
	for i := range ends {
		ends[i].Put = instance(i, "first")
	}
	must(b, l.Edit(ctx, "import", ends))
	return s, l
}

func BenchmarkSnapshot(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, _ := filled(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if snap := snapshot(b, s, "erp"); len(snap.Records) != n {
					b.Fatal(len(snap.Records))
				}
			}
		})
	}
}

// intents for n new objects, each with an address, a MAC, and shares of a
// quota and of its host.
func intents(n int) state.NewRun {
	r := state.NewRun{Command: "apply"}
	r.Claims.Limits = []state.Limit{{Space: "quota", Key: "erp/cores", Max: 1 << 30}}
	for i := range n {
		x := instance(i, "first")
		r.Steps = append(r.Steps, state.Step{Action: "create", Address: x.Address, Type: x.Type, ID: x.ID, Ready: true, Put: x})
		r.Claims.Take = append(r.Claims.Take,
			state.Claim{Space: "address/network.erp", Key: fmt.Sprintf("10.0.%d.%d", i/250, i%250), Address: x.Address},
			state.Claim{Space: "mac", Key: fmt.Sprintf("02:00:00:00:%02x:%02x", i/256, i%256), Address: x.Address})
		r.Claims.Shares = append(r.Claims.Shares,
			state.Share{Space: "quota", Key: "erp/cores", Address: x.Address, Amount: 2},
			state.Share{Space: "host", Key: fmt.Sprintf("kvm%d/cores", i%100), Address: x.Address, Amount: 2})
	}
	return r
}

func BenchmarkBegin(b *testing.B) {
	for _, claims := range []bool{false, true} {
		b.Run(fmt.Sprintf("10000/claims=%t", claims), func(b *testing.B) {
			r := intents(10_000)
			if !claims {
				r.Claims = state.Claims{}
			}
			for range b.N {
				b.StopTimer()
				s := fresh(b)
				l := lock(b, s, "erp")
				b.StartTimer()
				if _, err := l.Begin(ctx, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCommit(b *testing.B) {
	for _, group := range []int{1, 64} {
		b.Run(fmt.Sprint(group), func(b *testing.B) {
			s := fresh(b)
			l := lock(b, s, "erp")
			total := b.N * group
			run, err := l.Begin(ctx, intents(total))
			must(b, err)
			ends := make([]state.End, group)
			b.ResetTimer()
			for i := range b.N {
				for k := range ends {
					ends[k] = state.End{Step: int64(i*group + k + 1), Put: instance(i*group+k, "made")}
				}
				if err := l.Commit(ctx, run, ends); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(total), "us/row")
		})
	}
}

// One step at a time, as a front end does that is told of one object at a time;
// each ends the step before it. The figure must not depend on the number.
func BenchmarkExtend(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		for _, reserved := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/reserved=%t", n, reserved), func(b *testing.B) {
				all := intents(n)
				for range b.N {
					b.StopTimer()
					s := fresh(b)
					l := lock(b, s, "erp")
					run, err := l.Begin(ctx, state.NewRun{Command: "apply"})
					must(b, err)
					more := make([]state.Extension, n)
					for i := range more {
						more[i].Steps = all.Steps[i : i+1]
						more[i].Claims.Take, more[i].Claims.Shares = all.Claims.Take[2*i:2*i+2], all.Claims.Shares[2*i:2*i+2]
						if i > 0 {
							more[i].Ends = []state.End{{Step: int64(i), Put: all.Steps[i-1].Put}}
						}
						if reserved {
							key := all.Steps[i].ID
							must(b, s.Reserve(ctx, "erp", state.Reservation{Key: key, Object: *all.Steps[i].Put, Claims: more[i].Claims, Expires: time.Now().Add(time.Hour)}))
							more[i].Fulfil = []string{key}
						}
					}
					b.StartTimer()
					for i := range more {
						must(b, l.Extend(ctx, run, more[i]))
					}
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n*b.N), "us/step")
			})
		}
	}
}

func BenchmarkReserve(b *testing.B) {
	s := fresh(b)
	all := intents(b.N)
	b.ResetTimer()
	for i := range b.N {
		r := state.Reservation{Key: all.Steps[i].ID, Object: *all.Steps[i].Put, Expires: time.Now().Add(time.Hour),
			Claims: state.Claims{Take: all.Claims.Take[2*i : 2*i+2], Shares: all.Claims.Shares[2*i : 2*i+2]}}
		if err := s.Reserve(ctx, "erp", r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLedger(b *testing.B) {
	s := fresh(b)
	l := lock(b, s, "erp")
	_, err := l.Begin(ctx, intents(10_000))
	must(b, err)
	b.Run("Claims/10000", func(b *testing.B) {
		for range b.N {
			if all, err := s.Claims(ctx, "mac"); err != nil || len(all) != 10_000 {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("Sum", func(b *testing.B) {
		for range b.N {
			if sum, err := s.Sum(ctx, "host", "kvm7/cores"); err != nil || sum.Used != 200 {
				b.Fatal(sum.Used, err)
			}
		}
	})
}
