package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

func TestATaskIsAcknowledgedWhenItsListIsNoted(t *testing.T) {
	a := persisting(t, attemptOf(t, sumJob()))
	trigger(t, a, 1)
	noted := make(chan bool, 1)
	a.Listener.(*heard).onAck = func(id uint64, task int) {
		_, ok := a.listed(id, task)
		noted <- ok
	}
	f := a.changes(2, "k", "v")
	a.Snapshot(2, 1, []task.Part{{UID: "map"}, partOf(f)})
	if !<-noted || f.became() != "begun, written" {
		t.Errorf("the list is not noted at the acknowledgement; the snapshot was %s", f.became())
	}
	a.mustList(t, 1, 2, "k=v")
}

func TestATaskWithoutStateIsAcknowledgedAtOnce(t *testing.T) {
	a := attemptOf(t, sumJob()) // whose persister does not run
	a.Snapshot(3, 1, []task.Part{{UID: "map"}})
	a.Snapshot(3, 2, nil)
	a.Listener.(*heard).expect(t, "1 acknowledged by 3", "2 acknowledged by 3")
}

// gated is a snapshot that says when it begins to be written, and waits then.
func gated(f *frozen) (begun, goOn chan struct{}) {
	begun, goOn = make(chan struct{}), make(chan struct{})
	f.at = func() error {
		close(begun)
		<-goOn
		return nil
	}
	return begun, goOn
}

func TestWhatComesInMeanwhileIsWrittenTogether(t *testing.T) {
	const shards = 64
	objects := mem.New()
	c := configOf(t, sumJob(), objects)
	var err error
	c.Plan, err = plan.Compile(sumJob(), plan.Options{Parallelism: shards, MaxParallelism: shards})
	must(t, err)
	a := persisting(t, opened(t, c))
	trigger(t, a, 1)
	first := shards // the first task behind those of the source
	f := a.changes(first, "k", fmt.Sprint(first))
	begun, goOn := gated(f)
	a.Snapshot(first, 1, []task.Part{partOf(f)})
	<-begun
	for id := first + 1; id < 2*shards; id++ {
		a.Snapshot(id, 1, []task.Part{a.part(id, "k", fmt.Sprint(id))})
	}
	close(goOn)
	for id := first; id < 2*shards; id++ {
		<-a.Listener.(*heard).events
	}
	if n := len(stored(t, objects)); n != 2 {
		t.Errorf("%d shards took %d tables, want 2: that of the first, and one for all that came meanwhile", shards, n)
	}
	for id := first; id < 2*shards; id++ {
		a.mustList(t, 1, id, fmt.Sprint("k=", id))
	}
}

func TestManyEntriesAreWrittenInSeveralSets(t *testing.T) {
	a := attemptOf(t, sumJob())
	persisting(t, a)
	trigger(t, a, 1)
	h := a.Listener.(*heard)
	for round := range uint64(5) { // sizes that do not divide evenly among the sets
		low, high := a.changes(2, "k", "l"), a.changes(3, "k", "h")
		low.count, high.count = 3*entriesAtOnce, int64(round)
		a.Snapshot(2, 1, []task.Part{partOf(low)})
		a.Snapshot(3, 1, []task.Part{partOf(high)})
		h.expectAll(t, "1 acknowledged by 2", "1 acknowledged by 3")
	}
	a.mustList(t, 1, 2, "k=l")
	a.mustList(t, 1, 3, "k=h")
}

// What is left by the division among the sets is a set of its own.
func TestEverySetOfABatchIsWritten(t *testing.T) {
	const half = entriesAtOnce / 2
	objects := mem.New()
	c := configOf(t, sumJob(), objects)
	var err error
	c.Plan, err = plan.Compile(sumJob(), plan.Options{Parallelism: 4, MaxParallelism: 8})
	must(t, err)
	a := opened(t, c)
	trigger(t, a, 1)
	var batch []writing
	for i, n := range []int64{half, half, 1, 0} {
		f := a.changes(4+i, "k", fmt.Sprint(i))
		f.count = n
		batch = append(batch, writing{a.shardOf(4+i, "sum"), f, &pending{checkpoint: 1, task: 4 + i, left: 1}})
	}
	must(t, a.persister.write(t.Context(), batch))
	for i := range 4 {
		a.mustList(t, 1, 4+i, fmt.Sprint("k=", i))
	}
}

