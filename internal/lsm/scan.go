package lsm

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Scan visits the entries with keys in r in the order of their keys, as they were when it began. The slices are valid
// during the call. Any number of scans may be under way, so that ranges can be scanned in parallel; each makes one
// request at a time, for a block at first, and reads ahead, up to a megabyte, when it has gone through some.
func (s *Shard) Scan(ctx context.Context, r Range, visit func(key, value []byte) error) error {
	r, ok := r.clip(s.r)
	if !ok {
		return nil
	}
	s.turns.reading()
	return s.use(func() error {
		it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: r.Start, UpperBound: r.End})
		if err != nil {
			return err
		}
		defer func() { _ = it.Close() }() // repeats the last error only
		for first := true; ; first = false {
			value, ok, err := s.step(it, first)
			if err != nil || !ok {
				return err
			}
			if err := visit(it.Key(), value); err != nil {
				return err
			}
		}
	})
}

// step moves an iterator to its first or its next entry.
func (s *Shard) step(it *pebble.Iterator, first bool) (value []byte, ok bool, err error) {
	defer s.recovered(&err)
	if first {
		ok = it.First()
	} else {
		ok = it.Next()
	}
	if !ok {
		return nil, false, it.Error()
	}
	value, err = it.ValueAndErr()
	return value, err == nil, err
}
