package keyed

import (
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// TTL is the time-to-live of what a state has.
type TTL struct {
	// After is how long, to the millisecond.
	After time.Duration
	// Update says what it is counted from.
	Update Update
}

// Update is what a time-to-live is counted from.
type Update uint8

const (
	// OnWrite counts from the last write.
	OnWrite Update = iota
	// OnRead counts from the last write or read.
	OnRead
	// OnCreation counts from the first write since there was nothing.
	OnCreation
)

// lifetime applies the time-to-live of a state.
type lifetime struct {
	store  *core
	after  int64 // in milliseconds
	update Update
	hand   int // goes around the pages of the state
}

func newLifetime(r Registry, name string, ttl TTL) (lifetime, error) {
	if ttl.After < time.Millisecond {
		return lifetime{}, base.Errorf(base.Config,
			"state %q: its time-to-live is %v: it must be a millisecond at least", name, ttl.After)
	}
	return lifetime{store: r.registry(), after: ttl.After.Milliseconds(), update: ttl.Update}, nil
}

func (l *lifetime) ttl() time.Duration { return time.Duration(l.after) * time.Millisecond }

// over reports whether what expires at a time has done so. Zero is for what was written when the state had no
// time-to-live: its time begins when it is first met.
func (l *lifetime) over(until int64) bool { return until != 0 && until <= l.store.time }

func (l *lifetime) anew() int64 { return l.store.time + l.after }

// written is when what is being written expires, if it did at before; zero for what there was none of.
func (l *lifetime) written(before int64) int64 {
	if l.update == OnCreation && before != 0 && !l.over(before) {
		return before
	}
	return l.anew()
}

// read is when what is being read expires, if it did at before, and whether that must be kept.
func (l *lifetime) read(before int64) (until int64, changed bool) {
	if loseRefresh || before != 0 && l.update != OnRead {
		return before, false
	}
	return l.anew(), l.anew() != before
}

// loseRefresh is set by the test that shows that reads must be kept.
var loseRefresh = false

// timed is a value with the time at which it expires.
type timed[V any] struct {
	v     V
	until int64
}

func timedEncoding[V any](e encoding[V]) encoding[timed[V]] {
	return encoding[timed[V]]{
		schema: e.schema,
		encode: func(dst []byte, t *timed[V]) []byte { return e.encode(dst, &t.v) },
		decoderFor: func(schema string, expires bool) (decoder[timed[V]], error) {
			decode, err := e.decoderFor(schema, expires)
			return func(src []byte, t *timed[V]) error { return decode(src, &t.v) }, err
		},
		until: func(t *timed[V]) *int64 { return &t.until },
	}
}

// newTimed returns the lifetime of a state, and how its values are encoded.
func newTimed[V any](r Registry, name string, ttl TTL) (lifetime, *versions[timed[V]], error) {
	life, err := newLifetime(r, name, ttl)
	if err != nil {
		return life, nil, err
	}
	e, err := newEncoding[V](name)
	if err != nil {
		return life, nil, err
	}
	values, err := versionsOf(timedEncoding(e))
	return life, values, err
}

// rounds is how many sweeps it takes to look at all that a state has in memory.
const rounds = 64

// lookOver visits what some of the pages of a column have, beginning where the hand is. It may be removed.
func lookOver[V any](c *column[V], hand *int, visit func(s Slot, v *V)) {
	for range (len(c.pages) + rounds - 1) / rounds {
		*hand = (*hand + 1) % len(c.pages)
		p := c.pages[*hand].page
		if p == nil {
			continue
		}
		for present, i := p.present, 0; i < pageLen; i++ {
			if present.has(Slot(i)) {
				visit(Slot(*hand)<<pageBits+Slot(i), &p.vals[i])
			}
		}
	}
}
