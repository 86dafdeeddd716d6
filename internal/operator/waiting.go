package operator

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// waiting are the tables below as an operator's store sees them. A read that user code leads to is waited for by its
// record, while others go on; one of the operator's own is waited for by the task: waited says for how long in the batch
// at hand. It belongs to the task's turn.
type waiting struct {
	keyed.Below
	// suspend calls read on another goroutine and returns, on the task's turn, when it has ended. It is false of a read
	// that is not user code's. It is nil for operators whose records do not wait.
	suspend func(read func() error) (bool, error)
	waited  time.Duration
}

// Read implements keyed.Below.
func (w *waiting) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	if w.suspend != nil {
		var p page
		done, err := w.suspend(func() error { return w.Below.Read(ctx, keys, p.value) })
		if err != nil {
			return err
		}
		if done {
			return p.each(func(i int, _, value []byte) error { return found(i, value) })
		}
	}
	defer w.since(time.Now())
	return w.Below.Read(ctx, keys, found)
}

// Scan implements keyed.Below.
func (w *waiting) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	if w.suspend != nil {
		done, err := w.scanPages(ctx, start, end, visit)
		if done || err != nil {
			return err
		}
	}
	defer w.since(time.Now())
	return w.Below.Scan(ctx, start, end, visit)
}

// scanPages is Scan a page at a time: each is read elsewhere, and visited here.
func (w *waiting) scanPages(
	ctx context.Context, start, end []byte, visit func(key, value []byte) error,
) (done bool, err error) {
	for {
		var p page
		done, err := w.suspend(func() error { return w.Below.Scan(ctx, start, end, p.entry) })
		full := errors.Is(err, errPageFull)
		if !done || err != nil && !full {
			return done, err
		}
		err = p.each(func(_ int, key, value []byte) error { return visit(key, value) })
		if err != nil || !full {
			return true, err
		}
		start = append(p.lastKey(), 0)
	}
}

func (w *waiting) since(begin time.Time) { w.waited += time.Since(begin) }

// tell counts the wait of a batch.
func (w *waiting) tell(s *Stats) {
	s.WaitTime.Add(int64(w.waited))
	s.WaitMax.Store(max(s.WaitMax.Load(), int64(w.waited)))
	w.waited = 0
}

// page is what has been read: copies of keys and values.
type page struct {
	bytes []byte
	items []pageItem
}

// pageItem is an entry of a page: where its key and value end, and for reads the number of its key.
type pageItem struct{ number, key, value int }

// A page ends when it has so many entries or bytes.
const (
	pageEntries = 1024
	pageBytes   = 256 << 10
)

var errPageFull = errors.New("the page is full")

// value takes what has been found for a key.
func (p *page) value(i int, value []byte) error {
	p.add(i, nil, value)
	return nil
}

// entry takes an entry of a range.
func (p *page) entry(key, value []byte) error {
	p.add(len(p.items), key, value)
	if len(p.items) == pageEntries || len(p.bytes) >= pageBytes {
		return errPageFull
	}
	return nil
}

func (p *page) add(number int, key, value []byte) {
	p.bytes = append(p.bytes, key...)
	end := len(p.bytes)
	p.bytes = append(p.bytes, value...)
	p.items = append(p.items, pageItem{number, end, len(p.bytes)})
}

// each visits the entries in their order.
func (p *page) each(visit func(number int, key, value []byte) error) error {
	from := 0
	for _, e := range p.items {
		if err := visit(e.number, p.bytes[from:e.key], p.bytes[e.key:e.value]); err != nil {
			return err
		}
		from = e.value
	}
	return nil
}

func (p *page) lastKey() []byte {
	from := 0
	if n := len(p.items); n > 1 {
		from = p.items[n-2].value
	}
	return bytes.Clone(p.bytes[from:p.items[len(p.items)-1].key])
}
