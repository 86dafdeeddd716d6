package aquifer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// script is a source that does what it is told: each of its splits is a list of steps.
type script[T any] struct {
	splits  [][]step[T]
	bounded bool // splits of a subtask are read one after the other, not all at the same time
}

// step is what one Read of a script finds.
type step[T any] struct {
	// do is called when the step is reached, until then says how long its rows are awaited; both may be nil.
	do    func()
	until func() <-chan struct{}
	rows  []T
	bad   []BadRecord
	fail  error
}

func oneSplit[T any](steps ...step[T]) script[T] { return script[T]{splits: [][]step[T]{steps}} }

// each is one step for each row, so that event time may go on behind each of them.
func each[T any](rows ...T) (steps []step[T]) {
	for _, r := range rows {
		steps = append(steps, step[T]{rows: []T{r}})
	}
	return steps
}

// in makes a row come after some time, on a channel when that is closed.
func in[T any](d time.Duration, rows ...T) step[T] {
	until := func() <-chan struct{} {
		c := make(chan struct{})
		time.AfterFunc(d, func() { close(c) })
		return c
	}
	return step[T]{until: until, rows: rows}
}

func on[T any](c <-chan struct{}, rows ...T) step[T] {
	return step[T]{until: func() <-chan struct{} { return c }, rows: rows}
}

// pause is a place at which one run of a job can be stopped, for the next one to go on.
type pause struct {
	stop  chan struct{}
	never chan struct{}
	once  sync.Once
}

func newPause() *pause { return &pause{stop: make(chan struct{}), never: make(chan struct{})} }

// here is the step that stops the run; of a nil pause it does nothing.
func here[T any](p *pause) step[T] {
	if p == nil {
		return step[T]{}
	}
	s := on[T](p.never)
	s.do = func() { p.once.Do(func() { close(p.stop) }) }
	return s
}

func (s script[T]) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	var d flow.Discovery
	for i := range s.splits {
		if id := fmt.Sprint("split-", i); !known.Has(id) {
			d.Splits = append(d.Splits, flow.Split{ID: id, Bounded: s.bounded, Spec: fmt.Append(nil, i)})
		}
	}
	return d, nil
}

func (s script[T]) Open(_ context.Context, split flow.Split) (flow.Reader[T], error) {
	i, err := strconv.Atoi(string(split.Spec))
	if err != nil {
		return nil, err
	}
	r := &scriptReader[T]{steps: s.splits[i]}
	if split.Position != nil {
		r.next, err = strconv.Atoi(string(split.Position))
	}
	return r, err
}

type scriptReader[T any] struct {
	steps   []step[T]
	next    int
	reached bool // the next step has been announced
	ready   <-chan struct{}
}

func (r *scriptReader[T]) Read(_ context.Context, out *flow.Batch[T]) (flow.Status, error) {
	if r.next == len(r.steps) {
		return flow.End, nil
	}
	s := r.steps[r.next]
	if !r.reached {
		r.reached = true
		if s.do != nil {
			s.do()
		}
		if s.until != nil {
			r.ready = s.until()
		}
	}
	if r.ready != nil {
		select {
		case <-r.ready:
		default:
			return flow.Wait, nil
		}
	}
	for _, row := range s.rows {
		out.Append(row, flow.NoTime)
	}
	out.Bad = append(out.Bad, s.bad...)
	r.next, r.reached, r.ready = r.next+1, false, nil
	return flow.More, s.fail
}

func (r *scriptReader[T]) Ready() <-chan struct{} { return r.ready }
func (r *scriptReader[T]) Position() []byte       { return fmt.Append(nil, r.next) }
func (r *scriptReader[T]) Close() error           { return nil }

// timeTeller emits each row with the event time that the stream had when the row came.
type timeTeller struct{}

func (timeTeller) Process(ctx *Context, in *int64, out Collector[string]) error {
	if ctx.Watermark == flow.NoTime {
		out.Emit(fmt.Sprintf("%d before time", *in))
		return nil
	}
	out.Emit(fmt.Sprintf("%d at %d", *in, ctx.Watermark))
	return nil
}

func tell(s Stream[int64], options ...Option) Stream[string] {
	return ProcessUnkeyed(s, "tell", func() UnkeyedFunc[int64, string] { return timeTeller{} }, options...)
}

// told runs a source by one subtask and returns what a timeTeller right behind it says.
func told(t *testing.T, source script[int64], options ...SourceOption[int64]) []string {
	t.Helper()
	job, sink := NewJob("told"), newCollected[string]()
	s := From(job, "numbers", source, options...)
	To(tell(s), "out", sink)
	mustRun(t, job, RunOptions{Parallelism: 1, CheckpointInterval: -1})
	return sink.rows()
}

func wantRows[T comparable](t *testing.T, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %v\nwant\n  %v", got, want)
	}
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in:\n%v", part, err)
		}
	}
}

