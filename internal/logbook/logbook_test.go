package logbook

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

// numbers are samples by name, and by operation for those that have one. Those of operators are of a single one.
type numbers map[string]float64

func requests(operation string) string { return metric.ObjectRequests + " " + operation }
func failures(operation string) string { return metric.ObjectErrors + " " + operation }

func (n numbers) samples() (all []metric.Sample) {
	for name, value := range n {
		s := metric.Sample{Name: name, Value: value}
		var operation string
		if k, _ := fmt.Sscan(name, &s.Name, &operation); k == 2 {
			s.Labels = []metric.Label{{Name: "operation", Value: operation}}
		}
		for _, m := range metric.All {
			if m.Name == s.Name && slices.Contains(m.Labels, "operator") {
				s.Labels = []metric.Label{{Name: "operator", Value: "count"}, {Name: "subtask", Value: "0"}}
			}
		}
		all = append(all, s)
	}
	return all
}

func progress(elapsed time.Duration, n numbers) coordinator.Progress {
	return coordinator.Progress{Elapsed: elapsed, Metrics: n.samples()}
}

// parts is what two operators count, each in a part of the job of its own.
func parts(elapsed time.Duration, a, b float64) coordinator.Progress {
	p := coordinator.Progress{Elapsed: elapsed}
	for uid, value := range map[string]float64{"a": a, "b": b} {
		labels := []metric.Label{{Name: "operator", Value: uid}, {Name: "subtask", Value: "0"}}
		p.Metrics = append(p.Metrics, metric.Sample{Name: metric.StateEvictions, Labels: labels, Value: value})
	}
	return p
}

// story is a run, and the records that come of it.
type story struct {
	name   string
	events []coordinator.Event
	want   []string
}

var stories = []story{
	{"nothing happens", []coordinator.Event{
		progress(10*time.Second, numbers{metric.StateEvictions: 0, metric.Compactions: 0, metric.BlockHits: 5}),
		progress(20*time.Second, numbers{metric.StateEvictions: 0, metric.Compactions: 0, metric.BlockHits: 9}),
	}, nil},
	{"state moves, as before: one record each in ten seconds", []coordinator.Event{
		progress(500*time.Millisecond, numbers{metric.StateEvictions: 1}),
		progress(9*time.Second, numbers{metric.StateEvictions: 8}),
		progress(10*time.Second, numbers{
			metric.StateEvictions: 10, metric.StateMemory: 900, metric.MemoryLimit: 1000, metric.BlockMisses: 3,
			metric.BlockHits: 30, metric.Compactions: 2, metric.CompactionRead: 60, metric.CompactionWritten: 50,
			metric.TableCount: 4, metric.TableBytes: 400,
		}),
		progress(19*time.Second, numbers{metric.StateEvictions: 12}),
		progress(20*time.Second, numbers{metric.StateEvictions: 15, metric.Compactions: 2, metric.BlockMisses: 3}),
		progress(40*time.Second, numbers{metric.StateEvictions: 15, metric.Compactions: 2, metric.BlockMisses: 3}),
	}, []string{
		`level=INFO msg="state evicted" seconds=10 keys=10 memory_bytes=900 limit_bytes=1000`,
		`level=INFO msg="block cache missed" seconds=10 misses=3 hits=30`,
		`level=INFO msg="tables compacted" seconds=10 compactions=2 read_bytes=60 written_bytes=50 tables=4 ` +
			`tables_bytes=400`,
		`level=INFO msg="state evicted" seconds=10 keys=5 memory_bytes=0 limit_bytes=0`,
	}},
	// The counters of operators begin again, those of the run do not.
	{"a restart", []coordinator.Event{
		progress(10*time.Second, numbers{metric.StateEvictions: 10, metric.BlockMisses: 1}),
		progress(12*time.Second, numbers{metric.StateEvictions: 13, metric.BlockMisses: 2}),
		coordinator.Restarting{Err: errOops},
		progress(12*time.Second, numbers{metric.StateEvictions: 13, metric.BlockMisses: 2}), // it could not come up
		coordinator.Restarting{Err: errOops},
		coordinator.Started{Attempt: 2},
		progress(22*time.Second, numbers{metric.StateEvictions: 20, metric.BlockMisses: 5}),
	}, []string{
		`level=INFO msg="state evicted" seconds=10 keys=10 memory_bytes=0 limit_bytes=0`,
		`level=INFO msg="block cache missed" seconds=10 misses=1 hits=0`,
		`level=INFO msg="state evicted" seconds=2 keys=3 memory_bytes=0 limit_bytes=0`,
		`level=INFO msg="block cache missed" seconds=2 misses=1 hits=0`,
		`level=WARN msg=restarting pause_seconds=0 error="oops\n at 1"`,
		`level=WARN msg=restarting pause_seconds=0 error="oops\n at 1"`,
		`level=INFO msg="tasks started" attempt=2 checkpoint=0 restore_seconds=0`,
		`level=INFO msg="state evicted" seconds=10 keys=20 memory_bytes=0 limit_bytes=0`,
		`level=INFO msg="block cache missed" seconds=10 misses=3 hits=0`,
	}},
	// So do only those of the operators that were restarted, and not before they are.
	{"a restart of a part", []coordinator.Event{
		parts(10*time.Second, 10, 100),
		coordinator.Restarting{Err: errOops, Operators: []string{"a", "x"}},
		parts(20*time.Second, 10, 107),
		coordinator.Started{Attempt: 2, Operators: []string{"a", "x"}},
		parts(30*time.Second, 4, 107),
	}, []string{
		`level=INFO msg="state evicted" seconds=10 keys=110 memory_bytes=0 limit_bytes=0`,
		`level=WARN msg="restarting a part" pause_seconds=0 error="oops\n at 1" operators="[a x]"`,
		`level=INFO msg="state evicted" seconds=10 keys=7 memory_bytes=0 limit_bytes=0`,
		`level=INFO msg="tasks started" attempt=2 checkpoint=0 restore_seconds=0`,
		`level=INFO msg="state evicted" seconds=10 keys=4 memory_bytes=0 limit_bytes=0`,
	}},
	{"a store that is away", []coordinator.Event{
		progress(10*time.Second, numbers{requests("read"): 100, failures("read"): 0}),
		progress(20*time.Second, numbers{requests("read"): 105, failures("read"): 5}),
		progress(30*time.Second, numbers{requests("read"): 109, failures("read"): 9}),
		progress(40*time.Second, numbers{requests("read"): 109, failures("read"): 9}),
		progress(50*time.Second, numbers{requests("read"): 115, failures("read"): 10}),
		progress(60*time.Second, numbers{requests("read"): 200, failures("read"): 10}),
	}, []string{
		`level=WARN msg="object store unreachable" seconds=10 failed=5`,
		`level=INFO msg="object store back" away_seconds=40 failed=1 requests=6`,
	}},
	// Beginning an object and giving it bytes may ask nothing of the store yet.
	{"a store that is away while objects are begun", []coordinator.Event{
		progress(10*time.Second, numbers{
			requests("create"): 3, requests("write"): 9, failures("write"): 2, requests("finish"): 1, failures("finish"): 1,
		}),
		progress(20*time.Second, numbers{
			requests("create"): 9, requests("write"): 19, failures("write"): 2, requests("finish"): 3, failures("finish"): 2,
		}),
	}, []string{
		`level=WARN msg="object store unreachable" seconds=10 failed=3`,
		`level=INFO msg="object store back" away_seconds=20 failed=1 requests=18`,
	}},
	{"a store that fails now and then", []coordinator.Event{
		progress(10*time.Second, numbers{requests("read"): 100, failures("read"): 5, requests("get"): 2, failures("get"): 1}),
		progress(20*time.Second, numbers{requests("read"): 200, failures("read"): 5, requests("get"): 2, failures("get"): 1}),
	}, []string{
		`level=WARN msg="object store requests failed" seconds=10 failed=6 requests=102`,
	}},
}

