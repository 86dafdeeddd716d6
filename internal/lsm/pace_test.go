package lsm

import (
	"math"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

func TestACompactionGivesWayForAsLongAsItComputedUnlessItIsBehind(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		what   string
		wanted bool
		behind int
		want   time.Duration
	}{
		{"nobody wants a processor", false, 0, 0},
		{"others do", true, 0, 8 * ms},
		{"L0 is as deep as it often is", true, restLess, 8 * ms},
		{"deeper", true, restLess + 2, 6 * ms},
		{"almost too deep", true, neverRest - 1, ms},
		{"too deep", true, neverRest, 0},
		{"much too deep", true, deepest, 0},
		{"an ingestion waits", true, math.MaxInt, 0},
	} {
		if got := rest(8*ms, c.wanted, c.behind); got != c.want {
			t.Errorf("%s: a pause of %v, want %v", c.what, got, c.want)
		}
	}
}

func TestTimeSpentWaitingForTheStoreIsNoEffort(t *testing.T) {
	var e effort
	now := time.Unix(0, 0)
	for i, c := range []struct {
		after, want time.Duration
	}{
		{0, 0},                            // the first step only begins
		{400 * time.Microsecond, 0},       // not yet a slice
		{500 * time.Microsecond, 0},       //
		{200 * time.Microsecond, 1100000}, // it is one
		{800 * time.Microsecond, 0},       // the next one
		{time.Minute, 800000 + longestStep},
		{10 * time.Microsecond, 0},
	} {
		now = now.Add(c.after)
		if got, ok := e.step(now); got != c.want || ok != (got > 0) {
			t.Errorf("step %d: %v, %v, want %v", i, got, ok, c.want)
		}
	}
}

// pausing is a turn of a shard, in fake time, that has just computed for two milliseconds.
func pausing(t *testing.T, wanted bool, test func(tr *turn, ended chan struct{}, measure func() time.Duration)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		ended := make(chan struct{})
		res := &Resources{wanted: func() bool { return wanted }, poke: make(chan struct{}, 1)}
		tr := (&turns{res: res, ended: ended}).newTurn()
		test(tr, ended, func() time.Duration {
			tr.MeasureCPU(pebble.CompactionGoroutinePrimary)
			<-time.After(2 * time.Millisecond)
			begin := time.Now()
			tr.MeasureCPU(pebble.CompactionGoroutineSSTableSecondary) // which may run at the same time
			tr.MeasureCPU(pebble.CompactionGoroutinePrimary)
			if got := res.Paused(); got != time.Since(begin) {
				t.Errorf("%v are counted", got)
			}
			return time.Since(begin)
		})
	})
}

func TestACompactionPausesBetweenItsKeys(t *testing.T) {
	for wanted, want := range map[bool]time.Duration{true: 2 * time.Millisecond, false: 0} {
		pausing(t, wanted, func(_ *turn, _ chan struct{}, measure func() time.Duration) {
			if took := measure(); took != want {
				t.Errorf("processors wanted: %v; paused for %v, want %v", wanted, took, want)
			}
		})
	}
}

func TestACompactionThatAnIngestionWaitsForDoesNotPause(t *testing.T) {
	pausing(t, true, func(tr *turn, _ chan struct{}, measure func() time.Duration) {
		tr.press(+1)
		if took := measure(); took != 0 {
			t.Errorf("paused for %v", took)
		}
		tr.press(-1)
		if tr.isPressed() {
			t.Error("nothing waits any more")
		}
	})
}

func TestACompactionDoesNotPauseWhileOneThatIsFarBehindWaitsForItsTurn(t *testing.T) {
	for _, c := range []struct {
		behind, running int
		want            time.Duration
	}{
		{restLess, 0, 2 * time.Millisecond}, {neverRest, 0, 0},
		{neverRest, 1, 2 * time.Millisecond}, // it has its turn
	} {
		pausing(t, true, func(tr *turn, _ chan struct{}, measure func() time.Duration) {
			tr.res.waiting = map[*turns]bool{{res: tr.res, behind: c.behind, running: c.running}: true}
			if took := measure(); took != c.want {
				t.Errorf("another is %d behind and has %d turns: paused for %v, want %v", c.behind, c.running, took, c.want)
			}
		})
	}
}

func TestAnIngestionThatWaitsHasACompactionOfItsOwn(t *testing.T) {
	tr := &turns{res: &Resources{free: 0, poke: make(chan struct{}, 1)}}
	if tr.mayStart() {
		t.Error("none is free")
	}
	tr.press(+1)
	if !tr.mayStart() {
		t.Error("an ingestion waits")
	}
	tr.running = 1
	if tr.mayStart() {
		t.Error("it is being compacted already")
	}
	tr.running, tr.res.free = 0, -1
	if tr.mayStart() {
		t.Error("another that waits has the one compaction more")
	}
}

func TestAPauseEndsWithTheShard(t *testing.T) {
	pausing(t, true, func(_ *turn, ended chan struct{}, measure func() time.Duration) {
		close(ended)
		if took := measure(); took != 0 {
			t.Errorf("paused for %v", took)
		}
	})
}

func TestWhetherProcessorsAreWantedIsKnown(t *testing.T) {
	var p processors
	p.wanted()
	if kind := p.sample[0].Value.Kind(); kind != 1 { // metrics.KindUint64
		t.Errorf("the runtime's metric is of kind %v", kind)
	}
}

// A store over memory and a compaction of many keys: pauses are made, and the outcome is the same.
func TestCompactionsThatGiveWayGiveTheSameState(t *testing.T) {
	w := newWorld(t, 41)
	w.res.wanted = func() bool { return true }
	w.shards = []*Shard{w.open(all)}
	for _, round := range []string{"1", "2"} {
		set := NewTableSet(t.Context(), w.store, w.newTableName)
		for i := range 40_000 / slow {
			key := "b" + string(rune('a'+i%26)) + time.Duration(i).String()
			w.model[key] = round
		}
		for _, key := range sortedKeys(w.model) {
			must(t, set.Set([]byte(key), []byte(round)))
		}
		tables, err := set.Finish()
		must(t, err)
		w.ingest(tables)
	}
	compact(t, w.shards[0])
	if w.res.Paused() == 0 {
		t.Error("no pause")
	}
	w.check("after a paced compaction")
}
