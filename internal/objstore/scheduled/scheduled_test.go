package scheduled

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func over(t *testing.T, inner objstore.Store, l Limits) *Store {
	t.Helper()
	s, err := New(inner, l)
	must(t, err)
	return s
}

func TestAStoreIsAsItIsButForTheOrder(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Store { return over(t, mem.New(), tight) })
}

// slow is a store whose requests take a second; it notes in which order they begin.
type slow struct {
	objstore.Store
	mu    sync.Mutex
	begun []string
}

func (s *slow) pass(name string) {
	s.mu.Lock()
	s.begun = append(s.begun, name)
	s.mu.Unlock()
	<-time.After(time.Second)
}

func (s *slow) ReadAt(_ context.Context, name string, _ []byte, _ int64) error {
	s.pass(name)
	return nil
}

func (s *slow) Create(context.Context, string) (objstore.Writer, error) { return &slowWriter{s}, nil }

type slowWriter struct{ *slow }

func (w *slowWriter) Write(p []byte) (int, error) { w.pass("write"); return len(p), nil }
func (w *slowWriter) Finish() error               { w.pass("finish"); return nil }
func (w *slowWriter) Abort()                      { w.pass("abort") }

// story is one of requests to a slow store, in fake time.
func story(t *testing.T, test func(t *testing.T, inner *slow, s *Store)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		inner := &slow{Store: mem.New()}
		test(t, inner, over(t, inner, tight))
		synctest.Wait()
	})
}

func read(ctx context.Context, s *Store, p objstore.Purpose, name string, bytes int) error {
	return s.ReadAt(objstore.For(ctx, p), name, make([]byte, bytes), 0)
}

func TestARecordsReadOvertakesWhatWaits(t *testing.T) {
	story(t, func(t *testing.T, inner *slow, s *Store) {
		var group sync.WaitGroup
		begin := func(p objstore.Purpose, name string) {
			group.Go(func() { must(t, read(t.Context(), s, p, name, 1)) })
			synctest.Wait()
		}
		for range 5 {
			begin(checkpoint, "upload")
		}
		for range 4 {
			begin(record, "read")
		}
		group.Wait()
		slices.Sort(inner.begun[4:8]) // which begin in the same moment
		want := []string{"upload", "upload", "upload", "read", "read", "read", "read", "upload", "upload"}
		if !slices.Equal(inner.begun, want) {
			t.Errorf("%q, want %q", inner.begun, want)
		}
		if c := s.Counts(record); c.Waited != 3*time.Second || c.Running != 0 || c.Waiting != 0 {
			t.Errorf("reads: %+v", c)
		}
		if c := s.Counts(checkpoint); c.Waited != 3*time.Second {
			t.Errorf("uploads: %+v", c)
		}
	})
}

