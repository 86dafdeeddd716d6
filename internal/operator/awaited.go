package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// awaited is a grouped read, and the records that wait for it.
type awaited struct {
	*keyed.Ahead
	ids []async.ID
	has bool // come
}

// firstKeys is how many keys of a batch are read first, by themselves. A read of them is over much sooner than one of a
// whole batch, above all after a restore, when each key is in a table that has to be opened.
const firstKeys = 8

// read begins to read what the rows of a batch need: the state of keys that is not in memory, and what the function says
// that it will use.
func (p *Process[K, In, Out]) read(l *load[In], keys *keyed.Ahead) error {
	if p.prefetch != nil && !p.state.store.Whole() {
		if keys == nil {
			keys = p.state.store.NewAhead()
		}
		if err := p.askEach(l, keys); err != nil || keys.Empty() {
			return err
		}
		p.begins(l, keys)
	} else if keys != nil {
		p.begins(l, keys.Split(firstKeys)...)
	}
	if c := p.state.store.CountBeside(); len(l.reads) > 0 && c != nil {
		p.arrivals.begin(func() { c.Read(p.state.ctx, p.env.Below) }, func() error { return p.state.store.Counted(c) })
	}
	return nil
}

// begins begins reads of a batch.
func (p *Process[K, In, Out]) begins(l *load[In], reads ...*keyed.Ahead) {
	for _, ahead := range reads {
		begins(ahead, p.env.Stats)
		w := &awaited{Ahead: ahead}
		l.reads, p.reading = append(l.reads, w), append(p.reading, w)
		p.arrivals.begin(func() { _ = ahead.Read(p.state.ctx, p.env.Below) }, func() error { return p.arrive(w) })
	}
}

func (p *Process[K, In, Out]) askEach(l *load[In], ahead *keyed.Ahead) (err error) {
	var ctx flow.Prefetch
	defer ctx.End()
	defer p.env.rescue(&err, func() (any, int64) { return flow.Key[K](&ctx), ctx.Time })
	for i := range l.batch.Rows {
		before, key := ahead.Len(), p.state.store.Key(l.slots[i])
		ctx = flow.NewPrefetch(uint32(l.slots[i]), l.batch.Times[i], key, ahead)
		if err := p.prefetch.Prefetch(&ctx, &l.batch.Rows[i]); err != nil {
			return p.env.userError(err, *key, ctx.Time)
		}
		l.asked = append(l.asked, ahead.Len() > before)
	}
	return nil
}

// arrive takes what has been read, for the records that wait for it.
func (p *Process[K, In, Out]) arrive(w *awaited) error {
	p.reading = slices.DeleteFunc(p.reading, func(o *awaited) bool { return o == w })
	if err := p.state.store.Take(w.Ahead); err != nil {
		return err
	}
	w.has = true
	for _, id := range w.ids {
		p.flight.Arrived(id)
	}
	return nil
}

// reads says whether something is being read for a row.
func (p *Process[K, In, Out]) reads(l *load[In], i int) bool {
	return len(l.reads) > 0 && (p.state.store.Coming(l.slots[i]) || l.asks(i))
}

// asks says whether what a row has asked for besides its key is being read.
func (l *load[In]) asks(i int) bool { return len(l.asked) > 0 && l.asked[i] && !l.reads[0].has }

// readOf returns the read that a row waits for, nil for none.
func (p *Process[K, In, Out]) readOf(l *load[In], i int) *awaited {
	if !p.reads(l, i) {
		return nil
	}
	if l.asks(i) {
		return l.reads[0]
	}
	for range l.reads { // rows are in the order of the reads, nearly
		if w := l.reads[l.at]; !w.has && w.Brings(l.slots[i]) {
			return w
		}
		l.at = (l.at + 1) % len(l.reads)
	}
	return p.forKey(l.slots[i])
}

// forKey is the read that brings the state of a key, or nil.
func (f *inFlight[K, In, Out]) forKey(slot keyed.Slot) (read *awaited) {
	for _, w := range f.reading {
		if w.Brings(slot) {
			return w
		}
	}
	return nil
}
