package lsm

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Change is what an entry of a table does.
type Change uint8

// The kinds of changes.
const (
	Set Change = iota
	Delete
	DeleteRange
)

// Visit takes an entry. value is the end of the range for DeleteRange. The slices are valid during the call.
type Visit func(change Change, key, value []byte) error

// ReadTable passes on the entries of a table: ranges to delete, then the others in the order of their keys.
// Nothing is passed on from an object that is damaged as a whole.
func ReadTable(ctx context.Context, objects objstore.Store, t TableInfo, visit Visit) (err error) {
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

func readRanges(ctx context.Context, r *sstable.Reader, visit Visit) error {
	it, err := r.NewRawRangeDelIter(ctx, sstable.NoFragmentTransforms, sstable.NoReadEnv)
	if err != nil || it == nil {
		return err
	}
	defer it.Close()
	span, err := it.First()
	for ; span != nil; span, err = it.Next() {
		if err := visit(DeleteRange, span.Start, span.End); err != nil {
			return err
		}
	}
	return err
}

func readPoints(r *sstable.Reader, visit Visit) error {
	it, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }()
	for kv := it.First(); kv != nil; kv = it.Next() {
		change := Set
		if kv.K.Kind() == sstable.InternalKeyKindDelete {
			change = Delete
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

// VerifyTable checks that a table exists and is as it was written: length and checksum.
func VerifyTable(ctx context.Context, objects objstore.Store, t TableInfo) error {
	_, err := load(ctx, objects, t)
	return err
}

// load reads a whole table and compares it with what its description says.
func load(ctx context.Context, objects objstore.Store, t TableInfo) ([]byte, error) {
	o, err := objects.Stat(ctx, t.Name)
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, base.Errorf(base.Corrupt, "table %s is missing: %w", t.Name, err)
	}
	if err != nil {
		return nil, err
	}
	if o.Size != t.Bytes {
		return nil, base.Errorf(base.Corrupt, "table %s is damaged: it has %d bytes, not %d", t.Name, o.Size, t.Bytes)
	}
	data := make([]byte, t.Bytes)
	if err := objects.ReadAt(ctx, t.Name, data, 0); err != nil {
		return nil, err
	}
	if crc := checksum(data); crc != t.CRC {
		return nil, base.Errorf(base.Corrupt, "table %s is damaged: its checksum is %08x, not %08x", t.Name, crc, t.CRC)
	}
	return data, nil
}

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }
