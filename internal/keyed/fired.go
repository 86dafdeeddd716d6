package keyed

import "math"

// span is a range of the numbers that keys of a state begin with; end is not part of it.
type span struct{ start, end int64 }

func (s span) has(n int64) bool { return s.start <= n && n < s.end }
func (s span) empty() bool      { return s.start >= s.end }

// fired is what an epoch has fired: timers of so many times between two.
type fired struct {
	least, most int64
	timers      int
}

var noneFired = fired{least: math.MaxInt64, most: math.MinInt64}

func (f *fired) add(time int64, timers int) {
	f.least, f.most, f.timers = min(f.least, time), max(f.most, time), f.timers+timers
}

// manyFired is how many timers of a key group are deleted as a range, at least: a few are deleted one by one.
const manyFired = 4

// behind is the range of times of which the tables below need nothing any more: timers fire in the order of their
// times, so all that were set before this epoch have fired, but for those of the time that is firing. Those that
// are set in the range have been set in this epoch.
func (f *fired) behind(firing int64, groups int) span {
	if f.timers < manyFired*groups {
		return span{}
	}
	return span{f.least, min(f.most, math.MaxInt64-1, firing-1) + 1}
}

// frozenTimers are the changes of timers. What has fired is deleted as a range.
type frozenTimers struct {
	frozenEntries[struct{}]
	behind span
	time   func(Slot) int64
}

func (f *frozenTimers) ranges() []span {
	if f.behind.empty() {
		return nil
	}
	return []span{f.behind}
}

func (f *frozenTimers) gather(part int, into *changes) {
	f.each(part, func(e Slot, v *struct{}) {
		if v != nil || !f.behind.has(f.time(e)) {
			f.append(into, e, v)
		}
	})
}
