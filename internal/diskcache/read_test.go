package diskcache

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

// sizing is a store whose reads tell the size of objects that were made by Create, as those of tables do.
type sizing struct {
	objstore.Store
	made sync.Map
}

func (s *sizing) Create(ctx context.Context, name string) (objstore.Writer, error) {
	w, err := s.Store.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return &sizingWriter{w, s, name}, nil
}

func (s *sizing) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if _, ok := s.made.Load(name); ok {
		if o, err := s.Stat(ctx, name); err == nil {
			ctx = objstore.Sized(ctx, o.Size)
		}
	}
	return s.Store.ReadAt(ctx, name, p, off)
}

type sizingWriter struct {
	objstore.Writer
	s    *sizing
	name string
}

func (w *sizingWriter) Finish() error {
	err := w.Writer.Finish()
	if err == nil {
		w.s.made.Store(w.name, true)
	}
	return err
}

func TestAStoreBehindACacheKeepsTheContract(t *testing.T) {
	w := newWorld(t, 30)
	objstoretest.Run(t, func(t *testing.T) objstore.Store {
		return &sizing{Store: w.cache.Over(mem.New(), t.Name())}
	})
}

func TestAStoreBehindNoCacheIsTheStore(t *testing.T) {
	var none *Cache
	objstoretest.Run(t, func(t *testing.T) objstore.Store { return &sizing{Store: none.Over(mem.New(), "")} })
	none.SetLimits(1, 1)
	s := none.Over(mem.New(), "")
	if none.Metrics() != (Metrics{}) || none.Close() != nil {
		t.Error("no cache has something")
	}
	if s.Hot(nil, 100) != nil || s.Warm(t.Context(), nil, nil) != nil {
		t.Error("no cache does something")
	}
}

