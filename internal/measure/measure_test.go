package measure

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opened(t *testing.T) Remote {
	t.Helper()
	store := mem.New()
	must(t, store.PutIfAbsent(t.Context(), "x", []byte("0123")))
	return Remote{store, &Far{}}
}

func TestReadsAreCountedByTheirPurpose(t *testing.T) {
	s := opened(t)
	for range 3 {
		must(t, s.ReadAt(t.Context(), "x", nil, 0))
	}
	must(t, s.ReadAt(objstore.For(t.Context(), objstore.Compaction), "x", nil, 0))
	if got := s.Far.Count(); got != (Reads{3, 0, 1, 0}) || got.All() != 4 {
		t.Errorf("%v", got)
	}
}

func TestReadsAtOneTimeWaitAtOneTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := opened(t)
		read := func() {
			p := make([]byte, 2)
			if err := s.ReadAt(t.Context(), "x", p, 1); err != nil || string(p) != "12" {
				t.Errorf("%q, %v", p, err)
			}
		}
		begin := time.Now()
		if read(); time.Since(begin) != 0 {
			t.Error("it waited before it was said how long")
		}
		s.Far.Delay(20 * time.Millisecond)
		var group sync.WaitGroup
		for range 10 {
			group.Go(read)
		}
		group.Wait()
		if took := time.Since(begin); took != 20*time.Millisecond {
			t.Errorf("ten reads took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := s.ReadAt(ctx, "x", make([]byte, 2), 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestProcessorTimeIsThatOfTheProcess(t *testing.T) {
	begin := Start()
	for CPUTime()-begin.CPU < 10*time.Millisecond {
	}
	spent := Start().Since(begin)
	if spent.CPU < 10*time.Millisecond || spent.Wall <= 0 {
		t.Errorf("%+v", spent)
	}
}
