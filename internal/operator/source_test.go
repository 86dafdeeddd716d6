package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
)

// read is what one Read of a split finds: rows, bad records, a status, or an error.
type read struct {
	rows   []int64
	bad    int
	status flow.Status
	err    error
}

// shelf is a source whose splits are lists of reads, and the pool that deals them out.
type shelf struct {
	splits map[string][]read
	bound  bool
	supply Supply // when no split is left; Later if not set
	next   []string
	closed []string
	passed []string
	fail   map[string]error // by what is done: "open a", "close a"
}

func (s *shelf) Discover(context.Context, flow.Known) (flow.Discovery, error) {
	return flow.Discovery{}, nil
}

func (s *shelf) Open(_ context.Context, split flow.Split) (flow.Reader[int64], error) {
	r := &shelfReader{shelf: s, id: split.ID, ready: make(chan struct{})}
	if split.Position != nil {
		r.at = len(split.Position)
	}
	return r, s.fail["open "+split.ID]
}

func (s *shelf) Take(subtask, active int) (flow.Split, Supply) {
	if len(s.next) == 0 {
		return flow.Split{}, max(s.supply, Later)
	}
	if s.bound && active > 0 {
		return flow.Split{}, Later
	}
	id := s.next[0]
	s.next = s.next[1:]
	return flow.Split{ID: id, Bounded: s.bound}, Given
}

func (s *shelf) Passed(subtask int, id uint64) {
	s.passed = append(s.passed, fmt.Sprintf("%d/%d", subtask, id))
}

// shelfReader has a position that is as long as the number of reads done.
type shelfReader struct {
	*shelf
	id    string
	at    int
	ready chan struct{}
}

func (r *shelfReader) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	if r.at >= len(r.splits[r.id]) {
		return flow.End, nil
	}
	next := r.splits[r.id][r.at]
	if next.status != flow.Wait || len(next.rows) > 0 {
		r.at++
	}
	for _, n := range next.rows {
		out.Append(n, flow.NoTime)
	}
	for i := range next.bad {
		out.Bad = append(out.Bad, flow.BadRecord{Split: r.id, Line: int64(i), Offset: 7, Reason: "it is bad"})
	}
	return next.status, next.err
}

func (r *shelfReader) Ready() <-chan struct{} { return r.ready }
func (r *shelfReader) Position() []byte       { return []byte(strings.Repeat("x", r.at)) }
func (r *shelfReader) Close() error {
	r.closed = append(r.closed, r.id)
	return r.fail["close "+r.id]
}

// rows is a read of rows, with more behind it.
func rows(n ...int64) read { return read{rows: n} }

// tap is a source operator with its surroundings. Rows are their own event times.
type tap struct {
	*Source[int64]
	env   *Env
	shelf *shelf
	out   *stage[int64]
	dead  *stage[flow.BadRecord]
}

func newTap(shelf *shelf, change func(env *Env, c *SourceConfig[int64])) *tap {
	t := &tap{env: place("in"), shelf: shelf, out: &stage[int64]{}, dead: &stage[flow.BadRecord]{}}
	t.env.Splits = shelf
	c := SourceConfig[int64]{Source: shelf, Time: func(n *int64) int64 { return *n }}
	if change != nil {
		change(t.env, &c)
	}
	t.Source = NewSource[int64](t.env, t.out, t.dead, c)
	return t
}

// steps takes so many steps and returns their statuses.
func (tap *tap) steps(t *testing.T, n int) string {
	t.Helper()
	var all []string
	for range n {
		status, err := tap.Step()
		must(t, err)
		all = append(all, []string{"more", "wait", "end"}[status])
	}
	return strings.Join(all, " ")
}

func TestBoundedSplitsAreReadOneAfterTheOther(t *testing.T) {
	tap := newTap(&shelf{bound: true, supply: Exhausted, next: []string{"a", "b"}, splits: map[string][]read{
		"a": {rows(1, 2), rows(3)}, "b": {rows(10)},
	}}, nil)
	must(t, tap.Open())
	// A split has ended when Read says so; the batch that ends one is followed by the next split.
	for status := flow.More; status != flow.End; {
		var err error
		status, err = tap.Step()
		must(t, err)
	}
	got := strings.Join(tap.out.seen, " ")
	if want := "1@1 2@2 w2 3@3 w3 10@10 w10 wend"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if fmt.Sprint(tap.shelf.closed) != "[a b]" || tap.env.Stats.RowsOut.Load() != 4 {
		t.Errorf("closed %v, %d rows", tap.shelf.closed, tap.env.Stats.RowsOut.Load())
	}
	if s := tap.steps(t, 2); s != "end end" || len(tap.shelf.closed) != 2 {
		t.Errorf("after the end: %s", s)
	}
}