func TestASmallReadBringsItsChunkAndNoMoreThanTheObject(t *testing.T) {
	w := newWorld(t, 10)
	o := w.put("x", 2*chunkBytes+100)
	w.read(t.Context(), o, chunkBytes+70, 10)
	w.asked(extent{"x", chunkBytes, 2 * chunkBytes})
	w.read(t.Context(), o, 2*chunkBytes+1, 9)
	w.asked(extent{"x", 2 * chunkBytes, o.Size})
	w.read(t.Context(), o, chunkBytes, chunkBytes+100)
	w.asked()
	want := Metrics{
		Hits: 1, Misses: 2, HitBytes: chunkBytes + 100, MissBytes: 19, Bytes: chunkBytes + 100, Filled: 2,
		FileBytes: sizeFor(2), Limit: sizeFor(10),
	}
	if got := w.cache.Metrics(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestARunOfMissingChunksIsOneRequest(t *testing.T) {
	w := newWorld(t, 20)
	o := w.put("x", 10*chunkBytes)
	w.read(t.Context(), o, 4*chunkBytes, 1)
	w.asked(extent{"x", 4 * chunkBytes, 5 * chunkBytes})
	w.read(t.Context(), o, chunkBytes+5, 7*chunkBytes)
	w.asked(extent{"x", chunkBytes, 4 * chunkBytes}, extent{"x", 5 * chunkBytes, 9 * chunkBytes})
	if m := w.cache.Metrics(); m.HitBytes != chunkBytes || m.MissBytes != 6*chunkBytes+1 || m.Misses != 2 {
		t.Errorf("%+v", m)
	}
	for off := int64(chunkBytes); off < 9*chunkBytes-30_000; off += 29_989 {
		w.read(t.Context(), o, off, 30_000)
	}
	w.asked()
}

func TestWhatCannotBeCachedIsTheStoresToAnswer(t *testing.T) {
	w := newWorld(t, 10)
	o := w.put("x", 1000)
	p := make([]byte, 10)
	for story, read := range map[string]func() error{
		"no size":        func() error { return w.store.ReadAt(t.Context(), "x", p, 5) },
		"a size of none": func() error { return w.store.ReadAt(objstore.Sized(t.Context(), 0), "x", p, 5) },
		"a huge size": func() error {
			return w.store.ReadAt(objstore.Sized(t.Context(), maxObject+1), "x", p, 5)
		},
		"beyond the size": func() error { return w.store.ReadAt(objstore.Sized(t.Context(), 14), "x", p, 5) },
	} {
		if err := read(); err != nil {
			t.Errorf("%s: %v", story, err)
		}
		w.asked(extent{"x", 5, 15})
	}
	if err := readSome(t.Context(), w.store, o, 990, 11); err == nil {
		t.Error("a read beyond the end succeeded")
	}
	if m := w.cache.Metrics(); m.Bytes > 0 || m.Hits+m.Misses > 0 {
		t.Errorf("%+v", m)
	}
}

func TestStoresAreToldApart(t *testing.T) {
	w := newWorld(t, 10)
	other := newRemote()
	must(t, other.PutIfAbsent(t.Context(), "x", make([]byte, 1000)))
	o := w.put("x", 1000)
	w.read(t.Context(), o, 0, 1000)
	p := make([]byte, 1000)
	must(t, w.cache.Over(other, "another").ReadAt(objstore.Sized(t.Context(), 1000), "x", p, 0))
	if string(p) != string(make([]byte, 1000)) {
		t.Error("an object of another store")
	}
}

func TestCompactionsReadWhatIsThereAndLeaveNoTrace(t *testing.T) {
	w := newWorld(t, 10)
	o := w.put("x", 4*chunkBytes)
	ctx := objstore.For(t.Context(), objstore.Compaction)
	w.read(ctx, o, 10, chunkBytes)
	w.asked(extent{"x", 10, 10 + chunkBytes})
	w.read(t.Context(), o, 0, 2*chunkBytes)
	before := w.cache.Metrics()
	w.remote.take()
	w.read(ctx, o, 10, chunkBytes)
	w.asked()
	w.read(ctx, o, chunkBytes+10, chunkBytes)
	w.asked(extent{"x", chunkBytes + 10, 2*chunkBytes + 10})
	if m := w.cache.Metrics(); m != before || w.heldOf(o) != 2 {
		t.Errorf("%+v, before %+v", m, before)
	}
}

func TestADeletedObjectIsGone(t *testing.T) {
	w := newWorld(t, 10)
	o := w.create(t.Context(), "x", 3*chunkBytes)
	must(t, w.store.Delete(t.Context(), "x"))
	if err := readSome(t.Context(), w.store, o, 5, 5); !errors.Is(err, objstore.ErrNotFound) {
		t.Error(err)
	}
	if m := w.cache.Metrics(); m.Bytes != 0 || len(w.cache.index.objects) != 0 {
		t.Errorf("%+v", m)
	}
}

func TestWhatIsReadWhileItsObjectIsDeletedIsNotKept(t *testing.T) {
	w := newWorld(t, 10)
	o := w.put("x", chunkBytes)
	reading, deleted := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	w.remote.hold = func(context.Context, string) error { close(reading); <-deleted; return nil }
	group.Go(func() { _ = readSome(t.Context(), w.store, o, 0, 5) })
	<-reading
	must(t, w.store.Delete(t.Context(), "x"))
	w.put("x", chunkBytes)
	close(deleted)
	group.Wait()
	w.settle()
	if w.heldOf(o) > 0 {
		t.Error("a chunk of a deleted object is kept")
	}
}

func TestReadersOfOneChunkShareARequest(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		o := w.put("x", 4*chunkBytes)
		answer := make(chan struct{})
		w.remote.hold = func(context.Context, string) error { <-answer; return nil }
		var group sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			group.Go(func() { errs[i] = readSome(t.Context(), w.store, o, int64(i)*100+1, 2*chunkBytes) })
		}
		synctest.Wait()
		w.asked(extent{"x", 0, 3 * chunkBytes})
		close(answer)
		group.Wait()
		must(t, errors.Join(errs...))
		w.asked()
	})
}

