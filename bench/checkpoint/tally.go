package checkpoint

import (
	"context"
	"sync/atomic"

	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/metered"
)

// tally counts what is asked of a store, and what is written into new objects; what compactions write is no copy.
type tally struct {
	store          *metered.Store
	far            measure.Far
	objects, bytes atomic.Int64
}

// wrap is called once, before the run begins to use the store.
func (t *tally) wrap(s objstore.Store) objstore.Store {
	t.store = metered.New(measure.Remote{Store: s, Far: &t.far})
	return tallied{t.store, t}
}

// requests is how many there have been.
func (t *tally) requests() (all int64) {
	for o := metered.Read; o <= metered.Delete; o++ {
		n, _ := t.store.Requests(o)
		all += n
	}
	return all
}

// recordReads is how many reads records have waited for.
func (t *tally) recordReads() int64 { return t.far.Count()[objstore.Record] }

type tallied struct {
	*metered.Store
	t *tally
}

// Create implements objstore.Store.
func (s tallied) Create(ctx context.Context, name string) (objstore.Writer, error) {
	w, err := s.Store.Create(ctx, name)
	if err != nil || objstore.PurposeOf(ctx) == objstore.Compaction {
		return w, err
	}
	s.t.objects.Add(1)
	return talliedWriter{w, s.t}, nil
}

type talliedWriter struct {
	objstore.Writer
	t *tally
}

// Write implements objstore.Writer.
func (w talliedWriter) Write(p []byte) (int, error) {
	w.t.bytes.Add(int64(len(p)))
	return w.Writer.Write(p)
}
