package metered

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
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

func TestItIsTheStoreItWraps(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Store { return New(mem.New()) })
}

// one are requests of each kind. They work on an object "x" of ten bytes.
var one = [operations]func(ctx context.Context, s objstore.Store) error{
	Read: func(ctx context.Context, s objstore.Store) error { return s.ReadAt(ctx, "x", make([]byte, 4), 3) },
	Get:  func(ctx context.Context, s objstore.Store) error { _, _, err := s.Get(ctx, "x"); return err },
	Stat: func(ctx context.Context, s objstore.Store) error { _, err := s.Stat(ctx, "x"); return err },
	Create: func(ctx context.Context, s objstore.Store) error {
		w, err := s.Create(ctx, "new")
		if err == nil {
			w.Abort()
		}
		return err
	},
	Write: func(ctx context.Context, s objstore.Store) error {
		w, err := s.Create(ctx, "new")
		if err != nil {
			return err
		}
		defer w.Abort()
		_, err = w.Write(make([]byte, 100))
		return err
	},
	Finish: func(ctx context.Context, s objstore.Store) error {
		w, err := s.Create(ctx, "finished")
		if err != nil {
			return err
		}
		return w.Finish()
	},
	Put: func(ctx context.Context, s objstore.Store) error { return s.PutIfAbsent(ctx, "put", make([]byte, 20)) },
	Swap: func(ctx context.Context, s objstore.Store) error {
		_, err := s.Swap(ctx, "swapped", "", make([]byte, 30))
		return err
	},
	List: func(ctx context.Context, s objstore.Store) error {
		for _, err := range s.List(ctx, "") {
			if err != nil {
				return err
			}
		}
		return nil
	},
	Delete: func(ctx context.Context, s objstore.Store) error { return s.Delete(ctx, "x") },
}

// over is a store around another, which has the object "x".
func over(t *testing.T, inner objstore.Store) *Store {
	t.Helper()
	must(t, inner.PutIfAbsent(t.Context(), "x", []byte("0123456789")))
	return New(inner)
}

func TestARequestIsCountedUnderItsKindWithItsBytes(t *testing.T) {
	bytes := map[Operation][2]int64{Read: {4, 0}, Get: {10, 0}, Write: {0, 100}, Put: {0, 20}, Swap: {0, 30}}
	for kind := range operations {
		s := over(t, mem.New())
		must(t, one[kind](t.Context(), s))
		for other := range operations {
			want := int64(0)
			if other == kind || other == Create && (kind == Write || kind == Finish) {
				want = 1
			}
			if n, failed := s.Requests(other); n != want || failed != 0 {
				t.Errorf("a %s: %d of %s, %d failed, want %d and none", kind, n, other, failed, want)
			}
		}
		if read, written := s.Bytes(); [2]int64{read, written} != bytes[kind] {
			t.Errorf("a %s: %d bytes read and %d written, want %v", kind, read, written, bytes[kind])
		}
	}
}

func TestAFailureIsCountedAndPassedOn(t *testing.T) {
	for kind := range operations {
		s := over(t, mem.New())
		s.Store = fault.New(s.Store, func(op fault.Op, _ string, _ int) fault.Fault {
			if string(op) == kind.String() {
				return fault.Before
			}
			return fault.None
		})
		if err := one[kind](t.Context(), s); !errors.Is(err, fault.ErrInjected) {
			t.Errorf("%s: %v", kind, err)
		}
		if n, failed := s.Requests(kind); n != 1 || failed != 1 {
			t.Errorf("%s: %d requests, %d failed", kind, n, failed)
		}
		if read, written := s.Bytes(); read != 0 || written != 0 {
			t.Errorf("%s: %d bytes read and %d written by a request that failed", kind, read, written)
		}
	}
}

// answering is a store in which every request has the same end.
type answering struct {
	objstore.Store
	err error
}

func (a answering) ReadAt(context.Context, string, []byte, int64) error { return a.err }

func TestARefusalIsAnAnswer(t *testing.T) {
	for err, want := range map[error]int64{
		nil: 0, objstore.ErrNotFound: 0, objstore.ErrExists: 0, objstore.ErrChanged: 0, objstore.ErrLocked: 0,
		context.Canceled: 0, context.DeadlineExceeded: 1, errors.New("the server is on fire"): 1,
	} {
		if err != nil {
			err = fmt.Errorf("read x: %w", err)
		}
		s := New(answering{err: err})
		if got := s.ReadAt(t.Context(), "x", nil, 0); !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
		if n, failed := s.Requests(Read); n != 1 || failed != want {
			t.Errorf("%v: %d requests, %d failed, want %d", err, n, failed, want)
		}
	}
}

// slow takes its time for every read and each object of a list.
type slow struct {
	objstore.Store
	times []time.Duration
}

