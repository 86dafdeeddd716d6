package lsm

import (
	"context"
	"sync"
	"sync/atomic"
)

// fanout reads the missing keys of a group in parallel, with as many readers as there are keys, as they become free.
type fanout struct {
	*groupRead
	next    atomic.Int64
	left    context.Context // ends when no key is left
	none    context.CancelFunc
	waiting atomic.Bool // for a reader
}

// turnKeys is how many keys a reader looks up before it gives way to another call that waits.
const turnKeys = 4

// fromStore reads the missing keys. The last of them is the caller's own to read.
func (r *groupRead) fromStore(ctx context.Context) error {
	if len(r.missing) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f := &fanout{groupRead: r}
	f.left, f.none = context.WithCancel(ctx)
	defer f.none()
	var group sync.WaitGroup
	for {
		asked, i, ok := f.begin()
		if !ok {
			break
		}
		read := func() {
			defer f.readers.give(asked)
			if err := f.read(ctx, asked, i); err != nil {
				cancel(err)
			}
		}
		if f.next.Load() >= int64(len(r.missing)) {
			read()
			break
		}
		group.Go(read)
	}
	group.Wait()
	return context.Cause(ctx)
}

// begin takes a reader and a key for it. It is false if no key is left or the context has ended.
func (f *fanout) begin() (a *asked, i int, ok bool) {
	f.waiting.Store(true)
	defer f.waiting.Store(false)
	a = &asked{}
	if f.readers.take(f.left, a) != nil {
		return nil, 0, false
	}
	if i, ok = f.claim(); !ok {
		f.readers.give(a)
	}
	return a, i, ok
}

// claim returns the next key: the last ones come first, for of reads that go forward Pebble would read ahead, up to
// a megabyte for each table and goroutine.
func (f *fanout) claim() (i int, ok bool) {
	n := int(f.next.Add(1))
	if n == len(f.missing) {
		f.none()
	}
	if n > len(f.missing) {
		return 0, false
	}
	return f.missing[len(f.missing)-n], true
}

// read looks up the key and then others, until none is left or another call has waited for long enough.
func (f *fanout) read(ctx context.Context, asked *asked, i int) error {
	it, err := f.open(ctx, asked)
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }() // repeats the last error only
	for n := 1; ; n++ {
		if err := f.again(ctx, asked, func() error { return f.look(it, i) }); err != nil {
			return err
		}
		f.shard.asked(asked)
		f.readers.settle(asked)
		if n >= turnKeys && f.othersWait() {
			return nil
		}
		var ok bool
		if i, ok = f.claim(); !ok {
			return nil
		}
	}
}

// othersWait reports whether another call waits for a reader, and not for processors: of these it gets no more when
// this one gives way.
func (f *fanout) othersWait() bool {
	if f.readers.near != nil {
		return false
	}
	waiting := f.readers.waiting.Load()
	if f.waiting.Load() {
		waiting--
	}
	return waiting > 0
}
