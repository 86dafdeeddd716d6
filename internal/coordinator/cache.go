package coordinator

import (
	"context"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/diskcache"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

const (
	// hotBytes bounds what a checkpoint says of the disk cache, hotEvery is for how long that is said again.
	hotBytes = 64 << 10
	hotEvery = time.Minute
)

// openCache opens the disk cache, if there is to be one.
func (r *run) openCache(ctx context.Context) (err error) {
	if r.Cache.Dir == "" {
		return nil
	}
	r.Cache.OnFailure = func(err error) { r.OnEvent(CacheFailed{err}) }
	if r.disk, err = diskcache.Open(ctx, r.Cache); err == nil {
		r.OnCache(r.disk)
	}
	return err
}

// closeCache closes the disk cache. An error is no reason for the job to fail.
func (r *run) closeCache() {
	if r.disk == nil {
		return
	}
	r.OnCache(nil)
	if err := r.disk.Close(); err != nil {
		r.OnEvent(CacheFailed{err})
	}
}

// warm reads into the disk cache what the tasks are going to want, until the returned function is called. What cannot
// be read is read again, and its failure told, when it is wanted.
func (r *run) warm(ctx context.Context, m *checkpoint.Manifest) (stop func()) {
	if r.disk == nil || m == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { _ = r.cached.Warm(ctx, objectsOf(m), m.Hot) })
	return func() { cancel(); group.Wait() }
}

func objectsOf(m *checkpoint.Manifest) (all []objstore.Object) {
	for _, t := range m.Tables() {
		all = append(all, objstore.Object{Name: t.Name, Size: t.Bytes})
	}
	return all
}

// tellHot lets a checkpoint say what of its tables is used, for a process that goes on from it elsewhere. To find that
// out takes time with the size of the cache, so it is not done for each.
func (a *attempt) tellHot(m *checkpoint.Manifest) {
	if a.disk == nil {
		return
	}
	if m.Reason.Last() || time.Since(a.hotAt) > hotEvery {
		a.hot, a.hotAt = a.cached.Hot(objectsOf(m), hotBytes), time.Now()
	}
	m.Hot = a.hot
}
