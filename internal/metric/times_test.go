package metric

import (
	"sync"
	"testing"
	"time"
)

func TestTimesGoIntoFixedBuckets(t *testing.T) {
	const ms = time.Millisecond
	var times Times
	for _, took := range []time.Duration{0, ms, ms + 1, 20 * ms, time.Minute, 30 * ms} {
		times.Add(took)
	}
	got := Map(times.Samples("x", []Label{{"kind", "a"}}))
	for le, want := range map[string]float64{"0.0001": 1, "0.001": 2, "0.0025": 3, "0.025": 4, "0.05": 5, "30": 5, "+Inf": 6} {
		if n := got[`x_bucket{kind="a",le="`+le+`"}`]; n != want {
			t.Errorf("%g times of up to %s s, want %g", n, le, want)
		}
	}
	want := (time.Minute + 52*ms + 1).Seconds()
	if sum, n := got[`x_sum{kind="a"}`], got[`x_count{kind="a"}`]; sum != want || n != 6 {
		t.Errorf("%g s in %g times, want %g", sum, n, want)
	}
	if times.Count() != 6 || times.Max() != time.Minute {
		t.Errorf("%d times, at most %v", times.Count(), times.Max())
	}
}

func TestNoTimesHaveNoLongest(t *testing.T) {
	var times Times
	if times.Count() != 0 || times.Max() != 0 || Sum(times.Samples("x", nil), "x_count") != 0 {
		t.Errorf("%d times, at most %v", times.Count(), times.Max())
	}
}

func TestAddingATimeAllocatesNothing(t *testing.T) {
	var times Times
	if n := testing.AllocsPerRun(100, func() { times.Add(time.Second) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

func TestTimesOfSeveralGoroutinesAreAllCounted(t *testing.T) {
	const goroutines, each = 8, 500
	var times Times
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for i := range each {
				times.Add(time.Duration(g*each + i))
			}
		})
	}
	group.Wait()
	if times.Count() != goroutines*each || times.Max() != goroutines*each-1 {
		t.Errorf("%d times, at most %v", times.Count(), times.Max())
	}
}
