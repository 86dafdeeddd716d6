package operator

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// waiting are the tables below, and for how long a task has waited for them in the batch at hand: for state to be
// read, or for changes to be written when there are too many. Reads that overlap count once. It is safe for
// concurrent use.
type waiting struct {
	keyed.Below
	mu     sync.Mutex
	reads  int       // that are under way
	begin  time.Time // of the first of them
	waited time.Duration
}

// Read implements keyed.Below.
func (w *waiting) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	defer w.wait()()
	return w.Below.Read(ctx, keys, found)
}

// Scan implements keyed.Below.
func (w *waiting) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	defer w.wait()()
	return w.Below.Scan(ctx, start, end, visit)
}

// wait begins a wait, which ends when what it returns is called.
func (w *waiting) wait() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.reads++; w.reads == 1 {
		w.begin = time.Now()
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.reads--; w.reads == 0 {
			w.waited += time.Since(w.begin)
		}
	}
}

// tell counts the wait of a batch.
func (w *waiting) tell(s *Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s.WaitTime.Add(int64(w.waited))
	s.WaitMax.Store(max(s.WaitMax.Load(), int64(w.waited)))
	w.waited = 0
}

// yielding are the tables below as user code reads them: the record waits, and the task goes on with others.
type yielding struct {
	*waiting
	// suspend calls read on another goroutine and returns true, on the task's turn, when it has ended; or false when
	// there is no record to wait, without calling it.
	suspend func(read func() error) (bool, error)
}

// Read implements keyed.Below.
func (y *yielding) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	var p page
	done, err := y.suspend(func() error { return y.waiting.Below.Read(ctx, keys, p.value) })
	if err != nil {
		return err
	}
	if !done {
		return y.waiting.Read(ctx, keys, found)
	}
	return p.each(func(i int, _, value []byte) error { return found(i, value) })
}

// Yield implements keyed.Yielding.
func (y *yielding) Yield(read func(below keyed.Below) error) error {
	done, err := y.suspend(func() error { return read(y.waiting.Below) })
	if done || err != nil {
		return err
	}
	return read(y.waiting)
}

// Scan implements keyed.Below.
func (y *yielding) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	done, err := y.scanPages(ctx, start, end, visit)
	if done || err != nil {
		return err
	}
	return y.waiting.Scan(ctx, start, end, visit)
}

// scanPages is Scan a page at a time: each is read elsewhere, and visited here.
func (y *yielding) scanPages(
	ctx context.Context, start, end []byte, visit func(key, value []byte) error,
) (done bool, err error) {
	for {
		var p page
		done, err := y.suspend(func() error { return y.waiting.Below.Scan(ctx, start, end, p.entry) })
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
