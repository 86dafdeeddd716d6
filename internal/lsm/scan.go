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
	return s.read(func() error {
		scan, err := s.scan(ctx, &pebble.IterOptions{LowerBound: r.Start, UpperBound: r.End})
		if err != nil {
			return err
		}
		defer func() { _ = scan.it.Close() }() // repeats the last error only
		for {
			value, ok, err := scan.next(ctx)
			if err != nil || !ok {
				return err
			}
			if err := visit(scan.key(), value); err != nil {
				return err
			}
		}
	})
}

// scanning is a scan under way.
type scanning struct {
	shard *Shard
	it    *pebble.Iterator
	last  []byte // the entry at hand, and a zero: the least key behind it; empty before the first
	ahead bool   // the iterator is at the entry at hand
}

// scan begins a scan, which is at no entry yet.
func (s *Shard) scan(ctx context.Context, o *pebble.IterOptions) (*scanning, error) {
	scan := &scanning{shard: s}
	err := s.again(ctx, func() (err error) {
		defer s.recovered(&err)
		scan.it, err = s.db.NewIterWithContext(ctx, o)
		return err
	})
	return scan, err
}

// key is that of the entry at hand.
func (s *scanning) key() []byte { return s.last[:len(s.last)-1] }

// next moves to the first or the next entry, whose value is valid until it is called again. After a failure that was
// another's the iterator seeks the place where it was.
func (s *scanning) next(ctx context.Context) (value []byte, ok bool, err error) {
	err = s.shard.again(ctx, func() (err error) {
		value, ok, err = s.move()
		return err
	})
	if ok && err == nil {
		s.last = append(append(s.last[:0], s.it.Key()...), 0)
	}
	return value, ok, err
}

func (s *scanning) move() (value []byte, ok bool, err error) {
	defer s.shard.recovered(&err)
	switch {
	case s.ahead:
		ok = s.it.Next()
	case len(s.last) == 0:
		ok = s.it.First()
	default:
		ok = s.it.SeekGE(s.last)
	}
	s.ahead = ok
	if !ok {
		return nil, false, s.it.Error()
	}
	value, err = s.it.ValueAndErr()
	return value, err == nil, err
}
