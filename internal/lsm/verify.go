package lsm

import (
	"context"
	"errors"
	"hash/crc32"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

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