func TestSnapshotsOfOneShardAreWrittenOneByOneInTheirOrder(t *testing.T) {
	a := attemptOf(t, sumJob())
	const last = 50
	var order []int // written by the persister, which must not write two of one shard at a time
	for i := 1; i <= last; i++ {
		for id := 2; id <= 3; id++ {
			f := a.changes(id, fmt.Sprintf("at %02d", i), "x", "n", fmt.Sprint(i))
			if id == 2 {
				f.at = func() error { order = append(order, i); return nil }
			}
			if i%3 == 0 && i < last {
				a.early(id, f)
				continue
			}
			a.Snapshot(id, uint64(i), []task.Part{partOf(f)})
		}
	}
	a.parts[last] = &parts{lists: map[*shard]lsm.List{}}
	persisting(t, a)
	for range 2 * (last - last/3) {
		<-a.Listener.(*heard).events
	}
	for i, n := range order {
		if n != i+1 {
			t.Fatalf("written in the order %v", order)
		}
	}
	l, _ := a.listed(last, 2)
	got := a.content(t, 2, l)
	if len(order) != last || !strings.HasSuffix(got, " n=50") || strings.Count(got, "at") != last {
		t.Errorf("the shard has %q", got)
	}
}

// failing is a store whose requests fail while broken says so.
func failing(broken *atomic.Bool) *fault.Store {
	return fault.New(mem.New(), func(op fault.Op, _ string, _ int) fault.Fault {
		if broken.Load() && op == fault.Create {
			return fault.Before
		}
		return fault.None
	})
}

func TestAStoreThatFailsDeclinesTheCheckpointAndGivesTheChangesBack(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	a := persisting(t, opened(t, configOf(t, sumJob(), failing(&broken))))
	trigger(t, a, 1)
	f := a.changes(2, "k", "1")
	a.Snapshot(2, 1, []task.Part{partOf(f)})
	got := <-a.Listener.(*heard).events
	if !strings.HasPrefix(got, `1 declined by 2: operator "sum": create shards/`) || f.became() != "begun, failed" {
		t.Errorf("heard %q; the snapshot was %s", got, f.became())
	}
	if _, ok := a.listed(1, 2); ok {
		t.Error("the checkpoint has a list all the same")
	}
	broken.Store(false)
	trigger(t, a, 2)
	a.passed(t, 2, 2, a.part(2, "k", "2"))
	a.mustList(t, 2, 2, "k=2")
}

func TestASnapshotThatCannotBeWrittenNamesItsOperator(t *testing.T) {
	a := persisting(t, attemptOf(t, sumJob()))
	trigger(t, a, 1)
	f := a.changes(3, "k", "v")
	f.at = func() error { return errors.New("no such codec") }
	a.Snapshot(3, 1, []task.Part{partOf(f)})
	a.Listener.(*heard).expect(t, `1 declined by 3: operator "sum": no such codec`)
	if n := len(stored(t, a.Objects)); n != 0 {
		t.Errorf("%d tables are left", n)
	}
}

func TestOneFailureDeclinesThePartOfATaskAndLeavesItsOtherSnapshotsAlone(t *testing.T) {
	a := attemptOf(t, sumJob())
	trigger(t, a, 1)
	bad, good := a.changes(2, "k", "1"), a.changes(2, "l", "2")
	p := &pending{checkpoint: 1, task: 2, left: 2} // as of a task with two operators
	bad.at = func() error { return errors.New("disk full") }
	for _, f := range []*frozen{bad, good} {
		must(t, a.persister.write(t.Context(), []writing{{a.shardOf(2, "sum"), f, p}}))
	}
	a.Listener.(*heard).expect(t, `1 declined by 2: operator "sum": disk full`)
	if bad.became() != "begun, failed" || good.became() != "begun, written" {
		t.Errorf("%s; %s", bad.became(), good.became())
	}
}

