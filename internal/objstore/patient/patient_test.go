package patient

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
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

// story is one of a store with an object "x" of ten bytes that cannot be reached for a while. tries counts reads.
func story(t *testing.T, away time.Duration, test func(t *testing.T, s objstore.Store, tries *int)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		inner, begin, tries := mem.New(), time.Now(), 0
		must(t, inner.PutIfAbsent(t.Context(), "x", []byte("0123456789")))
		s := fault.New(inner, func(op fault.Op, _ string, _ int) fault.Fault {
			if op == fault.ReadAt {
				tries++
			}
			if time.Since(begin) < away {
				return fault.Before
			}
			return fault.None
		})
		test(t, Reads(s, 5*time.Minute), &tries)
	})
}

func TestAStoreIsAsItIsButForReads(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Store { return Reads(mem.New(), time.Minute) })
}

func TestAReadWaitsForAStoreThatIsAwayForAMinute(t *testing.T) {
	story(t, time.Minute, func(t *testing.T, s objstore.Store, tries *int) {
		begin, p := time.Now(), make([]byte, 4)
		must(t, s.ReadAt(t.Context(), "x", p, 3))
		if took := time.Since(begin); string(p) != "3456" || took < time.Minute || took > time.Minute+longestPause {
			t.Errorf("%q after %v", p, took)
		}
		if *tries > 25 {
			t.Errorf("%d tries", *tries)
		}
	})
}

func TestPatienceEnds(t *testing.T) {
	story(t, time.Hour, func(t *testing.T, s objstore.Store, _ *int) {
		begin := time.Now()
		err := s.ReadAt(t.Context(), "x", make([]byte, 4), 3)
		if took := time.Since(begin); !errors.Is(err, fault.ErrInjected) || took < 4*time.Minute || took > 5*time.Minute {
			t.Errorf("%v after %v", err, took)
		}
		if !strings.Contains(err.Error(), "in vain") {
			t.Error(err)
		}
	})
}

func TestWhatTimeDoesNotHealIsNotWaitedFor(t *testing.T) {
	story(t, 0, func(t *testing.T, s objstore.Store, tries *int) {
		begin := time.Now()
		if err := s.ReadAt(t.Context(), "y", make([]byte, 4), 0); !errors.Is(err, objstore.ErrNotFound) {
			t.Error(err)
		}
		err := s.ReadAt(t.Context(), "x", make([]byte, 4), 8)
		want := "object x is damaged: it has 10 bytes, of at least 12"
		if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), want) {
			t.Error(err)
		}
		if time.Since(begin) > 0 || *tries != 2 {
			t.Errorf("%v, %d tries", time.Since(begin), *tries)
		}
	})
}

func TestTheEndOfTheContextEndsTheWait(t *testing.T) {
	story(t, time.Hour, func(t *testing.T, s objstore.Store, _ *int) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		begin := time.Now()
		err := s.ReadAt(ctx, "x", make([]byte, 4), 0)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}
