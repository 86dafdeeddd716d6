package nexmark

import (
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// WatermarkDelay is how far behind the latest event time an event may come: what a job says to the engine
// beside Event.Time. It covers groups of up to four seconds of events.
const WatermarkDelay = 4 * time.Second

// maxEvents keeps the arithmetic on event numbers within 64 bits.
const maxEvents = 1 << 53

// maxSpeed is more than any machine can follow.
const maxSpeed = 1e9

// Config is all that the events depend on, and when they come. Two sources of equal
// configuration make the same events, on every machine and at every parallelism. Zero values are defaults.
type Config struct {
	// Events is the number of events, at most 2^53; 0 for no end.
	Events int64
	// Rate is the number of events in a second of event time; default 100,000.
	Rate int64
	// Seed chooses one of many equally good sets of events; default 1.
	Seed uint64
	// Group is the number of events within which their order is shuffled, at most 2^31; default 1, ordered by
	// time. A multiple of 953 is no shuffle: it repeats events.
	Group int64
	// Pace holds each event back until its event time, counted from the start of reading, has passed on the
	// clock. Otherwise events come as fast as they are taken.
	Pace bool
	// Speed is how many times as fast as the clock event time passes with Pace; default 1.
	Speed float64
	// Begin is when the first event is due with Pace, for all splits, also after a restart. Zero is for when reading
	// begins: the next event of each split is then due at once.
	Begin time.Time
}

// Due is when an event of the given time, in milliseconds, is due with Pace and Begin.
func (c Config) Due(eventTime int64) time.Time {
	return c.Begin.Add(c.byTheClock(eventTime - firstTime))
}

// Last is the latest event time of a source that has an end, in milliseconds.
func (c Config) Last() int64 {
	c = c.withDefaults()
	return firstTime + int64(uint64(max(0, c.Events-1))*1000/uint64(c.Rate))
}

// byTheClock is how long it takes until so many milliseconds of event time have passed.
func (c Config) byTheClock(ms int64) time.Duration {
	if c.Speed == 0 || c.Speed == 1 {
		return time.Duration(ms) * time.Millisecond
	}
	return time.Duration(float64(ms) / c.Speed * float64(time.Millisecond))
}

// withDefaults replaces zeros.
func (c Config) withDefaults() Config {
	if c.Rate == 0 {
		c.Rate = 100_000
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Group == 0 {
		c.Group = 1
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Events < 0 || c.Events > maxEvents:
		return flow.ConfigErrorf("nexmark: events is %d; it must be 0 (no end) to 2^53", c.Events)
	case c.Rate < 0:
		return flow.ConfigErrorf("nexmark: rate is %d events per second; it must be positive", c.Rate)
	case c.Speed != 0 && !(c.Speed > 0 && c.Speed <= maxSpeed):
		return flow.ConfigErrorf("nexmark: speed is %g times the clock's; it must be above 0, at most %g",
			c.Speed, float64(maxSpeed))
	case c.Group < 0 || c.Group > 1<<31:
		return flow.ConfigErrorf("nexmark: group is %d events; it must be 1 to 2^31", c.Group)
	}
	return nil
}
