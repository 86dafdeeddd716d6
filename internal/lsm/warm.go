package lsm

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// warmers is how many tables of a shard are opened at a time. The scheduler of requests has room for as many, so what
// a record reads waits for one request of theirs at most, when both want the same block.
const warmers = 4

// warming counts what Warm has done.
type warming struct {
	tables, failed atomic.Int64
	bytes          atomic.Int64 // in memory, as long as the shard is open
}

// Warm opens the tables of the shard: it loads their indexes and filters, and no data, until these take half of the
// cache of blocks, of all shards together. Then a read asks the object store once for a key that is there. Small
// levels come first, for reads look into all of them. A table that cannot be opened is counted and left to whoever
// reads it; the error is that of the context or of a shard that is closed. Reads need not wait for Warm.
func (s *Shard) Warm(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(objstore.For(ctx, objstore.WarmUp))
	defer cancel(nil)
	keys := make(chan []byte)
	var group sync.WaitGroup
	for range warmers {
		group.Go(func() {
			for key := range keys {
				if err := s.warm(ctx, key); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := s.offer(ctx, keys)
	close(keys)
	group.Wait()
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// offer passes on a key of each table.
func (s *Shard) offer(ctx context.Context, keys chan<- []byte) error {
	all, err := s.keysOfTables()
	if err != nil {
		return err
	}
	for _, key := range all {
		if s.res.warmed.Load() >= s.res.blocks.Limit()/2 {
			return nil
		}
		select {
		case keys <- key:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// keysOfTables returns a key within each table that it is not likely to have: looking for it takes the table's index
// and filter.
func (s *Shard) keysOfTables() (keys [][]byte, err error) {
	err = s.use(func() (err error) {
		defer s.recovered(&err)
		tree, err := s.db.SSTables()
		for level, tables := range tree {
			if level == 0 {
				slices.Reverse(tables) // the newest first
			}
			for _, t := range tables {
				keys = append(keys, within(t.TableInfo))
			}
		}
		return err
	})
	return keys, err
}

func within(t pebble.TableInfo) []byte {
	if next := append(bytes.Clone(t.Smallest.UserKey), 0); bytes.Compare(next, t.Largest.UserKey) <= 0 {
		return next
	}
	return t.Smallest.UserKey
}

// warm looks for a key. The error is that of the context or of a shard that is closed.
func (s *Shard) warm(ctx context.Context, key []byte) error {
	var asked asked
	err := s.read(func() error {
		r := &groupRead{shard: s, filters: s.res.filters.fit(s.res.blocks.Limit())}
		it, err := r.open(ctx, &asked)
		if err != nil {
			return err
		}
		defer func() { _ = it.Close() }()
		return r.again(ctx, &asked, func() error { _, _, err := r.seek(it, key); return err })
	})
	s.warming.bytes.Add(asked.bytes)
	s.res.warmed.Add(asked.bytes)
	switch {
	case err == nil:
		s.warming.tables.Add(1)
	case ctx.Err() != nil || errors.Is(err, errClosed) || s.files.ctx.Err() != nil:
		return err
	default:
		s.warming.failed.Add(1)
	}
	return nil
}

// cool gives back what the shard has in memory.
func (s *Shard) cool() { s.res.warmed.Add(-s.warming.bytes.Swap(0)) }