func TestUnboundedSplitsAreReadInTurnAndTheSlowestHasTheTime(t *testing.T) {
	tap := newTap(&shelf{supply: Exhausted, next: []string{"a", "b"}, splits: map[string][]read{
		"a": {rows(5), rows(6), {status: flow.Wait}}, "b": {rows(1), rows(2), {status: flow.Wait}},
	}}, nil)
	if s := tap.steps(t, 5); s != "more more more more wait" {
		t.Errorf("%s", s)
	}
	tap.out.expect(t, "1@1 5@5 w1 2@2 w2 6@6")
	if n := len(tap.Ready()); n != 2 {
		t.Errorf("%d channels to wait for", n)
	}
}

func TestTheDelayHoldsBackTheWatermark(t *testing.T) {
	tap := newTap(&shelf{next: []string{"a"}, splits: map[string][]read{"a": {rows(100), rows(90, 120), rows(110)}}},
		func(_ *Env, c *SourceConfig[int64]) { c.Delay = 15 })
	tap.steps(t, 3)
	tap.out.expect(t, "100@100 w85 90@90 120@120 w105 110@110")
}

func TestWithoutATimeFunctionRowsHaveTheTimesOfTheSource(t *testing.T) {
	tap := newTap(&shelf{next: []string{"a"}, splits: map[string][]read{"a": {rows(1)}}},
		func(_ *Env, c *SourceConfig[int64]) { c.Time = nil })
	tap.steps(t, 1)
	tap.out.expect(t, "1@-") // and no watermark
}

func TestASourceWithoutSplitsIsIdleUntilThereIsOne(t *testing.T) {
	shelf := &shelf{supply: Drained, splits: map[string][]read{"late": {rows(4)}}}
	tap := newTap(shelf, nil)
	if s := tap.steps(t, 2); s != "wait wait" {
		t.Errorf("%s", s)
	}
	tap.out.expect(t, "idle true")
	shelf.next = []string{"late"}
	tap.steps(t, 1)
	tap.out.expect(t, "4@4 idle false w4")
}

func TestASubtaskThatWaitsForItsTurnIsNotIdle(t *testing.T) {
	tap := newTap(&shelf{supply: Later}, nil)
	if s := tap.steps(t, 2); s != "wait wait" {
		t.Errorf("%s", s)
	}
	tap.out.expect(t, "")
}

func TestAnIdleSourceThatEndsIsActiveForItsEnd(t *testing.T) {
	shelf := &shelf{supply: Drained}
	tap := newTap(shelf, nil)
	tap.steps(t, 1)
	shelf.supply = Exhausted
	if s := tap.steps(t, 1); s != "end" {
		t.Errorf("%s", s)
	}
	tap.out.expect(t, "idle true idle false wend")
}

func TestASplitIsIdleAfterATimeWithoutRows(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		tap := newTap(&shelf{next: []string{"a", "b"}, splits: map[string][]read{
			"a": {rows(10), {status: flow.Wait}}, "b": {rows(3), {status: flow.Wait}},
		}}, func(_ *Env, c *SourceConfig[int64]) { c.IdleAfter = time.Second })
		tap.steps(t, 3)
		tap.out.expect(t, "3@3 10@10 w3")
		if left := time.Until(tap.Due()); left != time.Second {
			t.Errorf("due in %v", left)
		}
		<-time.After(time.Second)
		must(t, tap.Tick(time.Now()))
		tap.out.expect(t, "idle true") // both of them
		if !tap.Due().IsZero() {
			t.Errorf("due at %v", tap.Due())
		}
		tap.shelf.splits["b"] = []read{{}, rows(12), {status: flow.Wait}}
		tap.steps(t, 2)
		tap.out.expect(t, "12@12 idle false w12")
	})
}

func TestTimeBlockedByWhatIsBehindIsNotIdleness(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var blocked time.Duration
		tap := newTap(&shelf{next: []string{"a"}, splits: map[string][]read{"a": {rows(1), {status: flow.Wait}}}},
			func(env *Env, c *SourceConfig[int64]) {
				c.IdleAfter = time.Second
				env.Blocked = func() time.Duration { return blocked }
			})
		tap.steps(t, 2)
		tap.out.expect(t, "1@1 w1")
		<-time.After(10 * time.Second)
		blocked = 9500 * time.Millisecond
		must(t, tap.Tick(time.Now()))
		tap.out.expect(t, "")
		if left := time.Until(tap.Due()); left != 500*time.Millisecond {
			t.Errorf("due in %v", left)
		}
		<-time.After(500 * time.Millisecond)
		must(t, tap.Tick(time.Now()))
		tap.out.expect(t, "idle true")
	})
}

func TestBadRecordsAreDealtWithAsAsked(t *testing.T) {
	for _, c := range []struct {
		bad        BadRecords
		main, dead string
		count      int64
	}{
		{SkipBad, "1@1 w1 2@2 w2", "", 3},
		{DivertBad, "1@1 w1 2@2 w2", "{a 0 7 [] it is bad}@- {a 1 7 [] it is bad}@- {a 0 7 [] it is bad}@-", 3},
	} {
		tap := newTap(&shelf{next: []string{"a"}, splits: map[string][]read{
			"a": {{rows: []int64{1}, bad: 2}, {bad: 1}, rows(2)},
		}}, func(_ *Env, config *SourceConfig[int64]) { config.Bad = c.bad })
		tap.steps(t, 3)
		tap.out.expect(t, c.main)
		tap.dead.expect(t, c.dead)
		if n := tap.env.Stats.Bad.Load(); n != c.count {
			t.Errorf("%d bad records are counted", n)
		}
	}
}

