package worker

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// indebted is a story of an attempt whose compactions fail while broken says so. Changes of task 2 have been written early
// every minute until they had to wait, after so many times.
func indebted(t *testing.T, test func(t *testing.T, a *Attempt, broken *atomic.Bool, times int)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		objects := fault.New(mem.New(), func(op fault.Op, name string, _ int) fault.Fault {
			if broken.Load() && op == fault.Create && strings.Contains(name, ".shard/") {
				return fault.Before
			}
			return fault.None
		})
		a := persisting(t, opened(t, configOf(t, sumJob(), objects)))
		for n := range 100 {
			f := a.changes(2, "k", fmt.Sprint(n))
			a.persister.add(writing{a.shardOf(2, "sum"), f, nil})
			<-time.After(time.Minute)
			if metric.Sum(a.Metrics(), metric.TableCount) == float64(n) { // one is missing
				test(t, a, &broken, n)
				return
			}
		}
		t.Error("debt has no bound")
	})
}

func TestACheckpointWaitsWhileTooManyTablesAreNotMerged(t *testing.T) {
	indebted(t, func(t *testing.T, a *Attempt, broken *atomic.Bool, times int) {
		if depth := metric.Sum(a.Metrics(), metric.L0Depth); depth != float64(times-1) || depth < 12 {
			t.Errorf("%g tables above the first, of %d", depth, times)
		}
		trigger(t, a, 1)
		a.Snapshot(2, 1, []task.Part{a.part(2, "l", "new")})
		<-time.After(time.Hour) // in which the store is away, and the checkpoint could be given up
		if n := len(a.Listener.(*heard).events); n > 0 {
			t.Errorf("%d events", n)
		}
		broken.Store(false)
		a.Listener.(*heard).expect(t, "1 acknowledged by 2")
		a.mustList(t, 1, 2, fmt.Sprint("k=", times, " l=new"))
		if wait := metric.Sum(a.Metrics(), metric.IngestWait); wait < 3600 {
			t.Errorf("a wait of %g s is counted", wait)
		}
	})
}

// The checkpoint that waits is given up; what it had to write is in the next one.
func TestACheckpointGivenUpWhileItWaitedCostsNothing(t *testing.T) {
	indebted(t, func(t *testing.T, a *Attempt, broken *atomic.Bool, times int) {
		trigger(t, a, 1)
		a.Snapshot(2, 1, []task.Part{a.part(2, "l", "old")})
		<-time.After(time.Hour)
		a.Drop(1)
		trigger(t, a, 2)
		a.Snapshot(2, 2, []task.Part{a.part(2, "m", "new")})
		broken.Store(false)
		a.Listener.(*heard).expect(t, "1 acknowledged by 2", "2 acknowledged by 2")
		a.mustList(t, 2, 2, fmt.Sprint("k=", times, " l=old m=new"))
	})
}

func TestAnAttemptEndsAlthoughItsTablesWait(t *testing.T) {
	indebted(t, func(*testing.T, *Attempt, *atomic.Bool, int) {}) // persisting fails if the persister has an error
}

func TestARestoredAttemptWarmsItsShardsUp(t *testing.T) {
	objects := mem.New()
	a := persisting(t, opened(t, configOf(t, sumJob(), objects)))
	trigger(t, a, 1)
	a.passed(t, 2, 1, a.part(2, "k", "v"))
	list, _ := a.listed(1, 2)
	c := configOf(t, sumJob(), objects)
	c.Restore, c.Incarnation = sumCheckpoint(t), checkpoint.Incarnation(1, 2)
	sum := &c.Restore.Operators[1].Subtasks[0]
	sum.Tables, sum.Meta, sum.Range = tablesOf(list), list.Meta, base.KeyGroupRange{End: 4}
	b := opened(t, c)
	must(t, b.warm(t.Context()))
	if n := metric.Sum(b.Metrics(), metric.WarmTables); n != 1 {
		t.Errorf("%g tables are warm", n)
	}
}
