package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// asking lets stories ask for things at certain times, and note what they are told.
type asking struct {
	*story
	group sync.WaitGroup
}

func newAsking(objects objstore.Store) *asking {
	a := &asking{story: newStory(objects)}
	a.Requests = &Requests{}
	return a
}

// after asks for something at a time of the run.
func (a *asking) after(t *testing.T, at time.Duration, ask func(*Requests, context.Context) (uint64, error)) {
	a.group.Go(func() {
		<-time.After(at)
		id, err := ask(a.Requests, t.Context())
		a.note("asked: %d %v", id, err)
	})
}

// ends runs the job to its end, and waits for all who have asked.
func (a *asking) ends(t *testing.T) error {
	t.Helper()
	err := a.run(t.Context())
	a.group.Wait()
	return err
}

// savepointsOf are the numbers of those that are there.
func savepointsOf(t *testing.T, objects objstore.Store) (ids []uint64) {
	t.Helper()
	s, err := store.Inspect(t.Context(), objects)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := s.List(t.Context())
	for _, e := range entries {
		if e.Savepoint {
			ids = append(ids, e.Checkpoint)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestACheckpointAndASavepointAreTakenWhenTheyAreAskedFor(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		s := newAsking(objects)
		s.rows, s.Interval, s.Retain = 15, 0, 1
		s.after(t, 300*time.Millisecond, (*Requests).Savepoint)
		s.after(t, 600*time.Millisecond, (*Requests).Checkpoint)
		if err := s.ends(t); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{
			"stored 1 savepoint", "committing [2]", "committed 1",
			"stored 2 manual", "committing [5]", "committed 2",
			"stored 3 end", "committing [14]", "committed 3",
		}, "stored", "commit")
		s.mustTell(t, []string{"asked: 1 <nil>", "asked: 2 <nil>"}, "asked")
		if ids := savepointsOf(t, objects); !slices.Equal(ids, []uint64{1}) {
			t.Errorf("savepoints %v", ids)
		}
	})
}

func TestAJobGoesBackToASavepointOfItsOwn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		s := newAsking(objects)
		s.rows, s.Retain = 55, 1
		s.after(t, 300*time.Millisecond, (*Requests).Savepoint)
		if err := s.ends(t); err != nil {
			t.Fatal(err)
		}
		next := newStory(objects)
		next.rows, next.From = 55, 1
		if err := next.run(t.Context()); err != nil || next.result.ResumedFrom != 1 {
			t.Fatalf("%+v, %v", next.result, err)
		}
		next.mustTell(t, []string{"resumed from 1", "recovered [2]", "reading from 3"}, "resumed", "recovered", "reading")
		if ids := savepointsOf(t, objects); !slices.Equal(ids, []uint64{1}) {
			t.Errorf("savepoints %v", ids)
		}
	})
}

func TestAJobIsStoppedWithASavepointAndGoesOnFromIt(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		s := newAsking(objects)
		s.after(t, 300*time.Millisecond, (*Requests).StopWithSavepoint)
		if err := s.ends(t); err != nil || s.result.Finished || s.result.LastCheckpoint != 1 {
			t.Fatalf("%+v, %v", s.result, err)
		}
		s.mustTell(t, []string{"stored 1 stop-savepoint", "committing [2]", "committed 1"}, "stored", "commit")
		s.mustTell(t, []string{"asked: 1 <nil>"}, "asked")
		next := newStory(objects)
		next.rows = 5
		if err := next.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		next.mustTell(t, []string{"resumed from 1", "reading from 3"}, "resumed", "reading")
	})
}

