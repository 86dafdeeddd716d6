package worker

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// swept is a shard of some keys that have expired long ago, and its sweep.
func swept(t *testing.T, uid string, keys int, turn chan struct{}) *sweep {
	t.Helper()
	objects := mem.New()
	res, err := lsm.NewResources(objects, 1<<20, 2, 1)
	must(t, err)
	groups := base.KeyGroupRange{End: 4}
	s := &shard{uid: uid, keys: keysOf(uid, groups)}
	s.Shard, err = lsm.OpenShard(t.Context(), res, "shards/p", s.keys)
	must(t, err)
	t.Cleanup(func() {
		must(t, s.Close())
		res.Close()
	})
	ranges := rangesOf(uid, groups, []uint32{9})
	set := lsm.NewTableSet(t.Context(), objects, func() string { return "shards/t" })
	for i := range keys {
		key := fmt.Appendf(append([]byte{}, ranges[0].Start...), "%06d", i)
		must(t, set.Set(key, base.AppendExpiry(nil, 0, 1)))
	}
	tables, err := set.Finish()
	must(t, err)
	must(t, s.Ingest(t.Context(), tables))
	return &sweep{shard: s, ranges: ranges, every: time.Minute, turn: turn, found: make(chan [][]byte, 1)}
}

func TestATaskIsGivenWhatHasExpiredAgainAndAgain(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := swept(t, "op", 3000, make(chan struct{}, 1))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- w.run(ctx) }()
		for n := 0; n < 6000; {
			n += len(<-w.found)
		}
		if d := time.Since(began); d != 2*time.Minute {
			t.Errorf("two sweeps took %v", d)
		}
		cancel()
		must(t, <-ended)
	})
}

func TestATaskThatIsBusyHoldsUpItsOwnSweepOnly(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		turn := make(chan struct{}, 1)
		busy, free := swept(t, "busy", 5000, turn), swept(t, "free", 100, turn)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- busy.run(ctx) }()
		<-time.After(2 * time.Minute) // it waits for its task
		must(t, free.once(ctx))
		if n := len(<-free.found); n != 100 {
			t.Errorf("%d keys are found", n)
		}
		cancel()
		must(t, <-ended)
	})
}

func TestASweepOfAShardThatIsGoneFailsTheAttempt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := swept(t, "op", 10, make(chan struct{}, 1))
		must(t, w.shard.Close())
		if err := w.run(t.Context()); err == nil {
			t.Error("nobody hears of it")
		}
	})
}

func TestTheRangesOfStatesAscendAndLieInTheShard(t *testing.T) {
	groups := base.KeyGroupRange{Start: 3, End: 6}
	keys, last := keysOf("op", groups), []byte(nil)
	ranges := rangesOf("op", groups, []uint32{1, 7})
	for _, r := range ranges {
		if string(r.Start) < string(last) || string(r.Start) < string(keys.Start) || string(r.End) > string(keys.End) {
			t.Errorf("%s follows %x in [%x,%x)", r, last, keys.Start, keys.End)
		}
		last = r.End
	}
	if len(ranges) != 6 {
		t.Errorf("%d ranges, want 2 in each of 3 groups", len(ranges))
	}
}