func TestTheListOfACheckpointHoldsNothingThatCameAfterItsBarrier(t *testing.T) {
	a := attemptOf(t, sumJob())
	trigger(t, a, 1)
	a.early(2, a.changes(2, "before", "1", "n", "1"))
	a.Snapshot(2, 1, []task.Part{a.part(2, "n", "2")})
	after := a.changes(2, "after", "3", "n", "3")
	a.early(2, after)
	trigger(t, a, 2)
	a.Snapshot(2, 2, []task.Part{a.part(2, "n", "4")})
	persisting(t, a)
	a.Listener.(*heard).expect(t, "1 acknowledged by 2", "2 acknowledged by 2")
	a.mustList(t, 1, 2, "before=1 n=2")
	a.mustList(t, 2, 2, "after=3 before=1 n=4")
}

// The shards of others take what has been written together with an early snapshot, of which no list tells.
func TestAListHoldsTheStateOfItsShardAlone(t *testing.T) {
	a := attemptOf(t, sumJob())
	trigger(t, a, 1)
	a.Snapshot(2, 1, []task.Part{a.part(2, "k", "low")})
	a.early(3, a.changes(3, "k", "early"))
	persisting(t, a)
	a.Listener.(*heard).expect(t, "1 acknowledged by 2")
	a.mustList(t, 1, 2, "k=low")
	if _, ok := a.listed(1, 3); ok {
		t.Error("an early snapshot gave the checkpoint a list")
	}
}

func TestAnEarlySnapshotThatFailsIsGivenBackAfterAPauseAndDeclinesNothing(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		a := persisting(t, opened(t, configOf(t, sumJob(), failing(&broken))))
		f, began := a.changes(2, "k", "1"), time.Now()
		a.early(2, f)
		if got := f.became(); got != "begun, failed" || time.Since(began) != holdFor {
			t.Errorf("%s after %v, want a failure after %v", got, time.Since(began), holdFor)
		}
		broken.Store(false)
		trigger(t, a, 1)
		again := a.changes(2, "k", "1")
		a.early(2, again)
		a.passed(t, 2, 1, a.part(2))
		if n := len(a.Listener.(*heard).events); n != 0 || again.became() != "begun, written" {
			t.Errorf("%d more events; the second was %s", n, again.became())
		}
		a.mustList(t, 1, 2, "k=1")
	})
}

func TestTheEndOfTheJobDoesNotWaitForThePause(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		a := opened(t, configOf(t, sumJob(), failing(&broken)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- a.persister.run(ctx) }()
		f := a.changes(2, "k", "1")
		a.early(2, f)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil || time.Since(began) != 0 {
			t.Errorf("ended with %v after %v", err, time.Since(began))
		}
	})
}

func TestASnapshotForADroppedCheckpointIsWrittenAllTheSame(t *testing.T) {
	a := persisting(t, attemptOf(t, sumJob()))
	a.passed(t, 2, 1, a.part(2, "k", "v"))
	a.mu.Lock()
	if len(a.parts) != 0 {
		t.Errorf("the dropped checkpoint came back: %v", a.parts)
	}
	a.mu.Unlock()
	trigger(t, a, 2)
	a.passed(t, 2, 2, a.part(2))
	a.mustList(t, 2, 2, "k=v")
}

func TestAShardThatCannotBeOpenedIsCorruptAndNamesItsOperator(t *testing.T) {
	for name, meta := range map[string][]byte{"nonsense": []byte("nonsense"), "one byte": {1}} {
		t.Run(name, func(t *testing.T) {
			c := configOf(t, sumJob(), mem.New())
			c.Restore = sumCheckpoint(t)
			c.Restore.Operators[1].Subtasks[0].Meta = meta
			a, err := New(t.Context(), c)
			if a != nil || base.KindOf(err) != base.Corrupt {
				t.Errorf("attempt %v, error %v", a, err)
			}
			if err == nil || !strings.HasPrefix(err.Error(), `operator "the sum": restore: metadata of shard`) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestPersistenceEndsWithItsContext(t *testing.T) {
	a := attemptOf(t, sumJob())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	f := a.changes(2, "k", "v")
	begun := make(chan struct{})
	f.at = func() error {
		close(begun)
		<-ctx.Done()
		return ctx.Err()
	}
	a.Snapshot(2, 1, []task.Part{partOf(f)})
	go func() { ended <- a.persister.run(ctx) }()
	<-begun
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the persister ended with %v", err)
	}
	a.Listener.(*heard).expect(t, `1 declined by 2: operator "sum": context canceled`)
}
