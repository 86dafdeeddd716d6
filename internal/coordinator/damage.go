package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/lsm"
)

// offerPrevious adds to an error about damaged tables of a restored checkpoint which one before it could be used
// instead.
func (r *run) offerPrevious(ctx context.Context, m *checkpoint.Manifest, err error) error {
	if m == nil || base.KindOf(err) != base.Corrupt {
		return err
	}
	entries, listErr := r.store.List(ctx)
	if listErr != nil {
		return errors.Join(err, listErr)
	}
	for _, e := range slices.Backward(entries) {
		if e.Checkpoint < m.Checkpoint && r.whole(ctx, e.Checkpoint) {
			return fmt.Errorf("%w; checkpoint %d is whole: to go back to it, run with --from %d",
				err, e.Checkpoint, e.Checkpoint)
		}
	}
	return fmt.Errorf("%w; no earlier checkpoint is whole", err)
}

// whole reports whether a checkpoint and all its tables are undamaged.
func (r *run) whole(ctx context.Context, id uint64) bool {
	m, err := r.store.Load(ctx, id)
	if err != nil {
		return false
	}
	for _, t := range m.Tables() {
		info := lsm.TableInfo{Name: t.Name, Bytes: t.Bytes, CRC: t.CRC}
		if lsm.VerifyTable(ctx, r.Objects, info) != nil {
			return false
		}
	}
	return true
}