func TestEventTimeStaysBehindTheLatestRowByTheAllowedDisorder(t *testing.T) {
	source := oneSplit(each[int64](50, 70, 60, 65, 100, 1)...)
	wantRows(t, told(t, source, EventTime(identity, 10*time.Millisecond)),
		"50 before time", "70 at 40", "60 at 60", "65 at 60", "100 at 60", "1 at 90")
	wantRows(t, told(t, source, Monotonic(identity)),
		"50 before time", "70 at 50", "60 at 70", "65 at 70", "100 at 70", "1 at 100")
}

func TestWithoutEventTimeAStreamHasNoTimeUntilItsEnd(t *testing.T) {
	wantRows(t, told(t, oneSplit(each[int64](5, 6)...)), "5 before time", "6 before time")
}

func TestEventTimeIsThatOfTheSlowestSplit(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		fast := append(each[int64](100), in[int64](2*time.Second, 200))
		slow := append([]step[int64]{in[int64](time.Second, 10)}, in[int64](2*time.Second, 20))
		wantRows(t, told(t, script[int64]{splits: [][]step[int64]{fast, slow}}, Monotonic(identity)),
			"100 before time", "10 before time", "200 at 10", "20 at 10")
	})
}

func TestAnIdleSplitDoesNotHoldBackEventTime(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		quiet := append(each[int64](1), in[int64](4*time.Minute, 5), in[int64](20*time.Second, 300))
		busy := append(each[int64](100), in[int64](time.Minute, 110), in[int64](time.Minute, 120),
			in[int64](time.Minute, 130), in[int64](70*time.Second, 200))
		source := script[int64]{splits: [][]step[int64]{quiet, busy}}
		t.Log("without IdleAfter, the quiet split holds the other back")
		wantRows(t, told(t, source, Monotonic(identity)), "100 before time", "1 before time",
			"110 at 1", "120 at 1", "130 at 1", "5 at 1", "200 at 5", "300 at 5")
		t.Log("with it, time goes on; when the split is back, it counts again, and time does not go back")
		wantRows(t, told(t, source, Monotonic(identity), IdleAfter[int64](90*time.Second)),
			"100 before time", "1 before time",
			"110 at 1", "120 at 110", "130 at 120", "5 at 130", "200 at 130", "300 at 130")
	})
}

func TestASplitWithoutARowYetCanBeIdleToo(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		never := []step[int64]{in[int64](3 * time.Minute)}
		busy := append(each[int64](100), in[int64](time.Minute, 150), in[int64](time.Minute, 200))
		wantRows(t, told(t, script[int64]{splits: [][]step[int64]{never, busy}},
			Monotonic(identity), IdleAfter[int64](90*time.Second)), "100 before time", "150 before time", "200 at 150")
	})
}

// When all subtasks of a source but one are idle, that one alone makes event time.
func TestAnIdleSubtaskDoesNotHoldBackTheOthers(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		job, sink := NewJob("idle"), newCollected[string]()
		s := From(job, "numbers", script[int64]{splits: [][]step[int64]{
			append(each[int64](1), in[int64](9*time.Minute)),
			append(each[int64](100), in[int64](time.Minute, 150), in[int64](time.Minute, 200)),
		}}, Monotonic(identity), IdleAfter[int64](90*time.Second), With[int64](Parallelism(2)))
		To(tell(s, Parallelism(1)), "out", sink)
		mustRun(t, job, RunOptions{Parallelism: 1, CheckpointInterval: -1})
		wantRows(t, sorted(sink.rows()), "1 before time", "100 before time", "150 at 1", "200 at 150")
	})
}

// slowJob reads a split that is quiet for a while, and one with a flood of rows for a function that makes
// them wait for a minute. The function is in a task of its own, or in the source's.
func slowJob(ownTask bool, sink *collected[string]) *Job {
	quiet := append(each[int64](1), in[int64](70*time.Second, 2), in[int64](20*time.Second, 3))
	flood := []step[int64]{in[int64](time.Second / 60)}
	for n := range int64(200) {
		flood = append(flood, step[int64]{rows: slices.Repeat([]int64{1000 + n}, 64)})
	}
	flood = append(flood, in[int64](20*time.Second, 9000))
	job := NewJob("slow")
	numbers := From(job, "numbers", script[int64]{splits: [][]step[int64]{quiet, flood}},
		Monotonic(identity), IdleAfter[int64](30*time.Second), With[int64](Parallelism(1)))
	few := Filter(numbers, func(n *int64) bool { return *n < 1000 || *n > 2000 }, Parallelism(1))
	To(tell(few, Parallelism(1)), "out", sink, Parallelism(1))
	minute := make(chan struct{})
	time.AfterFunc(time.Minute, func() { close(minute) })
	slow := Filter(numbers, func(n *int64) bool {
		if *n >= 1000 {
			<-minute
		}
		return true
	}, Parallelism(map[bool]int{false: 1, true: 2}[ownTask]))
	To(slow, "slow", newCollected[int64]())
	return job
}

