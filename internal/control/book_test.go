package control

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/worker"
)

func newTestBook() *book { return newBook(graph("orders"), Job{}) }

func TestTheGraphIsThatOfTheProgram(t *testing.T) {
	want := []Operator{
		{Name: "in", UID: "in", Parallelism: 2, Inputs: []Edge{}},
		{Name: "count", UID: "c", Parallelism: 3, Inputs: []Edge{{"in", "hash"}}},
		{Name: "out", UID: "out", Parallelism: 3, Inputs: []Edge{{"count", "forward"}}},
	}
	if got := newTestBook().read().Operators; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
}

func TestTheLastCheckpointsAreTold(t *testing.T) {
	b := newTestBook()
	at := time.UnixMilli(1000)
	b.step(coordinator.CheckpointStored{
		Checkpoint: 1, Reason: "periodic", Duration: 1500 * time.Millisecond, Bytes: 10, NewBytes: 7,
	}, at)
	b.step(coordinator.CheckpointFailed{Checkpoint: 2, Err: errBroken}, at)
	want := []Checkpoint{
		{Checkpoint: 1, Time: 1000, Reason: "periodic", Seconds: 1.5, Bytes: 10, NewBytes: 7},
		{Checkpoint: 2, Time: 1000, Error: "broken"},
	}
	j := b.read()
	if !reflect.DeepEqual(j.Checkpoints, want) || j.StoredBytes != 10 {
		t.Errorf("%+v", j)
	}
	for n := range uint64(30) {
		b.step(coordinator.CheckpointStored{Checkpoint: n + 3}, at)
	}
	if all := b.read().Checkpoints; len(all) != remembered || all[0].Checkpoint != 17 || all[15].Checkpoint != 32 {
		t.Errorf("%+v", all)
	}
}

func TestTheLastFailuresAreToldWithTheirOperator(t *testing.T) {
	b := newTestBook()
	b.step(coordinator.Started{}, time.UnixMilli(1))
	failure := coordinator.Failure{
		At: time.UnixMilli(5), Operator: "c", Subtask: 1, Task: "count → out (2/3)", Key: "7", Record: "row",
		Message: "broken", Pause: 200 * time.Millisecond,
	}
	b.step(coordinator.Restarting{Err: errBroken, Failures: []coordinator.Failure{failure}}, time.UnixMilli(6))
	j := b.read()
	want := []Failure{{
		Time: 5, Operator: "count → out (2/3)", UID: "c", Key: "7", Record: "row", Message: "broken", PauseSeconds: 0.2,
	}}
	if !reflect.DeepEqual(j.Failures, want) || j.Restarts != 1 || j.Status != "restarting" {
		t.Errorf("%+v", j)
	}
	failure.Down, failure.Checkpoint = time.Second/4, 3
	b.step(coordinator.Started{Failures: []coordinator.Failure{failure}}, time.UnixMilli(7))
	j = b.read()
	want[0].DownSeconds, want[0].Checkpoint = 0.25, 3
	if !reflect.DeepEqual(j.Failures, want) || j.Restarts != 1 || j.Status != "running" {
		t.Errorf("%+v", j)
	}
}

func TestAMessageOfACheckpointIsNotTooLong(t *testing.T) {
	b := newTestBook()
	long := errors.New(strings.Repeat("x", 1<<20))
	b.step(coordinator.CheckpointFailed{Checkpoint: 1, Err: long}, time.UnixMilli(7))
	if n := len(b.read().Checkpoints[0].Error); n != longestMessage {
		t.Errorf("a message of %d bytes", n)
	}
}

