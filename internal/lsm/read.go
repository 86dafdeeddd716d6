package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// errNotCached may reach a compaction that waits for a table which such a read began to open. To Pebble it is then
// one that was cancelled, to be tried again at once; after any other error the range would not be compacted for
// half a minute.
var errNotCached = fmt.Errorf("not in the block cache: %w", pebble.ErrCancelledCompaction)

// Read looks up keys, which ascend, and calls found for each that is present, with its index; calls do not
// overlap, their order is not defined. value is valid during the call. Of several keys, those whose blocks are in the
// cache are answered first, without waiting, unless few were there lately; the others are then read in parallel. One
// key is read by the caller's own goroutine. Any number of calls may be under way: requests beyond the readers of the
// process wait, and the calls take turns.
func (s *Shard) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	if err := ascending(keys); err != nil {
		return err
	}
	s.turns.reading()
	s.keysRead.Add(int64(len(keys)))
	return s.read(func() error {
		r := &groupRead{shard: s, filters: s.res.filtersPay(), readers: s.res.readers, keys: keys, found: found}
		if len(keys) == 1 {
			return r.one(ctx)
		}
		if s.cold.pass() {
			r.missing = indexes(len(keys))
			return r.fromStore(ctx)
		}
		if err := r.fromCache(ctx); err != nil {
			return err
		}
		s.cold.saw(len(r.missing), len(keys))
		return r.fromStore(ctx)
	})
}

// indexes returns the numbers up to n.
func indexes(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}

func ascending(keys [][]byte) error {
	for i := 1; i < len(keys); i++ {
		if bytes.Compare(keys[i-1], keys[i]) >= 0 {
			return base.Errorf(base.Config, "read of keys that do not ascend: %q before %q", keys[i-1], keys[i])
		}
	}
	return nil
}

type groupRead struct {
	shard   *Shard
	filters bool // of the lowest level are asked
	readers *readers
	keys    [][]byte
	found   func(i int, value []byte) error

	mu      sync.Mutex // held during found
	missing []int      // indexes of the keys that need the object store
}

// iterator returns one that seeks keys as a whole: the comparer's prefix of a key is all of it, so the filters
// of tables, which hold prefixes, answer for keys.
func (r *groupRead) iterator(ctx context.Context) (_ *pebble.Iterator, err error) {
	defer r.shard.recovered(&err)
	return r.shard.db.NewIterWithContext(ctx, &pebble.IterOptions{UseL6Filters: r.filters})
}

// fromCache answers what it can and collects the rest.
func (r *groupRead) fromCache(ctx context.Context) (err error) {
	a := asked{permission: refused}
	it, err := r.iterator(a.by(ctx))
	if errors.Is(err, errNotCached) {
		r.missing = indexes(len(r.keys))
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = closeQuietly(it, err) }()
	for i := range r.keys {
		err := r.look(it, i)
		if errors.Is(err, errNotCached) {
			r.missing = append(r.missing, i)
		} else if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// look looks up a key.
func (r *groupRead) look(it *pebble.Iterator, i int) error {
	value, ok, err := r.seek(it, r.keys[i])
	if err == nil && !ok {
		r.shard.res.filters.vain.Add(1)
	}
	if err != nil || !ok {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.found(i, value)
}

func (r *groupRead) seek(it *pebble.Iterator, key []byte) (value []byte, ok bool, err error) {
	defer r.shard.recovered(&err)
	if !it.SeekPrefixGE(key) {
		return nil, false, it.Error()
	}
	value, err = it.ValueAndErr()
	return value, err == nil, err
}

// closeQuietly closes an iterator whose errors have been seen already: Close only repeats the last one.
func closeQuietly(it *pebble.Iterator, err error) error {
	_ = it.Close()
	return err
}

// one reads a single key. Only if the cache does not have it and all readers are busy it waits for one, without an
// iterator: those take memory.
func (r *groupRead) one(ctx context.Context) error {
	if r.readers.waiting.Load() == 0 || !r.shard.cold.pass() {
		a := asked{permission: onRequest, readers: r.readers}
		err := r.alone(ctx, &a)
		missed := a.permission != onRequest
		r.shard.cold.saw(map[bool]int{true: 1}[missed], 1)
		if a.permission == granted {
			r.readers.give(&a)
		}
		if a.permission != refused || !errors.Is(err, errNotCached) {
			return err
		}
	}
	var a asked
	if err := r.readers.take(ctx, &a); err != nil {
		return err
	}
	defer r.readers.give(&a)
	return r.alone(ctx, &a)
}

// alone looks up the first key.
func (r *groupRead) alone(ctx context.Context, a *asked) error {
	it, err := r.open(ctx, a)
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }() // repeats the last error only
	err = r.again(ctx, a, func() error { return r.look(it, 0) })
	r.shard.asked(a)
	if a.slots > 0 {
		r.readers.settle(a)
	}
	return err
}

// open returns an iterator that may ask of the object store what a says.
func (r *groupRead) open(ctx context.Context, a *asked) (it *pebble.Iterator, err error) {
	counted := a.by(ctx)
	err = r.again(ctx, a, func() (err error) { it, err = r.iterator(counted); return err })
	return it, err
}

// again repeats what fails because of someone else's context: readers of one block or table wait for whoever
// began to load it, and share the error if that one gives up.
func (s *Shard) again(ctx context.Context, try func() error) error {
	for {
		err := try()
		others := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
			errors.Is(err, errNotCached)
		if !others || ctx.Err() != nil || s.files.ctx.Err() != nil {
			return err
		}
	}
}

// again is the shard's for a read that may find that it must not wait for the store.
func (r *groupRead) again(ctx context.Context, a *asked, try func() error) (refusal error) {
	err := r.shard.again(ctx, func() error {
		err := try()
		if errors.Is(err, errNotCached) && a.permission == refused {
			refusal = err
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	return refusal
}