// The first reader has come for two chunks, the second for all: it asks for the rest.
func TestAReaderAsksOnlyForWhatIsNotOnItsWay(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		o := w.put("x", 6*chunkBytes)
		answer := make(chan struct{})
		w.remote.hold = func(context.Context, string) error { <-answer; return nil }
		var group sync.WaitGroup
		group.Go(func() { must(t, readSome(t.Context(), w.store, o, 2*chunkBytes, 2*chunkBytes)) })
		synctest.Wait()
		w.asked(extent{"x", 2 * chunkBytes, 4 * chunkBytes})
		group.Go(func() { must(t, readSome(t.Context(), w.store, o, 5, 6*chunkBytes-10)) })
		synctest.Wait()
		w.asked(extent{"x", 0, 2 * chunkBytes}, extent{"x", 4 * chunkBytes, 6 * chunkBytes})
		close(answer)
		group.Wait()
	})
}

func TestAReaderThatGivesUpDoesNotSpoilItForOthers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		o := w.put("x", chunkBytes)
		answer, ended := make(chan struct{}), 0
		w.remote.hold = func(ctx context.Context, _ string) error {
			select {
			case <-answer:
				return nil
			case <-ctx.Done():
				ended++
				return ctx.Err()
			}
		}
		var group sync.WaitGroup
		first, cancel := context.WithCancel(t.Context())
		var err1, err2 error
		group.Go(func() { err1 = readSome(first, w.store, o, 0, 5) })
		synctest.Wait()
		group.Go(func() { err2 = readSome(t.Context(), w.store, o, 50, 5) })
		synctest.Wait()
		cancel()
		synctest.Wait()
		if !errors.Is(err1, context.Canceled) || ended > 0 {
			t.Errorf("%v, %d requests ended", err1, ended)
		}
		close(answer)
		group.Wait()
		must(t, err2)
		w.asked(extent{"x", 0, chunkBytes})
	})
}

func TestARequestThatNobodyWaitsForEndsAndTheNextReaderAsksAnew(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		o := w.put("x", chunkBytes)
		w.remote.hold = func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }
		ctx, cancel := context.WithCancel(t.Context())
		var group sync.WaitGroup
		var err error
		group.Go(func() { err = readSome(ctx, w.store, o, 0, 5) })
		synctest.Wait()
		cancel()
		group.Wait()
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		synctest.Wait()
		w.remote.hold = nil
		w.read(t.Context(), o, 0, 5)
	})
}

// A record does not wait behind what was asked for at a lower priority.
func TestAnUrgentReadDoesNotWaitForALessUrgentOne(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		o := w.put("x", chunkBytes)
		answer := make(chan struct{})
		w.remote.hold = func(ctx context.Context, _ string) error {
			if objstore.PurposeOf(ctx) == objstore.WarmUp {
				<-answer
			}
			return nil
		}
		var group sync.WaitGroup
		group.Go(func() { must(t, readSome(objstore.For(t.Context(), objstore.WarmUp), w.store, o, 0, 5)) })
		synctest.Wait()
		w.read(t.Context(), o, 0, 5)
		close(answer)
		group.Wait()
		w.settle()
	})
}

func TestAFailureOfTheStoreIsTheReadersToSee(t *testing.T) {
	w := newWorld(t, 10)
	o, broken := w.put("x", chunkBytes), errors.New("broken")
	w.remote.hold = func(context.Context, string) error { return broken }
	if err := readSome(t.Context(), w.store, o, 0, 5); !errors.Is(err, broken) {
		t.Error(err)
	}
	w.remote.hold = nil
	w.read(t.Context(), o, 0, 5)
	if len(w.cache.flights) > 0 {
		t.Error("a flight is left")
	}
}