func TestBackpressureCannotFakeIdleness(t *testing.T) {
	for _, ownTask := range []bool{true, false} {
		bubble.Test(t, func(t *testing.T) {
			sink := newCollected[string]()
			mustRun(t, slowJob(ownTask, sink), RunOptions{Parallelism: 1, CheckpointInterval: -1})
			wantRows(t, sink.rows(), "1 before time", "2 at 1", "9000 at 2", "3 at 2")
		})
	}
}

// With puts operator options on a source: here one subtask reads all splits, whatever the job's parallelism.
func TestOptionsOfASource(t *testing.T) {
	job, sink := NewJob("with"), newCollected[string]()
	source := script[int64]{splits: [][]step[int64]{each[int64](1), each[int64](2)}, bounded: true}
	s := From(job, "numbers", source, With[int64](Parallelism(1), UID("the-numbers")))
	To(tell(s, Parallelism(1)), "out", sink)
	var stats []string
	mustRun(t, job, RunOptions{Parallelism: 3, OnEvent: func(e Event) {
		if p, ok := e.(Progress); ok {
			stats = nil
			for _, o := range p.Operators {
				stats = append(stats, fmt.Sprintf("%s %d", o.Node.UID, o.Subtask))
			}
		}
	}})
	wantRows(t, sorted(sink.rows()), "1 before time", "2 before time")
	wantRows(t, sorted(stats), "out 0", "out 1", "out 2", "tell 0", "the-numbers 0")
}

var unreadable = BadRecord{
	Split: "numbers.txt", Line: 3, Offset: 17, Raw: []byte("1x"), Reason: "not a number",
}

// badJob reads two numbers, an unreadable record and a third number.
func badJob(options ...SourceOption[int64]) (*Job, *collected[int64]) {
	job, sink := NewJob("bad"), newCollected[int64]()
	steps := append(each[int64](1, 2), step[int64]{rows: []int64{3}, bad: []BadRecord{unreadable}})
	To(From(job, "numbers", oneSplit(steps...), options...), "out", sink)
	return job, sink
}

func TestARecordThatCannotBeDecodedFailsTheJobAndIsNamed(t *testing.T) {
	job, _ := badJob()
	_, err := job.Run(t.Context(), RunOptions{Parallelism: 1, Restarts: -1})
	want := `source "numbers": numbers.txt, line 3, byte 17: not a number (to go on without such records, ` +
		`skip them or divert them to a dead-letter stream)`
	wantError(t, err, want)
}

func TestBadRecordsCanBeSkippedAndAreCounted(t *testing.T) {
	job, sink := badJob(SkipBadRecords[int64]())
	var bad int64
	r := mustRun(t, job, RunOptions{Parallelism: 1, OnEvent: func(e Event) {
		if p, ok := e.(Progress); ok {
			bad = p.Bad
		}
	}})
	wantRows(t, sink.rows(), 1, 2, 3)
	if bad != 1 || r.RowsRead != 3 {
		t.Errorf("%d bad records, %d rows read", bad, r.RowsRead)
	}
}

func TestBadRecordsCanGoToASideOutput(t *testing.T) {
	dead := NewSide[BadRecord]("dead")
	job, sink := badJob(DeadLetters[int64](dead))
	letters := newCollected[string]()
	To(Map(dead.Stream(), func(b *BadRecord) string {
		return fmt.Sprintf("%s:%d:%d %q %s", b.Split, b.Line, b.Offset, b.Raw, b.Reason)
	}), "letters", letters)
	mustRun(t, job, RunOptions{Parallelism: 1})
	wantRows(t, sink.rows(), 1, 2, 3)
	wantRows(t, letters.rows(), `numbers.txt:3:17 "1x" not a number`)
}

func TestNegativeTimesOfASourceAreAMistake(t *testing.T) {
	options := []SourceOption[int64]{EventTime(identity, -time.Second), IdleAfter[int64](-time.Second)}
	for _, option := range options {
		job := NewJob("negative")
		To(From(job, "numbers", oneSplit(each[int64](1)...), option), "out", newCollected[int64]())
		_, err := job.Run(t.Context(), RunOptions{})
		wantError(t, err, `source "numbers": the disorder, `, " must not be negative")
	}
}

func TestASideOutputBelongsToOneOperator(t *testing.T) {
	dead := NewSide[BadRecord]("dead")
	job := NewJob("sides")
	for _, name := range []string{"a", "b"} {
		To(From(job, name, script[int64]{}, DeadLetters[int64](dead)), "out-"+name, newCollected[int64]())
	}
	To(dead.Stream(), "letters", newCollected[BadRecord]())
	_, err := job.Run(t.Context(), RunOptions{})
	wantError(t, err, `side output "dead" is given to two operators: make one for each`)
}

func TestAFailingReaderNamesSourceAndSplit(t *testing.T) {
	job := NewJob("failing")
	steps := append(each[int64](1), step[int64]{fail: errors.New("the disk is gone")})
	To(From(job, "numbers", oneSplit(steps...)), "out", newCollected[int64]())
	_, err := job.Run(t.Context(), RunOptions{Restarts: -1})
	wantError(t, err, `source "numbers", split split-0: the disk is gone`)
}
