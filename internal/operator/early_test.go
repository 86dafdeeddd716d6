package operator

import (
	"testing"
	"time"
)

// anInterval lets changes come at a rate, in bytes a second, and be written at another, between two barriers. It
// returns how often they were written early and what the second barrier finds: changes that nobody has begun to
// write, in time of their coming, and how long the writing goes on that has begun.
func anInterval(p *earlyPace, begin time.Time, interval time.Duration, rate, writes float64) (
	early int, left, busy time.Duration,
) {
	const step = 10 * time.Millisecond
	barrier := begin.Add(interval)
	p.expected = func() time.Time { return barrier }
	p.took(begin)
	last, over := begin, begin
	for at := begin; at.Before(barrier); at = at.Add(step) {
		dirty := int64(rate * at.Sub(last).Seconds())
		if at.Before(over) || !p.due(at, dirty) {
			continue
		}
		took := time.Duration(float64(dirty) / writes * float64(time.Second))
		p.took(at)
		p.wrote(dirty, took)
		last, over = at, at.Add(took)
		early++
	}
	return early, barrier.Sub(last), max(0, over.Sub(barrier))
}

func TestABarrierFindsTheChangesOfASecondWhateverTheInterval(t *testing.T) {
	const mb = 1e6
	for _, c := range []struct {
		interval     time.Duration
		rate, writes float64
	}{
		{10 * time.Second, 10 * mb, 100 * mb}, {10 * time.Second, 50 * mb, 100 * mb}, {time.Minute, 10 * mb, 100 * mb},
		{time.Minute, 60 * mb, 100 * mb}, {10 * time.Minute, 5 * mb, 20 * mb}, {3 * time.Second, 100 * mb, 300 * mb},
	} {
		begin := time.Unix(1000, 0)
		p := newEarlyPace(nil)
		for i := range 3 {
			early, left, busy := anInterval(p, begin, c.interval, c.rate, c.writes)
			begin = begin.Add(c.interval)
			if i > 0 && left+busy > 2*lateChanges { // the first learns how fast writing is

				t.Errorf("%+v: the barrier finds changes of %v, and writing goes on for %v", c, left, busy)
			}
			if early < 1 || early > 12 {
				t.Errorf("%+v: %d early writes", c, early)
			}
		}
	}
}

func TestNothingIsWrittenEarlyWhenTheBarrierIsAboutToCome(t *testing.T) {
	begin := time.Unix(1000, 0)
	for _, c := range []struct {
		barrier, now time.Duration
		due          bool
	}{
		{time.Second, time.Second, false},
		{time.Second, 1020 * time.Millisecond, false}, // it may be on its way
		{time.Second, 1200 * time.Millisecond, true},  // it does not come
		{1050 * time.Millisecond, time.Second, false},
		{1200 * time.Millisecond, time.Second, true},
		{10 * time.Second, 9950 * time.Millisecond, false},
	} {
		p := newEarlyPace(func() time.Time { return begin.Add(c.barrier) })
		p.took(begin)
		if got := p.due(begin.Add(c.now), 4*earlyBytes); got != c.due {
			t.Errorf("%v after the last snapshot, with the barrier at %v: %v, want %v", c.now, c.barrier, got, c.due)
		}
	}
}

func TestABarrierThatHasBeenSentIsWaitedForAlthoughTheNextIsExpected(t *testing.T) {
	begin := time.Unix(1000, 0)
	barrier := begin.Add(time.Second)
	p := newEarlyPace(func() time.Time { return barrier })
	p.took(begin)
	for _, c := range []struct {
		barrier, now time.Duration
		due          bool
	}{
		{time.Second, 950 * time.Millisecond, false},
		{2 * time.Second, 1010 * time.Millisecond, false}, // the first has been sent
		{2 * time.Second, 1090 * time.Millisecond, false},
		{2 * time.Second, 1110 * time.Millisecond, true}, // it is held up
	} {
		barrier = begin.Add(c.barrier)
		if got := p.due(begin.Add(c.now), 4*earlyBytes); got != c.due {
			t.Errorf("%v after the last snapshot, with the barrier at %v: %v, want %v", c.now, c.barrier, got, c.due)
		}
	}
}

func TestNothingIsWrittenEarlyForAShortIntervalFewChangesOrNoBarrier(t *testing.T) {
	begin := time.Unix(1000, 0)
	if early, _, _ := anInterval(newEarlyPace(nil), begin, time.Second, 100e6, 100e6); early > 0 {
		t.Errorf("%d early writes in a second", early)
	}
	if early, _, _ := anInterval(newEarlyPace(nil), begin, 10*time.Second, earlyBytes/11, 100e6); early > 0 {
		t.Errorf("%d early writes of few changes", early)
	}
	p := newEarlyPace(func() time.Time { return time.Time{} })
	if p.due(begin.Add(time.Hour), 1<<40) {
		t.Error("written early although there is no barrier to come")
	}
}