func TestAJobIsRestartingAsLongAsAnyPartOfItIs(t *testing.T) {
	b := newBook(parted(), Job{})
	first, second := []string{"in 0", "out 0"}, []string{"in 1", "out 1"}
	for i, step := range []struct {
		event      coordinator.Event
		status     string
		restarting []string
	}{
		{coordinator.Started{}, "running", nil},
		{coordinator.Restarting{Operators: first}, "restarting", first},
		{coordinator.Restarting{Operators: second}, "restarting", append(first, second...)},
		{coordinator.Started{Operators: first}, "restarting", second},
		{coordinator.Started{Operators: second}, "running", nil},
		{coordinator.Restarting{}, "restarting", append(first, second...)},
		{coordinator.Started{}, "running", nil},
	} {
		b.step(step.event, time.UnixMilli(1))
		b.step(coordinator.Progress{}, time.UnixMilli(2)) // which knows nothing of restarts
		j := b.read()
		var restarting []string
		for _, o := range j.Operators {
			if o.Restarting {
				restarting = append(restarting, o.UID)
			}
		}
		slices.Sort(restarting)
		want := slices.Sorted(slices.Values(step.restarting))
		if j.Status != step.status || !slices.Equal(restarting, want) {
			t.Errorf("step %d: %s, %q wait for a restart", i, j.Status, restarting)
		}
	}
}

// counters are those of one subtask.
func counters(b *book, node int, in, out, bytes int64) *worker.OperatorStats {
	s := &worker.OperatorStats{Node: graph("orders").Nodes()[node], Stats: &operator.Stats{}}
	s.RowsIn.Store(in)
	s.RowsOut.Store(out)
	s.StateBytes.Store(bytes)
	return s
}

func TestProgressIsToldByOperator(t *testing.T) {
	b := newTestBook()
	b.step(coordinator.Resumed{Checkpoint: 4}, time.UnixMilli(1))
	before := b.read()
	b.step(coordinator.Progress{
		Elapsed: time.Second, RowsRead: 100, RowsWritten: 30, Watermark: 77, StateBytes: 12, Keys: 3,
		Operators: []*worker.OperatorStats{counters(b, 0, 0, 60, 0), counters(b, 0, 0, 40, 0), counters(b, 1, 100, 30, 12)},
	}, time.UnixMilli(2))
	j := b.read()
	if j.ResumedFrom != 4 || j.RowsRead != 100 || j.RowsPerS != 100 || j.EventTime != 77 || !j.EventTimeKnown ||
		j.MemoryBytes != 12 || j.Keys != 3 || j.RowsWritten != 30 {
		t.Errorf("%+v", j)
	}
	in, count := j.Operators[0], j.Operators[1]
	if in.RowsOut != 100 || count.RowsIn != 100 || count.RowsOut != 30 || count.MemoryBytes != 12 {
		t.Errorf("%+v", j.Operators)
	}
	if before.Operators[0].RowsOut != 0 {
		t.Error("what was told has changed")
	}
	b.step(coordinator.Progress{Elapsed: 2 * time.Second, RowsRead: 100, Watermark: flow.EndOfTime}, time.UnixMilli(3))
	if j := b.read(); j.RowsPerS != 0 || j.EventTimeKnown || j.Operators[0].RowsOut != 0 {
		t.Errorf("%+v", j)
	}
}

// The parts of a job between which no rows go number their operators by themselves.
func TestProgressOfAJobInPartsIsToldOfTheOperatorsThatItIsOf(t *testing.T) {
	p := parted()
	b := newBook(p, Job{})
	var all []*worker.OperatorStats
	for i, region := range p.Regions() {
		for _, n := range region.Nodes() {
			s := &worker.OperatorStats{Node: n, Stats: &operator.Stats{}}
			s.RowsIn.Store(int64(i + 1))
			all = append(all, s)
		}
	}
	b.step(coordinator.Progress{Elapsed: time.Second, Operators: all}, time.UnixMilli(1))
	for _, o := range b.read().Operators {
		if want := map[string]int64{"in 0": 1, "out 0": 1, "in 1": 2, "out 1": 2}[o.UID]; o.RowsIn != want {
			t.Errorf("%s has %d rows, want %d", o.UID, o.RowsIn, want)
		}
	}
}