func TestTwoWhoAskAtOnceGetASavepointEach(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := mem.New()
		s := newAsking(objects)
		s.rows, s.Interval = 10, 0
		for range 2 {
			s.after(t, 300*time.Millisecond, (*Requests).Savepoint)
		}
		if err := s.ends(t); err != nil {
			t.Fatal(err)
		}
		told := s.told("asked")
		slices.Sort(told)
		if !slices.Equal(told, []string{"asked: 1 <nil>", "asked: 2 <nil>"}) {
			t.Error(told)
		}
		if ids := savepointsOf(t, objects); !slices.Equal(ids, []uint64{1, 2}) {
			t.Errorf("savepoints %v", ids)
		}
	})
}

func TestASavepointThatCannotBeStoredIsToldAndTheJobGoesOn(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		objects := fault.New(mem.New(), func(op fault.Op, name string, _ int) fault.Fault {
			if op == fault.Put && strings.HasPrefix(name, "savepoints/") {
				return fault.Before
			}
			return fault.None
		})
		s := newAsking(objects)
		s.rows, s.Tolerated = 15, 0
		s.after(t, 300*time.Millisecond, (*Requests).Savepoint)
		if err := s.ends(t); err != nil {
			t.Fatal(err)
		}
		told := s.told("asked")
		if len(told) != 1 || !strings.HasPrefix(told[0], "asked: 0 savepoint: manifest of checkpoint 1: ") {
			t.Error(told)
		}
		s.mustTell(t, nil, "restarting")
	})
}

func TestARequestHearsThatTheJobFailedAndALaterOneIsServedAfterTheRestart(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newAsking(mem.New())
		s.rows, s.Restarts = 25, 1
		s.at = failing("prepare", func(n int) error {
			if n == 1 {
				return errBroken
			}
			return nil
		})
		s.after(t, 300*time.Millisecond, (*Requests).Savepoint)
		s.after(t, 350*time.Millisecond, (*Requests).Savepoint) // in the pause before the restart
		if err := s.ends(t); err != nil {
			t.Fatal(err)
		}
		told := s.told("asked")
		if len(told) != 2 || !strings.HasPrefix(told[0], "asked: 0 savepoint: ") || !strings.Contains(told[0], "broken") {
			t.Fatal(told)
		}
		if told[1] != "asked: 2 <nil>" && told[1] != "asked: 1 <nil>" {
			t.Error(told)
		}
	})
}

func TestARequestOfAJobThatEndsIsAnswered(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newAsking(mem.New())
		s.rows = 5
		s.at = failing("commit", always) // so that it takes its last checkpoint and does not end
		s.after(t, 2*time.Second, (*Requests).Savepoint)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := s.run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		s.group.Wait()
		s.mustTell(t, []string{"asked: 0 savepoint: the tasks are about to end: no checkpoint follows their last"}, "asked")
	})
}

func TestWithoutARunARequestIsRefused(t *testing.T) {
	q := &Requests{}
	_, err := q.Savepoint(t.Context())
	if !errors.Is(err, ErrNotRunning) || base.KindOf(err) != base.Failed {
		t.Error(err)
	}
	bubble.Test(t, func(t *testing.T) {
		s := newAsking(mem.New())
		s.rows = 5
		if err := s.ends(t); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Requests.Checkpoint(t.Context()); !errors.Is(err, ErrNotRunning) {
			t.Error(err)
		}
	})
}

func TestWhoDoesNotWaitAnyLongerIsLetGo(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		s := newAsking(mem.New())
		s.rows = 25
		s.at = failing("discover", func(int) error { <-time.After(time.Minute); return nil })
		cause := errors.New("no time")
		s.group.Go(func() {
			<-time.After(time.Second)
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
			defer cancel()
			_, err := s.Requests.Savepoint(ctx)
			s.note("asked: %v", err)
		})
		if err := s.ends(t); err != nil {
			t.Fatal(err)
		}
		s.mustTell(t, []string{fmt.Sprint("asked: savepoint: ", cause)}, "asked")
		if stored := s.told("stored"); slices.Contains(stored, "stored 1 savepoint") {
			t.Errorf("it was taken for nobody: %v", stored)
		}
	})
}