func TestABadRecordFailsTheSourceAndSaysWhatToDo(t *testing.T) {
	tap := newTap(&shelf{next: []string{"a"}, splits: map[string][]read{"a": {{bad: 1}}}}, nil)
	_, err := tap.Step()
	mustSay(t, err, `source "in": a, byte 7: it is bad`, "skip them or divert them")
	tap = newTap(&shelf{next: []string{"a"}, splits: map[string][]read{"a": {{bad: 2}}}}, nil)
	tap.Source.Bad = FailOnBad
	_, err = tap.Step()
	mustSay(t, err, "a, byte 7") // the first of them
}

func TestFailuresOfAReaderNameSourceAndSplit(t *testing.T) {
	for name, s := range map[string]*shelf{
		"open": {next: []string{"a"}, fail: map[string]error{"open a": errBroken}},
		"read": {next: []string{"a"}, splits: map[string][]read{"a": {{err: errBroken}}}},
	} {
		_, err := newTap(s, nil).Step()
		mustSay(t, err, `source "in", split a: broken`)
		if !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := &shelf{next: []string{"a"}, fail: map[string]error{"close a": errBroken}}
	if _, err := newTap(s, nil).Step(); !errors.Is(err, errBroken) {
		t.Errorf("the end of a split: %v", err)
	}
}

func TestAPanicOfTheTimeFunctionIsAnErrorOfTheSource(t *testing.T) {
	tap := newTap(&shelf{next: []string{"a"}, splits: map[string][]read{"a": {rows(1)}}},
		func(_ *Env, c *SourceConfig[int64]) { c.Time = func(*int64) int64 { panic("no clock") } })
	_, err := tap.Step()
	mustSay(t, err, `operator "in"`, "panic: no clock", "source_test.go:")
}

func TestASnapshotHasTheOpenSplitsWhereTheyAre(t *testing.T) {
	tap := newTap(&shelf{supply: Later, next: []string{"a", "b"}, splits: map[string][]read{
		"a": {rows(5), rows(6), rows(7)}, "b": {rows(1), {rows: []int64{2}, status: flow.End}},
	}}, nil)
	tap.steps(t, 4)
	snap, err := tap.Snapshot(3)
	must(t, err)
	if fmt.Sprintf("%d %v %s", snap.Watermark, len(snap.Splits), snap.Splits[0].Position) != "6 1 xx" {
		t.Errorf("%+v", snap)
	}
	if fmt.Sprint(tap.shelf.passed) != "[0/3]" {
		t.Errorf("passed %v", tap.shelf.passed)
	}
	next := newTap(tap.shelf, func(env *Env, _ *SourceConfig[int64]) {
		open := []checkpoint.Split{checkpoint.Split(snap.Splits[0])}
		env.Restored = &Restored{Assignment: checkpoint.Assignment{Splits: open}}
	})
	must(t, next.Open())
	next.steps(t, 1)
	next.out.expect(t, "7@7 w7")
}

func TestASplitThatCannotBeReopenedFailsTheSource(t *testing.T) {
	tap := newTap(&shelf{fail: map[string]error{"open a": errBroken}}, func(env *Env, _ *SourceConfig[int64]) {
		env.Restored = &Restored{Assignment: checkpoint.Assignment{Splits: []checkpoint.Split{{ID: "a"}}}}
	})
	mustSay(t, tap.Open(), `source "in", split a: broken`)
}

func TestAStoppedSourceReadsNothingMore(t *testing.T) {
	tap := newTap(&shelf{next: []string{"a"}, splits: map[string][]read{"a": {rows(1), rows(2)}}}, nil)
	tap.steps(t, 1)
	tap.Stop()
	if s := tap.steps(t, 2); s != "end end" {
		t.Errorf("%s", s)
	}
	tap.out.expect(t, "1@1 w1") // and not the end of time: another run goes on
}

func TestClosingClosesAllReadersAndTellsTheFirstFailure(t *testing.T) {
	tap := newTap(&shelf{
		next: []string{"a", "b", "c"}, fail: map[string]error{"close a": errBroken, "close b": errors.New("too")},
		splits: map[string][]read{"a": {rows(1)}, "b": {rows(1)}, "c": {rows(1)}},
	}, nil)
	tap.steps(t, 1)
	if err := tap.Close(); err != errBroken || len(tap.shelf.closed) != 3 {
		t.Errorf("%v, closed %v", err, tap.shelf.closed)
	}
	must(t, tap.Close())
}