func (s *slow) ReadAt(context.Context, string, []byte, int64) error {
	<-time.After(s.times[0])
	s.times = s.times[1:]
	return nil
}

func (s *slow) List(context.Context, string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		for _, d := range s.times {
			if <-time.After(d); !yield(objstore.Object{}, nil) {
				return
			}
		}
	}
}

func TestLatenciesGoIntoFixedBuckets(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const ms = time.Millisecond
		s := New(&slow{times: []time.Duration{0, ms, ms + 1, 20 * ms, time.Minute}})
		for range 5 {
			must(t, s.ReadAt(t.Context(), "x", nil, 0))
		}
		got := metric.Map(s.Samples())
		for le, want := range map[string]float64{"0.0001": 1, "0.001": 2, "0.0025": 3, "0.025": 4, "30": 4, "+Inf": 5} {
			if n := got[`aquifer_object_request_seconds_bucket{operation="read",le="`+le+`"}`]; n != want {
				t.Errorf("%g reads of up to %s s, want %g", n, le, want)
			}
		}
		sum := got[`aquifer_object_request_seconds_sum{operation="read"}`]
		if want := (time.Minute + 22*time.Millisecond + 1).Seconds(); sum != want {
			t.Errorf("%g s in all, want %g", sum, want)
		}
	})
}

func TestAListIsOneRequestUntilItsEnd(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := New(&slow{times: []time.Duration{time.Second, time.Second, time.Second}})
		for range s.List(t.Context(), "") {
			if n, _ := s.Requests(List); n != 0 {
				t.Error("counted before its end")
			}
		}
		for range s.List(t.Context(), "") {
			break
		}
		if sum := metric.Sum(s.Samples(), metric.ObjectTime+"_sum"); sum != 4 {
			t.Errorf("%g s", sum)
		}
		if n, _ := s.Requests(List); n != 2 {
			t.Errorf("%d lists", n)
		}
	})
}

func TestSamplesAreThoseOfTheirMetrics(t *testing.T) {
	s := over(t, mem.New())
	for _, request := range one {
		must(t, request(t.Context(), s))
	}
	found := map[string]bool{}
	for _, sample := range s.Samples() {
		m, ok := metric.Of(sample)
		if !ok {
			t.Errorf("%s is of no metric", sample)
		}
		found[m.Name] = true
	}
	if len(found) != 5 {
		t.Errorf("samples of %v", found)
	}
	for o, want := range map[Operation]float64{Read: 1, Create: 3, Write: 1} {
		operation := metric.Label{Name: "operation", Value: o.String()}
		if got := metric.Sum(s.Samples(), metric.ObjectRequests, operation); got != want {
			t.Errorf("%g of %s, want %g", got, o, want)
		}
	}
}

func TestAnUnusedStoreHasSamplesOfBytesOnly(t *testing.T) {
	if got := len(New(mem.New()).Samples()); got != 2 {
		t.Errorf("%d samples", got)
	}
}

// still does nothing, without allocations.
type still struct{ objstore.Store }

func (still) ReadAt(context.Context, string, []byte, int64) error           { return nil }
func (still) Stat(context.Context, string) (objstore.Object, error)         { return objstore.Object{}, nil }
func (still) PutIfAbsent(context.Context, string, []byte) error             { return objstore.ErrExists }
func (still) Delete(context.Context, string) error                          { return nil }
func (still) Write(p []byte) (int, error)                                   { return len(p), nil }
func (still) Get(context.Context, string) ([]byte, objstore.Version, error) { return nil, "", nil }
func (still) Finish() error                                                 { return nil }
func (still) Abort()                                                        {}

func TestCountingAllocatesNothing(t *testing.T) {
	var s objstore.Store = New(still{})
	w := &writer{still{}, s.(*Store)}
	ctx, p := t.Context(), make([]byte, 10)
	got := testing.AllocsPerRun(100, func() {
		_ = s.ReadAt(ctx, "x", p, 0)
		_, _ = s.Stat(ctx, "x")
		_, _, _ = s.Get(ctx, "x")
		_ = s.PutIfAbsent(ctx, "x", p)
		_ = s.Delete(ctx, "x")
		_, _ = w.Write(p)
		_ = w.Finish()
	})
	if got != 0 {
		t.Errorf("%g allocations", got)
	}
}

func TestConcurrentRequestsAreAllCounted(t *testing.T) {
	s := over(t, mem.New())
	const goroutines, reads = 8, 500
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for range reads {
				_ = one[Read](t.Context(), s)
				s.Samples()
			}
		})
	}
	group.Wait()
	n, failed := s.Requests(Read)
	if read, _ := s.Bytes(); n != goroutines*reads || failed != 0 || read != 4*n {
		t.Errorf("%d reads, %d failed, %d bytes", n, failed, read)
	}
}
