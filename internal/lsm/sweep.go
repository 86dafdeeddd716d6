package lsm

import (
	"bytes"
	"context"
	"slices"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Sweep goes through ranges of a shard once, to find what has expired. Of tables that nothing has been merged into
// it reads the blocks only that have any of that. It belongs to one goroutine.
type Sweep struct {
	shard  *Shard
	now    int64
	ranges []Range // what is left
	// read are the bytes of all versions of keys that have been passed, dead of those which nobody can see any more.
	read, dead int64
	found      bool // anything that has expired, or had
}

// sweeps counts what sweeps do.
type sweeps struct {
	done, found, bytes, compacted atomic.Int64

	some atomic.Bool // whether the last one found anything
}

// Sweep begins to look for what has expired by now, in milliseconds since 1970, in ranges that ascend.
func (s *Shard) Sweep(now int64, ranges ...Range) *Sweep {
	return &Sweep{shard: s, now: now, ranges: slices.Clone(ranges)}
}

// suspects is how many keys are looked for at a time.
const suspects = 1024

// Next returns keys whose value in the shard has expired, in ascending order; none when all have been. Somebody
// who has newer values than the shard must look whether they have, before deleting anything.
func (w *Sweep) Next(ctx context.Context) (keys [][]byte, err error) {
	var asked asked
	ctx = asked.by(objstore.For(ctx, objstore.Compaction))
	for len(keys) == 0 && len(w.ranges) > 0 && err == nil {
		var found found
		if found, err = w.look(ctx); err == nil {
			keys, err = w.confirm(ctx, found)
		}
	}
	w.shard.sweeps.bytes.Add(asked.bytes)
	w.shard.sweeps.found.Add(int64(len(keys)))
	return keys, err
}

// found are keys with a value that has expired, which may be an old one, and the sizes of both together.
type found struct {
	keys  [][]byte
	sizes []int64
}

// look finds some keys that an old value at least has expired of.
func (w *Sweep) look(ctx context.Context) (f found, err error) {
	w.shard.turns.reading()
	err = w.shard.read(func() error {
		for len(w.ranges) > 0 && len(f.keys) < suspects {
			if err := w.lookIn(ctx, &f); err != nil {
				return err
			}
		}
		return nil
	})
	return f, err
}

// lookIn looks through the first range, or so much of it as there is room for.
func (w *Sweep) lookIn(ctx context.Context, f *found) error {
	scan, err := w.shard.scan(ctx, &pebble.IterOptions{
		LowerBound: w.ranges[0].Start, UpperBound: w.ranges[0].End, PointKeyFilters: expired(w.now),
	})
	if err != nil {
		return err
	}
	defer func() { _ = scan.it.Close() }() // repeats the last error only
	defer func() {
		passed := scan.it.Stats().InternalStats
		w.read += int64(passed.KeyBytes + passed.ValueBytes)
		w.dead += int64(passed.KeyBytes + passed.ValueBytes)
	}()
	for {
		value, ok, err := scan.next(ctx)
		if err != nil || !ok {
			w.ranges = w.ranges[1:]
			return err
		}
		w.dead -= int64(len(scan.key()) + len(value))
		if until, ok := base.Expiry(value); !ok || until > w.now {
			continue
		}
		if len(f.keys) == suspects {
			w.ranges[0].Start = bytes.Clone(scan.key())
			return nil
		}
		f.keys = append(f.keys, bytes.Clone(scan.key()))
		f.sizes = append(f.sizes, int64(len(scan.key())+len(value)))
	}
}

// confirm returns the keys whose newest value has expired. Those that have none are dead: there is a deletion above
// them, and space that only a compaction frees.
func (w *Sweep) confirm(ctx context.Context, f found) (keys [][]byte, err error) {
	if len(f.keys) == 0 {
		return nil, nil
	}
	const absent, over, live = 0, 1, 2
	state := make([]byte, len(f.keys))
	w.found = true
	err = w.shard.Read(ctx, f.keys, func(i int, value []byte) error {
		state[i] = live
		if until, ok := base.Expiry(value); ok && until <= w.now {
			state[i] = over
		}
		return nil
	})
	for i, k := range f.keys {
		switch state[i] {
		case over:
			keys = append(keys, k)
		case absent:
			w.dead += f.sizes[i]
		}
	}
	return keys, err
}

// wasteShare is the share of dead bytes, as 1/wasteShare, from which on a shard is compacted as a whole: nothing else
// takes deletions to the bottom of the tree for certain.
const wasteShare = 4

// Finish ends a sweep that has come to its end: it frees the space of what had been deleted before, if that is much.
func (w *Sweep) Finish(ctx context.Context) error {
	s := w.shard
	s.sweeps.done.Add(1)
	before := s.sweeps.some.Swap(w.found) // what it found has been deleted since
	if !w.found && !before || w.dead == 0 || w.dead*wasteShare < max(w.read, s.Metrics().Bytes) {
		return nil
	}
	s.sweeps.compacted.Add(1)
	return s.Compact(ctx)
}
