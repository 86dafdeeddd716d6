package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
)

type cacheOnlyKey struct{}

// cacheOnly says whether a read is not to wait for the object store.
func cacheOnly(ctx context.Context) bool { return ctx.Value(cacheOnlyKey{}) != nil }

// errNotCached may reach a compaction that waits for a table which such a read began to open. To Pebble it is then
// one that was cancelled, to be tried again at once; after any other error the range would not be compacted for
// half a minute.
var errNotCached = fmt.Errorf("not in the block cache: %w", pebble.ErrCancelledCompaction)

// Read looks up keys, which ascend, and calls found for each that is present, with its index; calls do not
// overlap, their order is not defined. value is valid during the call. Keys whose blocks are in the cache are
// answered first, without waiting; the others are then read in parallel.
func (s *Shard) Read(ctx context.Context, keys [][]byte, found func(i int, value []byte) error) error {
	if err := ascending(keys); err != nil {
		return err
	}
	s.turns.reading()
	s.keysRead.Add(int64(len(keys)))
	return s.use(func() error {
		r := &groupRead{shard: s, keys: keys, found: found}
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

// cold remembers whether keys were not in the cache lately: to ask it for each of them first would then cost more
// than it gives.
type cold struct{ left atomic.Int32 }

const (
	// coldReads is how many reads pass the cache by after one of at least manyKeys that found little in it.
	coldReads = 15
	manyKeys  = 64
)

func (c *cold) pass() bool { return c.left.Load() > 0 && c.left.Add(-1) >= 0 }

func (c *cold) saw(missing, of int) {
	if of >= manyKeys && 2*missing > of {
		c.left.Store(coldReads)
	}
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
	shard *Shard
	keys  [][]byte
	found func(i int, value []byte) error

	mu      sync.Mutex // held during found
	missing []int      // indexes of the keys that need the object store
	next    atomic.Int64
}

// iterator returns one that seeks keys as a whole: the comparer's prefix of a key is all of it, so the filters
// of tables, which hold prefixes, answer for keys.
func (r *groupRead) iterator(ctx context.Context) (_ *pebble.Iterator, err error) {
	defer r.shard.recovered(&err)
	return r.shard.db.NewIterWithContext(ctx, &pebble.IterOptions{UseL6Filters: true})
}

// fromCache answers what it can and collects the rest.
func (r *groupRead) fromCache(ctx context.Context) (err error) {
	it, err := r.iterator(context.WithValue(ctx, cacheOnlyKey{}, true))
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

// fromStore reads the missing keys with as many readers as are free, at least one.
func (r *groupRead) fromStore(ctx context.Context) error {
	if len(r.missing) == 0 {
		return nil
	}
	slots := r.shard.res.readers
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	defer wg.Wait()
	for n := 1; ; n++ {
		wg.Go(func() {
			defer func() { <-slots }()
			if err := r.readMissing(ctx); err != nil {
				cancel(err)
			}
		})
		if n == len(r.missing) || !tryTake(slots) {
			break
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}

func tryTake(slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// readMissing looks up missing keys until none is left, the last ones first: of reads that go forward Pebble would
// read ahead, up to a megabyte for each table and goroutine.
func (r *groupRead) readMissing(ctx context.Context) error {
	var asked asked
	it, err := r.open(asked.by(ctx))
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }()
	for {
		n := int(r.next.Add(1)) - 1
		if n >= len(r.missing) {
			return nil
		}
		i := r.missing[len(r.missing)-1-n]
		if err := r.again(ctx, func() error { return r.look(it, i) }); err != nil {
			return err
		}
		r.shard.asked(&asked)
	}
}

func (r *groupRead) open(ctx context.Context) (it *pebble.Iterator, err error) {
	err = r.again(ctx, func() (err error) { it, err = r.iterator(ctx); return err })
	return it, err
}

// again repeats what fails because of someone else's context: readers of one block or table wait for whoever
// began to load it, and share the error if that one gives up.
func (r *groupRead) again(ctx context.Context, try func() error) error {
	for {
		err := try()
		others := errors.Is(err, errNotCached) || errors.Is(err, context.Canceled) ||
			errors.Is(err, context.DeadlineExceeded)
		if !others || ctx.Err() != nil || r.shard.files.ctx.Err() != nil {
			return err
		}
	}
}
