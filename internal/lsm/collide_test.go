package lsm

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// A table is opened once for all who want it. A read that does not want to wait gives the opening up, and who
// shares it with that read must not take the table for one that cannot be read: Pebble would leave it alone for
// half a minute.
func TestReadsThatDoNotWaitDoNotMakeCompactionsFail(t *testing.T) {
	w := newWorld(t, 5)
	var mu sync.Mutex
	var failures []error
	w.res.tune = func(o *pebble.Options) {
		o.L0CompactionThreshold = 1
		failed := o.EventListener.BackgroundError
		o.EventListener.BackgroundError = func(err error) {
			mu.Lock()
			failures = append(failures, err)
			mu.Unlock()
			failed(err)
		}
	}
	shards := []*Shard{w.open(all), w.open(all), w.open(all), w.open(all)}
	var group sync.WaitGroup
	for round := range 200 / slow {
		w.ingestInto(shards[round%len(shards)], round, &group)
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	if len(failures) > 0 {
		t.Errorf("%d compactions failed: %.200v", len(failures), failures[0])
	}
}

// ingestInto gives a shard a new table and reads from it at once.
func (w *world) ingestInto(s *Shard, round int, group *sync.WaitGroup) {
	w.t.Helper()
	set := NewTableSet(w.t.Context(), w.store, w.newTableName)
	var keys [][]byte
	for i := range 20 {
		keys = append(keys, fmt.Appendf(nil, "k%02d", i))
		must(w.t, set.Set(keys[i], fmt.Append(nil, round)))
	}
	tables, err := set.Finish()
	must(w.t, err)
	s.turns.reading() // or compactions would wait for a read
	must(w.t, s.Ingest(w.t.Context(), tables))
	for range 4 {
		group.Go(func() {
			if err := s.Read(context.Background(), keys, func(int, []byte) error { return nil }); err != nil {
				w.t.Error(err)
			}
		})
	}
}
