package keyed

import (
	"context"
	"sync"
)

// Walk visits parts of panes in an order that is known before, and reads some of them ahead. It belongs to the
// store's goroutine.
type Walk[K comparable, A any] struct {
	panes   *Panes[K, A]
	ctx     context.Context
	cancel  context.CancelFunc
	group   sync.WaitGroup
	steps   []step // that have not been begun, in their order
	reading []*stepRead
}

// step is a part of a namespace.
type step struct {
	ns   int64
	part int
}

// stepRead is a step that is being read, or has been.
type stepRead struct {
	step
	gathered
	written uint64 // snapshots, when it began
	done    chan struct{}
	err     error
}

// Of a walk so many steps are read ahead, as many as there is memory for. A window that fires has a step in each key
// group, whatever its size.
const (
	leastAhead = 16
	mostAhead  = 256
)

// Walk returns a walk through all parts, and in each part through the namespaces as they are given. Close ends it.
func (p *Panes[K, A]) Walk(namespaces []int64) *Walk[K, A] {
	w := &Walk[K, A]{panes: p, ctx: p.store.Context, cancel: func() {}}
	for part := range p.store.Groups.Len() {
		for _, ns := range namespaces {
			if p.Pane(ns).dir.parts[part].partial {
				w.steps = append(w.steps, step{ns, part})
			}
		}
	}
	if len(w.steps) > 0 {
		w.ctx, w.cancel = context.WithCancel(p.store.Context)
	}
	return w
}

// Close ends the reading, and waits for it.
func (w *Walk[K, A]) Close() {
	w.cancel()
	w.group.Wait()
}

// Each is Pane.Each of a namespace and part. Calls come in the order of the walk; the state may be changed between
// them, but not by visit.
func (w *Walk[K, A]) Each(ns int64, part int, visit func(*K, *A) error) error {
	w.fill()
	pane := w.panes.Pane(ns)
	if len(w.reading) == 0 || w.reading[0].step != (step{ns, part}) {
		return pane.Each(part, visit)
	}
	r := w.await()
	err := pane.eachInMemory(part, visit)
	if err != nil || !pane.dir.parts[part].partial {
		return err
	}
	for r != nil {
		if r, err = w.give(r, visit); err != nil {
			return err
		}
	}
	return nil
}

// give visits what has been read of a step. What follows, if there is more, is read meanwhile.
func (w *Walk[K, A]) give(r *stepRead, visit func(*K, *A) error) (more *stepRead, err error) {
	if <-r.done; r.err != nil {
		return nil, w.panes.store.readError(r.err)
	}
	if r.more {
		more = w.begin(r.step, r.rest(), gatherMost)
	}
	pane, behind := w.panes.Pane(r.ns), prefixLen+len(appendOrdered(nil, r.ns))
	for key, value := range r.all {
		if err := pane.visitBelow(r.part, key[behind:], value, visit); err != nil {
			return nil, err
		}
	}
	return more, nil
}

// await takes the first of the steps that are read. All begin again if a snapshot has been written since: what was
// changed before may have left memory.
func (w *Walk[K, A]) await() *stepRead {
	for {
		r := w.reading[0]
		if <-r.done; r.written == w.panes.store.clock.written.Load() {
			w.reading = w.reading[1:]
			w.fill()
			return r
		}
		w.group.Wait()
		var again []step
		for _, r := range w.reading {
			again = append(again, r.step)
		}
		w.steps, w.reading = append(again, w.steps...), nil
		w.fill()
	}
}

// ahead is how many steps are read ahead.
func (w *Walk[K, A]) ahead() int {
	share := w.panes.store.Budget.FlightShare()
	if share == 0 {
		return mostAhead
	}
	return int(min(mostAhead, max(leastAhead, share/int64(aheadMost.bytes))))
}

// fill begins to read the next steps.
func (w *Walk[K, A]) fill() {
	for len(w.reading) < w.ahead() && len(w.steps) > 0 {
		next := w.steps[0]
		w.steps = w.steps[1:]
		ns := appendOrdered(nil, next.ns)
		g := w.panes.store.gather(next.part, stateID(w.panes.name), ns, after(ns))
		w.reading = append(w.reading, w.begin(next, g, aheadMost))
	}
}

// begin begins to read a step, from where g does, as much as is to be kept.
func (w *Walk[K, A]) begin(s step, g gathered, most bound) *stepRead {
	core := &w.panes.store.core
	core.counts.Scans++
	r := &stepRead{step: s, gathered: g, written: core.clock.written.Load(), done: make(chan struct{})}
	below := core.Below
	w.group.Go(func() {
		defer close(r.done)
		r.err = r.readSome(w.ctx, below, most)
	})
	return r
}
