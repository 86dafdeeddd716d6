package operator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/record"
	"github.com/aquifer-stream/aquifer/state"
)

// recent remembers the number of each key for a minute.
type recent struct{ last state.Value[int64] }

func (r *recent) Open(s *state.Scope) (err error) {
	r.last, err = state.NewValue[int64](s, "last", state.TTL(time.Minute))
	return err
}

func (r *recent) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	_, ok, err := r.last.Get(ctx)
	if ok {
		out.Emit(e.Key + " again")
	}
	if err != nil {
		return err
	}
	return r.last.Set(ctx, e.N)
}

// recentDesk is an operator that remembers for a minute.
type recentDesk struct {
	*Process[string, event, string]
	t     *testing.T
	out   *stage[string]
	hash  func(*flow.Batch[event])
	found chan [][]byte
}

func openRecent(t *testing.T) *recentDesk {
	t.Helper()
	hash, err := NewHasher(eventKey)
	must(t, err)
	d := &recentDesk{t: t, out: &stage[string]{}, hash: hash, found: make(chan [][]byte, 1)}
	env := place("recent")
	env.Expired = d.found
	d.Process, err = NewProcess[string, event, string](env, d.out, eventKey, &recent{})
	must(t, err)
	must(t, d.Open())
	return d
}

func (d *recentDesk) send(events ...event) {
	d.t.Helper()
	b := PoolOf[event]().Get()
	for _, e := range events {
		b.Append(e, e.Time)
	}
	d.hash(b)
	must(d.t, d.Batch(b))
}

// rest lets time pass as a task without rows does.
func (d *recentDesk) rest(until time.Time) {
	d.t.Helper()
	for d.Due().Before(until) {
		<-time.After(time.Until(d.Due()))
		must(d.t, d.Tick(time.Now()))
	}
	<-time.After(time.Until(until))
}

// again is how many rows the function took for rows that come again.
func (d *recentDesk) again() int { return strings.Count(fmt.Sprint(d.out.seen), "again") }

func (d *recentDesk) expired() int64 { return d.state.store.Counts().Expired }

func TestAFunctionDoesNotSeeWhatHasExpired(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d := openRecent(t)
		d.send(event{"a", 1, 0}, event{"a", 2, 0})
		<-time.After(time.Minute)
		d.send(event{"a", 3, 0})
		if n := d.again(); n != 1 {
			t.Errorf("%d rows come again, want 1", n)
		}
		must(t, d.Close())
	})
}

func TestATaskWithoutRowsLetsGoWhatHasExpired(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d := openRecent(t)
		d.send(event{"a", 1, 0}, event{"b", 2, 0})
		d.rest(time.Now().Add(59 * time.Second))
		if n := d.expired(); n != 0 {
			t.Errorf("%d entries were removed before their time", n)
		}
		d.rest(time.Now().Add(time.Second + SweepEvery(time.Minute)))
		if n := d.expired(); n != 2 {
			t.Errorf("%d entries were removed, want 2", n)
		}
		if n := d.env.Stats.Expired.Load(); n != 2 {
			t.Errorf("%d are told of", n)
		}
		must(t, d.Close())
	})
}

// tableKey is that of a key's value.
func tableKey(t *testing.T, d *recentDesk, key string) []byte {
	t.Helper()
	codec, err := record.NewKeyCodec[string]()
	must(t, err)
	group := base.KeyGroupOf(d.state.store.Hash(key), d.env.MaxParallelism)
	start, _ := keyed.RangeOf(OperatorHash(d.env.UID), group, d.state.store.Expiring()[0])
	return codec.Append(start, &key)
}

func TestWhatASweepSuspectsIsLookedUpBetweenBatches(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d := openRecent(t)
		d.send(event{"dead", 1, 0})
		<-time.After(50 * time.Second)
		d.send(event{"live", 1, 0})
		<-time.After(15 * time.Second)
		d.state.aging.next = time.Now().Add(time.Hour) // the sweep of memory would find it too
		d.found <- [][]byte{tableKey(t, d, "dead"), tableKey(t, d, "live")}
		d.send(event{"other", 1, 0})
		if n := d.expired(); n != 1 {
			t.Errorf("%d entries were removed, want 1", n)
		}
		if d.Due().After(time.Now()) {
			t.Error("it does not look at once whether there is more")
		}
		must(t, d.Tick(time.Now()))
		if !d.Due().After(time.Now()) {
			t.Error("it goes on to look though there was no more")
		}
		d.send(event{"live", 1, 0})
		if d.again() != 1 {
			t.Errorf("%q: what lives is there no longer", d.out.seen)
		}
		must(t, d.Close())
	})
}

func TestAnOperatorWithoutATimeToLiveIsNeverDue(t *testing.T) {
	d := openDesk(t)
	if !d.Due().IsZero() {
		t.Errorf("due at %v", d.Due())
	}
	must(t, d.Tick(time.Now()))
}

func TestSweepsAreAsOftenAsTheTimeToLiveAsks(t *testing.T) {
	for ttl, want := range map[time.Duration]time.Duration{
		time.Millisecond: 5 * time.Second, time.Minute: 30 * time.Second, 48 * time.Hour: 24 * time.Hour,
	} {
		if got := SweepEvery(ttl); got != want {
			t.Errorf("%v: every %v, want %v", ttl, got, want)
		}
	}
}

func TestAPlanKnowsWhatExpires(t *testing.T) {
	p := PlanProcess[string, event, string]("recent", func() ProcessFunc[event, string] { return &recent{} })
	states, ttl, err := p.Expiring()
	if err != nil || len(states) != 1 || ttl != time.Minute {
		t.Errorf("%v, %v, %v", states, ttl, err)
	}
	p = PlanProcess[string, event, string]("tally", func() ProcessFunc[event, string] { return &tally{} })
	if states, ttl, err := p.Expiring(); err != nil || len(states) != 0 || ttl != 0 {
		t.Errorf("%v, %v, %v", states, ttl, err)
	}
	p = PlanProcess[string, event, string]("tally", func() ProcessFunc[event, string] { return &tally{open: errBroken} })
	if _, _, err := p.Expiring(); err == nil {
		t.Error("a function that cannot be opened is not noticed")
	}
}

func TestAPlanAsksAFunctionForItsStateOnce(t *testing.T) {
	made := 0
	p := PlanProcess[string, event, string]("recent", func() ProcessFunc[event, string] { made++; return &recent{} })
	for range 3 {
		if _, states, err := p.Describe(); err != nil || len(states) == 0 {
			t.Errorf("%v, %v", states, err)
		}
		if _, _, err := p.Expiring(); err != nil {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d functions were made", made)
	}
}

func TestAFunctionThatPanicsWhenItDeclaresItsStateIsAMistake(t *testing.T) {
	p := PlanProcess[string, event, string]("none", func() ProcessFunc[event, string] { panic("no function") })
	if _, _, err := p.Describe(); base.KindOf(err) != base.Config || !strings.Contains(err.Error(), `operator "none"`) {
		t.Errorf("%v", err)
	}
}