func TestTheEndOfTheContextEndsTheWaitAndNothingElse(t *testing.T) {
	story(t, func(t *testing.T, inner *slow, s *Store) {
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() { must(t, read(t.Context(), s, warmUp, "first", 1)) })
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if err := read(ctx, s, warmUp, "impatient", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if err := read(ctx, s, record, "too late", 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		group.Wait()
		if want := []string{"first", "first"}; !slices.Equal(inner.begun, want) {
			t.Errorf("%q were made", inner.begun)
		}
		if c := s.Counts(warmUp); c.Waiting != 0 || c.Running != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestAWriterHasRoomWhileItWritesOnly(t *testing.T) {
	story(t, func(t *testing.T, _ *slow, s *Store) {
		var writers []objstore.Writer
		for range 20 {
			w, err := s.Create(objstore.For(t.Context(), checkpoint), "x")
			must(t, err)
			writers = append(writers, w)
		}
		if c := s.Counts(checkpoint); c.Running != 0 {
			t.Errorf("open writers have room: %+v", c)
		}
		var group sync.WaitGroup
		for _, w := range writers[:5] {
			group.Go(func() { _, err := w.Write(nil); must(t, err) })
		}
		synctest.Wait()
		if c := s.Counts(checkpoint); c.Running != 3 || c.Waiting != 2 {
			t.Errorf("%+v", c)
		}
		group.Wait()
		must(t, writers[0].Finish())
	})
}

func TestAWriterWhoseContextHasEndedIsAborted(t *testing.T) {
	story(t, func(t *testing.T, inner *slow, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		w, err := s.Create(ctx, "x")
		must(t, err)
		cancel()
		if _, err := w.Write(nil); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := w.Finish(); !errors.Is(err, context.Canceled) || !slices.Equal(inner.begun, []string{"abort"}) {
			t.Errorf("%v, %q", err, inner.begun)
		}
	})
}

// compacting makes three large requests of a compaction and returns how long they took.
func compacting(t *testing.T, s *Store, request func(context.Context) error) time.Duration {
	t.Helper()
	begin := time.Now()
	for range 3 {
		must(t, request(objstore.For(t.Context(), compaction)))
	}
	return time.Since(begin)
}

func TestACompactionRestsBetweenItsRequestsWhileRecordsRead(t *testing.T) {
	for _, c := range []struct {
		what    string
		records bool
		bytes   int
		rests   time.Duration
	}{
		{"large reads", true, small, 2 * longestRest},
		{"small reads", true, small - 1, 0},
		{"large reads of an idle process", false, small, 0},
	} {
		story(t, func(t *testing.T, inner *slow, s *Store) {
			ctx, cancel := context.WithCancel(t.Context())
			var group sync.WaitGroup
			if c.records {
				for range 2 { // one after the other, never at the same time
					group.Go(func() {
						for ctx.Err() == nil {
							must(t, read(t.Context(), s, record, "record", 1))
						}
					})
					<-time.After(time.Second / 2)
				}
			}
			took := compacting(t, s, func(ctx context.Context) error {
				return s.ReadAt(ctx, "table", make([]byte, c.bytes), 0)
			})
			cancel()
			group.Wait()
			if want := 3*time.Second + c.rests; took != want {
				t.Errorf("%s: %v, want %v", c.what, took, want)
			}
			if waited := s.Counts(compaction).Waited; waited != c.rests {
				t.Errorf("%s: counted %v of rests, want %v", c.what, waited, c.rests)
			}
		})
	}
}

func TestWhatACompactionWritesRestsToo(t *testing.T) {
	story(t, func(t *testing.T, inner *slow, s *Store) {
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				for range 3 {
					must(t, read(t.Context(), s, record, "record", 1))
				}
			})
			<-time.After(time.Second / 2)
		}
		w, err := s.Create(objstore.For(t.Context(), compaction), "table")
		must(t, err)
		begin := time.Now()
		for range 2 {
			_, err := w.Write([]byte("x"))
			must(t, err)
		}
		if took := time.Since(begin); took != 2*time.Second+longestRest {
			t.Errorf("two writes took %v", took)
		}
		group.Wait()
	})
}

func TestACompactionThatRestsHoldsNoRoomAndEndsWithItsContext(t *testing.T) {
	story(t, func(t *testing.T, inner *slow, s *Store) {
		var group sync.WaitGroup
		group.Go(func() { must(t, read(t.Context(), s, record, "record", 1)) })
		synctest.Wait()
		s.pace.owed = longestRest
		ctx, cancel := context.WithCancel(t.Context())
		group.Go(func() {
			if err := read(ctx, s, compaction, "table", small); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
		synctest.Wait()
		if c := s.Counts(compaction); c.Running != 0 || c.Waiting != 1 {
			t.Errorf("%+v", c)
		}
		cancel()
		group.Wait()
	})
}

func TestARequestThatFailsLeavesItsRoom(t *testing.T) {
	ops := map[fault.Op]func(context.Context, objstore.Store) error{
		fault.ReadAt: func(ctx context.Context, s objstore.Store) error { return s.ReadAt(ctx, "x", nil, 0) },
		fault.Get:    func(ctx context.Context, s objstore.Store) error { _, _, err := s.Get(ctx, "x"); return err },
		fault.Stat:   func(ctx context.Context, s objstore.Store) error { _, err := s.Stat(ctx, "x"); return err },
		fault.Put:    func(ctx context.Context, s objstore.Store) error { return s.PutIfAbsent(ctx, "x", nil) },
		fault.Swap:   func(ctx context.Context, s objstore.Store) error { _, err := s.Swap(ctx, "x", "", nil); return err },
		fault.Delete: func(ctx context.Context, s objstore.Store) error { return s.Delete(ctx, "x") },
		fault.Create: func(ctx context.Context, s objstore.Store) error { _, err := s.Create(ctx, "x"); return err },
	}
	s := over(t, fault.New(mem.New(), func(fault.Op, string, int) fault.Fault { return fault.Before }), tight)
	for op, request := range ops {
		for range 10 { // more than there is room for
			if err := request(t.Context(), s); !errors.Is(err, fault.ErrInjected) {
				t.Errorf("%s: %v", op, err)
			}
		}
	}
	if c := s.Counts(record); c.Running != 0 {
		t.Errorf("%+v", c)
	}
}

func TestSamplesAreThoseOfTheirMetrics(t *testing.T) {
	s := over(t, mem.New(), tight)
	samples := s.Samples()
	for _, sample := range samples {
		if _, ok := metric.Of(sample); !ok {
			t.Errorf("%s is of no metric", sample)
		}
	}
	if len(samples) != 3*objstore.Purposes {
		t.Errorf("%d samples", len(samples))
	}
}

func TestManyRequestsAtOnceKeepTheLimits(t *testing.T) {
	most := &busiest{Store: mem.New()}
	must(t, most.PutIfAbsent(t.Context(), "x", []byte("x")))
	s := over(t, most, tight)
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			for n := range 50 {
				ctx, cancel := context.WithCancel(objstore.For(t.Context(), objstore.Purpose((i+n)%objstore.Purposes)))
				if n%7 == 0 {
					go cancel()
				}
				if err := s.ReadAt(ctx, "x", make([]byte, 1), 0); err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	group.Wait()
	if most.most > tight.Total || s.queue.running != [objstore.Purposes]int{} || s.queue.urgent() {
		t.Errorf("%d requests at once, of %d; %+v at the end", most.most, tight.Total, s.queue)
	}
}

// busiest knows how many reads were under way at most.
type busiest struct {
	objstore.Store
	mu        sync.Mutex
	now, most int
}

func (b *busiest) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	b.mu.Lock()
	b.now++
	b.most = max(b.most, b.now)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.now--
		b.mu.Unlock()
	}()
	return b.Store.ReadAt(ctx, name, p, off)
}
