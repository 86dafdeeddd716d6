package aquifer

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// cached runs a job whose state is many times its memory, from number from to number to, with a disk cache.
type cached struct {
	t     *testing.T
	store *mem.Store
	sink  *collected[string]
}

func newCached(t *testing.T) *cached {
	return &cached{t, mem.New(), newCollected[string]()}
}

const allNumbers = manyKeys + manyKeys/5

// firstRun counts the reads of tables that the first run of a job has written. Those of the run at hand may be
// asked for before they are in the cache.
type firstRun struct {
	objstore.Store
	reads *atomic.Int64
}

func (f firstRun) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if strings.Contains(name, "/1-") {
		f.reads.Add(1)
	}
	return f.Store.ReadAt(ctx, name, p, off)
}

// run goes on until a number, and counts the reads of tables of the first run that the object store has answered.
func (c *cached) run(until int64, dir string) (reads int, r Result) {
	c.t.Helper()
	stop, gate := stopAt(until)
	var seen atomic.Int64
	r = mustRun(c.t, large("process", allNumbers, gate, c.sink), RunOptions{
		Parallelism: 1, MaxParallelism: 8, CheckpointInterval: -1, Stop: stop, objects: firstRun{c.store, &seen},
		Memory: someMemory, Cache: dir, CacheKeepFree: -1,
	})
	return int(seen.Load()), r
}

func TestARestartWithItsDiskCacheAsksTheObjectStoreForAlmostNothing(t *testing.T) {
	var with, without, unkept int
	for _, keep := range []bool{true, false} {
		c, dir := newCached(t), filepath.Join(t.TempDir(), "cache")
		_, r := c.run(manyKeys, dir)
		if keep {
			unkept = int(metric.Sum(r.Metrics, metric.DiskUnkept)) // the disk may have been too slow for some
			with, r = c.run(allNumbers+1, dir)
			unkept += int(metric.Sum(r.Metrics, metric.DiskUnkept))
		} else {
			without, _ = c.run(allNumbers+1, "")
		}
		if rows := sorted(c.sink.rows()); len(rows) != allNumbers || len(slices.Compact(rows)) != allNumbers {
			t.Errorf("%d rows, want %d", len(rows), allNumbers)
		}
	}
	if without == 0 || with > without/20+unkept { // compactions may have left few tables to be read
		t.Errorf("%d reads of tables with the cache, %d without; %d chunks were not kept", with, without, unkept)
	}
}

func TestACacheIsWarmedOnAnotherMachine(t *testing.T) {
	c := newCached(t)
	c.run(manyKeys, filepath.Join(t.TempDir(), "cache"))
	_, r := c.run(allNumbers+1, filepath.Join(t.TempDir(), "other"))
	hits, misses := metric.Sum(r.Metrics, metric.DiskHits), metric.Sum(r.Metrics, metric.DiskMisses)
	if hits == 0 || metric.Sum(r.Metrics, metric.DiskBytes) == 0 {
		t.Errorf("%g hits, %g misses", hits, misses)
	}
}

func TestADirectoryThatCannotBeACacheIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	dir := t.TempDir()
	file, state := filepath.Join(dir, "file"), filepath.Join(dir, "state")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []RunOptions{{Cache: file}, {Cache: filepath.Join(file, "below")}, {Cache: dir, CacheSize: -1}} {
		o.State = state
		_, err := large("process", 10, nil, newCollected[string]()).Run(t.Context(), o)
		if base.KindOf(err) != base.Config {
			t.Errorf("%q: %v", o.Cache, err)
		}
	}
	if _, err := os.Stat(filepath.Join(state, "head")); !os.IsNotExist(err) {
		t.Errorf("the state has been begun: %v", err)
	}
}

func TestTheLimitsOfACacheMayChangeWhileTheJobRuns(t *testing.T) {
	var limits Limits
	limits.SetCache(1, 1) // there is none yet
	gate := func(next int64) error {
		if next == 1000 {
			limits.SetCache(100<<20, 0)
		}
		return nil
	}
	var objects objstore.Store = mem.New()
	r := mustRun(t, large("process", 2000, gate, newCollected[string]()), RunOptions{
		Parallelism: 1, Limits: &limits, objects: objects, Cache: t.TempDir(), CacheSize: 1 << 30, CacheKeepFree: -1,
	})
	if limit := metric.Sum(r.Metrics, metric.DiskLimit); limit != 100<<20 {
		t.Errorf("the limit is %g", limit)
	}
	limits.SetCache(1, 1) // there is none any more
}
