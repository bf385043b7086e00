package lang_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/cairncloud/cairn/lang"
)

func TestShapes(t *testing.T) {
	t.Parallel()
	const n = 200
	for _, kind := range shapes {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, diags := load(shape(kind, n), lang.Options{})
			must(t, s, diags)
			x := evaluate(s)
			must(t, s, x.diags)
			if len(x.failed) > 0 || len(x.objects) != n {
				t.Errorf("%d objects, %d blocks left over", len(x.objects), len(x.failed))
			}
			outs := x.eval.Outputs()
			if len(outs) != 1 || !outs[0].Value.IsWhollyKnown() {
				t.Errorf("outputs: %v", outs)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) { benchmark(b, false) }

func BenchmarkEvaluate(b *testing.B) { benchmark(b, true) }

var spent time.Duration // on loading, while evaluation is measured

// cpu is what the process used of all cores: other work on the machine plays no
// part in it.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmark(b *testing.B, eval bool) {
	for _, kind := range shapes {
		for _, n := range []int{1000, 10000} {
			b.Run(fmt.Sprintf("%s-%d", kind, n), func(b *testing.B) {
				dir := write(b, shape(kind, n))
				types := testTypes()
				b.ReportAllocs()
				start := cpu()
				defer func() { b.ReportMetric(float64((cpu()-start-spent).Microseconds())/1000/float64(b.N), "cpu-ms/op") }()
				spent = 0
				for b.Loop() {
					before := cpu()
					if eval {
						b.StopTimer()
					}
					s, diags := lang.Load(dir, lang.Options{Types: types})
					must(b, s, diags)
					if !eval {
						continue
					}
					b.StartTimer()
					spent += cpu() - before
					if x := evaluate(s); x.diags.HasErrors() || len(x.objects) != n {
						b.Fatal(told(s, x.diags))
					}
				}
			})
		}
	}
}
