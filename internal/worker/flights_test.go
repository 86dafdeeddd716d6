package worker

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// manySums is an attempt at sumJob whose flights nobody writes yet, and the first task behind the source's.
func manySums(t *testing.T, objects objstore.Store, parallelism int) (a *Attempt, first int) {
	t.Helper()
	c := configOf(t, sumJob(), objects)
	var err error
	c.Plan, err = plan.Compile(sumJob(), plan.Options{Parallelism: parallelism, MaxParallelism: 64})
	must(t, err)
	return opened(t, c), parallelism
}

// overtook reports that a barrier has overtaken a row in front of a task.
func (a *Attempt) overtook(checkpoint uint64, id, row int) {
	b := &flow.Batch[int]{}
	b.Append(row, 17)
	var none *channel.Captured
	c := none.InFront(channel.Line{Channel: -1, Input: int(operator.Left), Messages: []channel.Message{{Batch: b}}})
	a.Snapshot(id, checkpoint, []task.Part{{UID: "sum", Captured: c}})
}

// flying writes flights until the function that it returns is called.
func (a *Attempt) flying(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.flights.run(ctx); err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
	return func() { cancel(); running.Wait() }
}

// row is the one that a flight brings back.
func (a *Attempt) row(t *testing.T, f *checkpoint.Flight) int {
	t.Helper()
	r := &recovery{a, a.Plan.Nodes()[1], 0, nil}
	lines, err := r.read(t.Context(), f)
	must(t, err)
	return lines[0][0].Messages[0].Batch.(*flow.Batch[int]).Rows[0]
}

func TestWhatIsOvertakenByABarrierSharesAnObject(t *testing.T) {
	objects := mem.New()
	const tasks = 64
	a, first := manySums(t, objects, tasks)
	trigger(t, a, 1)
	for i := range tasks {
		a.overtook(1, first+i, 1000+i)
	}
	stop := a.flying(t)
	for range tasks {
		<-a.Listener.(*heard).events
	}
	stop()
	if n := len(stored(t, objects)); n != 1 {
		t.Errorf("rows in front of %d tasks are in %d objects", tasks, n)
	}
	for i := range tasks {
		if got := a.row(t, a.parts[1].flights[first+i]); got != 1000+i {
			t.Errorf("in front of task %d there was row %d", i, got)
		}
	}
}

func TestRowsOfTwoCheckpointsShareNoObject(t *testing.T) {
	objects := mem.New()
	a, first := manySums(t, objects, 2)
	trigger(t, a, 1)
	trigger(t, a, 2)
	a.overtook(1, first, 11)
	a.overtook(2, first, 21)
	a.overtook(1, first+1, 12)
	a.overtook(2, first+1, 22)
	a.Drop(1)
	defer a.flying(t)()
	a.Listener.(*heard).expectAll(t,
		"1 acknowledged by 2", "1 acknowledged by 3", "2 acknowledged by 2", "2 acknowledged by 3")
	kept := a.parts[2].flights
	if a.row(t, kept[first]) != 21 || a.row(t, kept[first+1]) != 22 || kept[first].Name != kept[first+1].Name {
		t.Errorf("the checkpoint that goes on has %+v", kept)
	}
	a.garbage.take()
	if unused := a.garbage.take(); len(unused) != 1 || unused[0] == kept[first].Name {
		t.Errorf("unused are %q", unused)
	}
}

func TestATaskThatHadNothingInFrontHasNoFlight(t *testing.T) {
	objects := mem.New()
	a, first := manySums(t, objects, 2)
	trigger(t, a, 1)
	var none *channel.Captured
	a.Snapshot(first, 1, []task.Part{{UID: "sum", Captured: none.InFront()}})
	defer a.flying(t)()
	a.Listener.(*heard).expect(t, "1 acknowledged by 2")
	if n := len(stored(t, objects)); n > 0 || a.parts[1].flights[first] != nil {
		t.Errorf("%d objects of nothing", n)
	}
}

func TestAStoreThatFailsDeclinesAllTasksOfAnObject(t *testing.T) {
	objects := fault.New(mem.New(), func(op fault.Op, _ string, _ int) fault.Fault {
		if op == fault.Put {
			return fault.After
		}
		return fault.None
	})
	a, first := manySums(t, objects, 2)
	trigger(t, a, 1)
	a.overtook(1, first, 1)
	a.overtook(1, first+1, 2)
	defer a.flying(t)()
	for range 2 {
		e := []byte(<-a.Listener.(*heard).events)
		if !bytes.Contains(e, []byte(`operator "the sum": rows in front of it:`)) || !bytes.Contains(e, []byte("declined")) {
			t.Errorf("heard %q", e)
		}
	}
	a.garbage.take()
	if unused := a.garbage.take(); len(unused) != 1 || fmt.Sprint(unused) != fmt.Sprint(stored(t, objects)) {
		t.Errorf("unused are %q, the store has %q", unused, stored(t, objects))
	}
}

func TestADamagedPartOfAnObjectIsNamed(t *testing.T) {
	objects := mem.New()
	a, first := manySums(t, objects, 2)
	trigger(t, a, 1)
	a.overtook(1, first, 1)
	a.overtook(1, first+1, 2)
	stop := a.flying(t)
	a.Listener.(*heard).expectAll(t, "1 acknowledged by 2", "1 acknowledged by 3")
	stop()
	f := *a.parts[1].flights[first+1]
	f.Offset, f.Length = f.Offset-1, f.Length+1
	r := &recovery{a, a.Plan.Nodes()[1], 0, nil}
	if _, err := r.read(t.Context(), &f); err == nil || !bytes.Contains([]byte(err.Error()), []byte("is damaged")) {
		t.Errorf("a part that begins a byte too early: %v", err)
	}
}
