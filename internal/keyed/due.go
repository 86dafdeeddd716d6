package keyed

import (
	"context"
	"math"
	"slices"
)

// Due are timers that are being read while the store is used: Timers.Due begins it, Read does it, on any
// goroutine, and Timers.Take brings them into memory.
type Due struct {
	parts   []*duePart
	written uint64 // snapshots, when it began
	err     error
}

// duePart are the next timers of a part: some, and all of the last one's time.
type duePart struct {
	gathered
	part  int
	most  int   // that are read, but for more of the last one's time
	after int64 // when it began, all up to this time were in memory
	last  int64 // time of those that have been read
	wrong error
}

// Due begins to read timers up to a time, as far as they are not in memory; nil if all are. Of a part with many,
// only the next come: Due is asked again when they have been taken. Who asks ahead of time asks for no more than
// what fires soon, or else memory may have to give up what comes.
func (t *Timers) Due(upTo int64) *Due {
	d, most := &Due{written: t.core.clock.written.Load()}, t.atOnce()
	for part, read := range t.upTo {
		if read >= upTo {
			continue
		}
		var start []byte
		if read > math.MinInt64 {
			start = appendOrdered(nil, read+1)
		}
		d.parts = append(d.parts, &duePart{
			gathered: t.core.gather(part, stateID(t.name), start, nil), part: part, most: most,
			after: read, last: math.MinInt64,
		})
	}
	if len(d.parts) == 0 {
		return nil
	}
	return d
}

// atOnce is how many timers of a part are read at once: where memory is bounded the state of their keys, which comes with
// them, is to take a quarter of it at most, if they are like those that are there.
func (t *Timers) atOnce() int {
	if !t.core.Budget.Limited() {
		return timersAtOnce
	}
	keys := int64(t.core.keys.Len())
	if keys < timersAtOnce {
		return leastTimers // too few to tell
	}
	room := t.core.Budget.Limit() / 4 / int64(len(t.upTo))
	return int(min(timersAtOnce, max(leastTimers, room*keys/max(1, t.core.charged))))
}

// Known is the time up to which all timers are in memory: to pop those up to it reads nothing, unless their keys are
// still to be read. What Take brings moves it.
func (t *Timers) Known() int64 { return t.least }

// duePartsAtOnce is how many parts are read at a time.
const duePartsAtOnce = 16

// Read reads. It does not touch the store; an error is kept for Take too. It is called once, before Take. The
// tables are used by several goroutines at once; all have ended when it returns.
func (d *Due) Read(ctx context.Context, below Below) error {
	d.err = together(ctx, len(d.parts), duePartsAtOnce, func(ctx context.Context, i int) error {
		p := d.parts[i]
		err := p.read(ctx, below, p.enough)
		if p.wrong != nil {
			return p.wrong
		}
		return err
	})
	return d.err
}

// enough ends a part when there are some timers, and all of the last one's time.
func (p *duePart) enough(key []byte) bool {
	time, _, err := takeOrdered(key[prefixLen:])
	if err != nil {
		p.wrong = err
		return true
	}
	if len(p.entries) >= p.most && time > p.last {
		return true
	}
	p.last = time
	return false
}

// Take brings timers into memory that have been read. The Ahead that it returns, if any, is to be read and
// taken before they fire: the state of their keys. If the tables have changed meanwhile nothing comes, and Due
// is asked again.
func (t *Timers) Take(d *Due) (*Ahead, error) {
	if d.err != nil {
		return nil, t.core.readError(d.err)
	}
	defer t.core.keys.charge()
	err := t.takeDue(d)
	return t.core.keys.missed(), err
}

func (t *Timers) takeDue(d *Due) error {
	t.core.counts.Scans += int64(len(d.parts))
	defer func() { t.least = slices.Min(t.upTo) }()
	for _, p := range d.parts {
		// What was written since may have been forgotten: a timer taken back would fire.
		if d.written != t.core.clock.written.Load() || t.upTo[p.part] != p.after {
			continue
		}
		if err := t.takePart(p); err != nil {
			t.upTo[p.part] = min(t.upTo[p.part], p.after)
			return err
		}
	}
	return nil
}

// takePart takes the timers of a part. When memory becomes short meanwhile, makeRoom says up to what time they
// stay, and those behind are not taken any more.
func (t *Timers) takePart(p *duePart) error {
	t.upTo[p.part] = math.MaxInt64
	for key := range p.all {
		time, owner, err := takeOrdered(key[prefixLen:])
		if err != nil {
			return err
		}
		if time > t.upTo[p.part] {
			return nil
		}
		if err := t.take(time, owner); err != nil {
			return err
		}
	}
	if p.more {
		t.upTo[p.part] = min(t.upTo[p.part], p.last)
	}
	return nil
}