// records are those of a story, one after the other.
func (c story) records() (all []Record) {
	var j Logbook
	for _, e := range c.events {
		all = append(all, j.Step(e)...)
	}
	return all
}

func TestNumbersAreToldWhenTheySaySomethingNew(t *testing.T) {
	for _, c := range stories {
		t.Run(c.name, func(t *testing.T) {
			if got := lines(c.records()); !slices.Equal(got, c.want) {
				t.Errorf("\n%q, want\n%q", got, c.want)
			}
		})
	}
}

func TestTheEndTellsWhatHasNotBeenTold(t *testing.T) {
	var j Logbook
	j.Step(progress(10*time.Second, numbers{metric.Compactions: 3}))
	j.Step(progress(11*time.Second, numbers{metric.Compactions: 4, metric.CompactionRead: 7}))
	got := lines(j.End(coordinator.Result{Finished: true}, nil))
	want := []string{
		`level=INFO msg="tables compacted" seconds=1 compactions=1 read_bytes=7 written_bytes=0 tables=0 tables_bytes=0`,
		`level=INFO msg="job finished" checkpoint=0 rows_read=0 restarts=0`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("\n%q, want\n%q", got, want)
	}
}

func TestWhatWasToldBeforeARestartIsNotToldAgainAtTheEnd(t *testing.T) {
	var j Logbook
	j.Step(progress(10*time.Second, numbers{metric.StateEvictions: 3}))
	j.Step(coordinator.Restarting{Err: errOops})
	if got := lines(j.End(coordinator.Result{}, errOops)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

func TestARunThatTellsNothingHasAnEnd(t *testing.T) {
	var j Logbook
	if got := lines(j.End(coordinator.Result{}, errOops)); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// However much happens, a number has one record in Pause: here, an hour of everything at once.
func TestABusyJobDoesNotFloodItsLog(t *testing.T) {
	var j Logbook
	count := map[string]int{}
	for half := range 7200 {
		n := float64(half)
		for _, r := range j.Step(progress(time.Duration(half)*time.Second/2, numbers{
			metric.StateEvictions: n, metric.Compactions: n, metric.BlockMisses: n,
			requests("read"): 2 * n, failures("read"): n,
		})) {
			count[r.Message]++
		}
	}
	if len(count) != 4 {
		t.Errorf("%v", count)
	}
	for message, n := range count {
		if n < 350 || n > 360 {
			t.Errorf("%s: %d times", message, n)
		}
	}
}
