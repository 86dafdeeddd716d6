package async

import (
	"context"
	"errors"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/operator"
)

// writer writes snapshots into tables, one after the other, while the operator goes on. It has one goroutine, which
// close waits for.
type writer struct {
	ctx   context.Context
	fail  context.CancelCauseFunc // of the operator's context
	g     *ground
	shard *lsm.Shard
	queue chan operator.StateSnapshot
	done  sync.WaitGroup
}

func startWriter(ctx context.Context, fail context.CancelCauseFunc, g *ground, shard *lsm.Shard) *writer {
	// An operator hands over a snapshot only when the one before has been written.
	w := &writer{ctx: ctx, fail: fail, g: g, shard: shard, queue: make(chan operator.StateSnapshot, 1)}
	w.done.Go(func() {
		for s := range w.queue {
			if err := w.write(s); err != nil {
				fail(err)
			}
		}
	})
	return w
}

// later is operator.Env.WriteOut.
func (w *writer) later(s operator.StateSnapshot) { w.queue <- s }

// write writes a snapshot.
func (w *writer) write(s operator.StateSnapshot) error {
	set := lsm.NewTableSet(w.ctx, w.g.store, w.g.name)
	if err := s.WriteTo(set); err != nil {
		set.Abort()
		s.Failed()
		return err
	}
	tables, err := set.Finish()
	err = errors.Join(err, w.ingest(tables, err == nil))
	if err != nil {
		s.Failed()
		return err
	}
	s.Written()
	return nil
}

func (w *writer) ingest(tables []lsm.TableInfo, ok bool) error {
	if !ok {
		return nil
	}
	return w.shard.Ingest(w.ctx, tables)
}

func (w *writer) close() {
	close(w.queue)
	w.done.Wait()
}
