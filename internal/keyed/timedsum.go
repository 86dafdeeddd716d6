package keyed

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// TimedSum is a Sum that expires. One that has is as if it were not there: what is added begins another.
//
// A sum may be in parts that nobody has read when another is begun. So each part says since when it is there, and
// whoever puts parts together finds out whether the one before had expired by then.
type TimedSum[A any] struct {
	*Sum[lasting[A]]
	lifetime
}

// lasting is a part of an accumulator, with the time at which it was begun and the one at which all of the
// accumulator expires.
type lasting[A any] struct {
	acc          A
	since, until int64
}

// alone is since when a part is there that has nothing to do with those before.
const alone = math.MaxInt64

// NewTimedSum adds sums with a time-to-live to a store. merge is that of NewSum.
func NewTimedSum[A any](r Registry, name string, ttl TTL, merge func(into, from *A)) (*TimedSum[A], error) {
	life, err := newLifetime(r, name, ttl)
	if err != nil {
		return nil, err
	}
	e, err := newEncoding[A](name)
	if err != nil {
		return nil, err
	}
	values, err := versionsOf(lastingEncoding(e))
	if err != nil {
		return nil, err
	}
	join := func(into, from *lasting[A]) {
		if into.until != 0 && from.since >= into.until {
			*into = *from
			return
		}
		merge(&into.acc, &from.acc)
		into.until = from.until
	}
	c := &TimedSum[A]{newSum(r, name, values, join), life}
	return c, c.core.add(c)
}

func lastingEncoding[A any](e encoding[A]) encoding[lasting[A]] {
	return encoding[lasting[A]]{
		schema: e.schema,
		encode: func(dst []byte, l *lasting[A]) []byte {
			if l.until != 0 {
				dst = binary.BigEndian.AppendUint64(dst, uint64(l.since))
			}
			return e.encode(dst, &l.acc)
		},
		decoderFor: func(schema string, expires bool) (decoder[lasting[A]], error) {
			decode, err := e.decoderFor(schema, expires)
			if !expires {
				return func(src []byte, l *lasting[A]) error { l.since = 0; return decode(src, &l.acc) }, err
			}
			return func(src []byte, l *lasting[A]) error {
				since, rest, err := takeSince(src)
				if err != nil {
					return err
				}
				l.since = since
				return decode(rest, &l.acc)
			}, err
		},
		until: func(l *lasting[A]) *int64 { return &l.until },
	}
}

// sumEncoding is that of sums without time-to-live, which may have had one before.
func sumEncoding[A any](e encoding[A]) encoding[A] {
	plain := e.decoderFor
	e.decoderFor = func(schema string, expires bool) (decoder[A], error) {
		decode, err := plain(schema, expires)
		if !expires {
			return decode, err
		}
		return func(src []byte, acc *A) error {
			_, rest, err := takeSince(src)
			if err != nil {
				return err
			}
			return decode(rest, acc)
		}, err
	}
	return e
}

func takeSince(src []byte) (since int64, rest []byte, err error) {
	if len(src) < 8 {
		return 0, nil, base.Errorf(base.Corrupt, "a part of a sum ends after %d of 8 bytes", len(src))
	}
	return int64(binary.BigEndian.Uint64(src)), src[8:], nil
}

// Part returns the part in memory of a slot's accumulator, to be added to at once, and whether it has just been
// made: a zero value. It reads if the time is to be counted from the first write.
func (c *TimedSum[A]) Part(s Slot) (acc *A, made bool, err error) {
	if c.update == OnCreation {
		if _, _, err := c.Sum.Get(s); err != nil {
			return nil, false, err
		}
	}
	p, made := c.Sum.Part(s)
	switch {
	case made:
		p.since, p.until = c.store.time, c.anew()
	case c.over(p.until):
		*p, made = lasting[A]{since: alone, until: c.anew()}, true
	default:
		p.until = c.written(p.until)
	}
	return &p.acc, made, nil
}

// Keep makes what strings of a part lead to its own, when it has been added to.
func (c *TimedSum[A]) Keep(acc *A) {
	if len(c.strings) > 0 {
		record.CloneStrings(unsafe.Pointer(acc), c.strings) // offsets in an operand, which begins with it
	}
}

// Get returns a slot's accumulator to be read at once, and whether it has one.
func (c *TimedSum[A]) Get(s Slot) (acc *A, ok bool, err error) {
	p, ok, err := c.Sum.Get(s)
	if !ok || c.over(p.until) {
		return nil, false, err
	}
	if until, changed := c.read(p.until); changed {
		p = &c.ref(s).acc
		p.until = until
	}
	return &p.acc, true, nil
}

// sweep removes what has expired and has no parts that would have to be read.
func (c *TimedSum[A]) sweep() {
	lookOver(&c.column, &c.hand, func(s Slot, o *operand[lasting[A]]) {
		if c.over(o.acc.until) && !c.core.keys.busy(s) && c.know(s) == whole {
			_ = c.end(s) // reads nothing
		}
	})
}

func (c *TimedSum[A]) end(s Slot) error {
	c.store.counts.Expired++
	return c.Clear(s)
}

// check ends accumulators, after their parts have been put together.
func (c *TimedSum[A]) check(found []suspect) error {
	for _, f := range found {
		p, ok, err := c.Sum.Get(f.slot)
		if err == nil && ok && (c.over(p.until) || trustStale) {
			err = c.end(f.slot)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
