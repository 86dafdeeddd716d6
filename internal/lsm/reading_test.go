package lsm

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// change is what an entry of a table does.
type change uint8

// The kinds of changes.
const (
	set change = iota
	deleted
	deletedRange
)

// visitor takes an entry. value is the end of the range for deletedRange. The slices are valid during the call.
type visitor func(change change, key, value []byte) error

// readTable passes on the entries of a table: ranges to delete, then the others in the order of their keys.
// Nothing is passed on from an object that is damaged as a whole.
func readTable(ctx context.Context, objects objstore.Store, t TableInfo, visit visitor) (err error) {
	data, err := load(ctx, objects, t)
	if err != nil {
		return err
	}
	defer func() {
		if p := recover(); p != nil {
			err = base.Errorf(base.Corrupt, "table %s is damaged: %v", t.Name, p)
		}
	}()
	r, err := sstable.NewMemReader(data, sstable.ReaderOptions{})
	if err != nil {
		return base.Errorf(base.Corrupt, "table %s is damaged: %w", t.Name, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := readRanges(ctx, r, visit); err != nil {
		return fmt.Errorf("table %s: %w", t.Name, err)
	}
	if err := readPoints(r, visit); err != nil {
		return fmt.Errorf("table %s: %w", t.Name, err)
	}
	return nil
}

func readRanges(ctx context.Context, r *sstable.Reader, visit visitor) error {
	it, err := r.NewRawRangeDelIter(ctx, sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil || it == nil {
		return err
	}
	defer it.Close()
	span, err := it.First()
	for ; span != nil; span, err = it.Next() {
		if err := visit(deletedRange, span.Start, span.End); err != nil {
			return err
		}
	}
	return err
}

func readPoints(r *sstable.Reader, visit visitor) error {
	it, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }()
	for kv := it.First(); kv != nil; kv = it.Next() {
		change := set
		if kv.K.Kind() == sstable.InternalKeyKindDelete {
			change = deleted
		}
		value, _, err := kv.Value(nil)
		if err != nil {
			return err
		}
		if err := visit(change, kv.K.UserKey, value); err != nil {
			return err
		}
	}
	return it.Error()
}
