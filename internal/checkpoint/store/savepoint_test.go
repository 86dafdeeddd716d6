package store

import (
	"context"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// savepoint is a manifest like manifest's, of a savepoint.
func savepoint(s *Store, id uint64, tables ...string) *checkpoint.Manifest {
	m := manifest(s, id, tables...)
	m.Reason = checkpoint.ReasonSavepoint
	return m
}

// saved is a store with checkpoint 1, savepoint 2 and checkpoint 3, each of which shares a table with the one before.
func saved(t *testing.T, objects objstore.Store) *Store {
	t.Helper()
	s := running(t, objects)
	putTables(t, objects, "00/1", "01/12", "02/23", "03/3")
	save(t, s, 1, "00/1", "01/12")
	must(t, s.Save(t.Context(), savepoint(s, 2, "01/12", "02/23")))
	save(t, s, 3, "02/23", "03/3")
	return s
}

// listedIn are the numbers of the checkpoints, and those of the savepoints among them, that whoever comes now finds.
func listedIn(t *testing.T, objects objstore.Store) (all, savepoints []uint64) {
	t.Helper()
	entries, err := open(t, objects).List(t.Context())
	must(t, err)
	for _, e := range entries {
		if e.Damage != "" {
			t.Errorf("%+v", e)
		}
		all = append(all, e.Checkpoint)
		if e.Savepoint {
			savepoints = append(savepoints, e.Checkpoint)
		}
	}
	return all, savepoints
}

func mustList(t *testing.T, objects objstore.Store, all, savepoints []uint64) {
	t.Helper()
	a, s := listedIn(t, objects)
	if !slices.Equal(a, all) || !slices.Equal(s, savepoints) {
		t.Errorf("checkpoints %v, of which %v are savepoints, want %v and %v", a, s, all, savepoints)
	}
}

// sweep deletes what nobody needs while no job runs.
func sweep(t *testing.T, objects objstore.Store) {
	t.Helper()
	s := open(t, objects)
	garbage, err := s.Garbage(t.Context())
	must(t, err)
	must(t, s.Delete(t.Context(), garbage))
}

func TestASavepointOutlivesTheCheckpointsAroundIt(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := saved(t, objects)
		for range 2 {
			must(t, s.Retire(t.Context(), []uint64{3}, nobody, unused))
			sweep(t, objects)
		}
		mustList(t, objects, []uint64{2, 3}, []uint64{2})
		mustKeep(t, objects, []uint64{3}, "01/12 02/23 03/3") // it is none of those that are retired
		m, err := open(t, objects).Load(t.Context(), 2)
		if err != nil || m.Checkpoint != 2 || len(m.Tables()) != 2 {
			t.Errorf("%+v, %v", m, err)
		}
	})
}

func TestADeletedSavepointGoesWithTheNextCollection(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := saved(t, objects)
		must(t, DeleteSavepoint(t.Context(), objects, 2)) // while the job runs
		mustList(t, objects, []uint64{1, 3}, nil)
		// The attempt spares what it has written itself, but not what only the savepoint had.
		must(t, s.Retire(t.Context(), []uint64{3}, nobody, using("01/12", "02/23", "03/3")))
		mustKeep(t, objects, []uint64{3}, "02/23 03/3")
		if left := listed(t, objects, savepointPrefix); left != "" {
			t.Errorf("%s is left", left)
		}
	})
}

func TestADeletedSavepointIsGarbage(t *testing.T) {
	objects := mem.New()
	must(t, saved(t, objects).Retire(t.Context(), []uint64{3}, nobody, unused))
	must(t, DeleteSavepoint(t.Context(), objects, 2))
	sweep(t, objects)
	mustKeep(t, objects, []uint64{3}, "02/23 03/3")
	if left := listed(t, objects, savepointPrefix); left != "" {
		t.Errorf("%s is left", left)
	}
}

func TestTheJobGoesOnWhenASavepointIsDeleted(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := saved(t, objects)
		must(t, s.Save(t.Context(), savepoint(s, 4, "03/3")))
		must(t, DeleteSavepoint(t.Context(), objects, 2))
		must(t, s.Save(t.Context(), savepoint(s, 5, "03/3"))) // it does not know
		mustList(t, objects, []uint64{1, 3, 4, 5}, []uint64{4, 5})
		must(t, DeleteSavepoint(t.Context(), objects, 4))
		if _, err := s.BeginTerm(t.Context()); err != nil {
			t.Error(err)
		}
		mustList(t, objects, []uint64{1, 3, 5}, []uint64{5})
	})
}

// lossy loses the answer to one swap, and does something before that is noticed.
type lossy struct {
	objstore.Store
	then func()
}

func (l *lossy) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	v, err := l.Store.Swap(ctx, name, old, data)
	if then := l.then; then != nil && err == nil {
		l.then = nil
		then()
		return "", fault.ErrInjected
	}
	return v, err
}

func TestASavepointThatIsDeletedBeforeItsAnswerComesStaysDeleted(t *testing.T) {
	objects := &lossy{Store: mem.New()}
	s := saved(t, objects)
	objects.then = func() { must(t, DeleteSavepoint(t.Context(), objects.Store, 4)) }
	must(t, s.Save(t.Context(), savepoint(s, 4, "03/3")))
	save(t, s, 5, "03/3")
	mustList(t, objects, []uint64{1, 2, 3, 5}, []uint64{2})
}

func TestASavepointThatIsTheNewestCheckpointIsStillGoneOnFromWhenItIsDeleted(t *testing.T) {
	objects := mem.New()
	s := saved(t, objects)
	putTables(t, objects, "04/4")
	must(t, s.Save(t.Context(), savepoint(s, 4, "03/3", "04/4")))
	must(t, DeleteSavepoint(t.Context(), objects, 4))
	must(t, s.Retire(t.Context(), []uint64{3}, nobody, unused))
	sweep(t, objects)
	if id := latest(t, objects); id != 4 {
		t.Errorf("the newest is %d", id)
	}
	save(t, s, 5, "03/3")
	must(t, s.Retire(t.Context(), []uint64{3, 5}, nobody, unused))
	mustList(t, objects, []uint64{2, 3, 5}, []uint64{2})
	mustKeep(t, objects, []uint64{3, 5}, "01/12 02/23 03/3")
}

func TestOnlySavepointsAreDeletedByTheirNumber(t *testing.T) {
	objects := mem.New()
	saved(t, objects)
	mustSay(t, DeleteSavepoint(t.Context(), objects, 3), base.Config, "no savepoint 3", "it has 2")
	must(t, DeleteSavepoint(t.Context(), objects, 2))
	mustSay(t, DeleteSavepoint(t.Context(), objects, 2), base.Config, "no savepoint 2", "it has none")
}

// cut is a store that fails from its nth request on, which arrives or does not.
func cut(objects objstore.Store, n int, f fault.Fault) *fault.Store {
	asked := 0
	return fault.New(objects, func(op fault.Op, _ string, _ int) fault.Fault {
		switch asked++; {
		case asked < n:
			return fault.None
		case asked == n && (f == fault.Before || op.Writes()):
			return f
		}
		return fault.Before
	})
}

// stopAtEvery tells the story of a process that dies at each of its requests, until it finishes.
func stopAtEvery(t *testing.T, story func(objstore.Store) error, after func(objects *mem.Store, finished bool)) {
	t.Helper()
	for _, f := range []fault.Fault{fault.Before, fault.After} {
		finished := false
		for n := 1; !finished && n < 100; n++ {
			objects := mem.New()
			saved(t, objects)
			putTables(t, objects, "05/new")
			finished = story(cut(objects, n, f)) == nil
			after(objects, finished)
			mustBeWhole(t, objects)
		}
		if !finished {
			t.Error("it never comes to its end")
		}
	}
}

func TestAKillWhileASavepointIsStoredLosesNothingAndLeavesNothing(t *testing.T) {
	stopAtEvery(t, func(objects objstore.Store) error {
		s, err := Open(t.Context(), objects, job)
		if err != nil {
			return err
		}
		if _, err := s.BeginTerm(t.Context()); err != nil {
			return err
		}
		return s.Save(t.Context(), savepoint(s, 4, "05/new"))
	}, func(objects *mem.Store, finished bool) {
		_, savepoints := listedIn(t, objects)
		there := slices.Equal(savepoints, []uint64{2, 4})
		if !there && (finished || !slices.Equal(savepoints, []uint64{2})) {
			t.Fatalf("savepoints %v, finished: %v", savepoints, finished)
		}
		if is := latest(t, objects) == 4; is != there {
			t.Errorf("it is listed: %v; it is the newest checkpoint: %v", there, is)
		}
		next := running(t, objects)
		last, _, err := next.Retained(t.Context())
		must(t, err)
		save(t, next, last+1, "03/3")
		save(t, next, last+2, "03/3")
		must(t, next.Retire(t.Context(), []uint64{3, last + 2}, nobody, unused))
		_, err = objects.Stat(t.Context(), checkpoint.TablePrefix+"05/new")
		if kept := err == nil; kept != there {
			t.Errorf("it is listed: %v; its table is kept: %v", there, kept)
		}
	})
}

func TestAKillWhileASavepointIsDeletedDeletesItOrNot(t *testing.T) {
	stopAtEvery(t, func(objects objstore.Store) error {
		if err := DeleteSavepoint(t.Context(), objects, 2); err != nil {
			return err
		}
		s, err := Open(t.Context(), objects, job)
		if err != nil {
			return err
		}
		return s.Retire(t.Context(), []uint64{3}, nobody, unused)
	}, func(objects *mem.Store, finished bool) {
		_, savepoints := listedIn(t, objects)
		if finished && len(savepoints) > 0 {
			t.Error("it is still there")
		}
		sweep(t, objects)
		_, err := objects.Stat(t.Context(), checkpoint.TablePrefix+"01/12")
		all, _ := listedIn(t, objects)
		if kept := err == nil; kept != (slices.Contains(all, 1) || len(savepoints) > 0) {
			t.Errorf("checkpoints %v, savepoints %v; the table is kept: %v", all, savepoints, kept)
		}
	})
}

func TestASavepointOfADeposedCoordinatorIsNone(t *testing.T) {
	objects := mem.New()
	old := saved(t, objects)
	putTables(t, objects, "05/old", "06/new")
	next := running(t, objects)
	mustSay(t, old.Save(t.Context(), savepoint(old, 4, "05/old")), base.Failed, "deposed")
	must(t, next.Save(t.Context(), savepoint(next, 4, "06/new")))
	save(t, next, 5, "06/new")
	mustList(t, objects, []uint64{1, 2, 3, 4, 5}, []uint64{2, 4})
	m, err := open(t, objects).Load(t.Context(), 4)
	if err != nil || m.Term != 2 {
		t.Errorf("%+v, %v", m, err)
	}
	must(t, next.Retire(t.Context(), []uint64{5}, nobody, unused))
	mustKeep(t, objects, []uint64{5}, "01/12 02/23 06/new")
}

// A collection is slow: a savepoint may be stored while it looks around.
func TestASavepointThatIsStoredDuringACollectionKeepsItsTables(t *testing.T) {
	for _, prefix := range []string{manifestPrefix, savepointPrefix, checkpoint.TablePrefix} {
		inner := mem.New()
		objects := &between{Store: inner, prefix: prefix}
		s := saved(t, objects)
		used := []string{"05/4"}
		putTables(t, inner, "05/4")
		objects.do = func() {
			must(t, s.Save(t.Context(), savepoint(s, 4, "03/3", "05/4")))
			used = nil
		}
		must(t, s.Retire(t.Context(), []uint64{3}, nobody, func(table string) bool { return using(used...)(table) }))
		mustBeWhole(t, inner)
		mustList(t, inner, []uint64{2, 3, 4}, []uint64{2, 4})
	}
}

func TestADamagedSavepointKeepsAllTablesUntilItIsDeleted(t *testing.T) {
	objects := mem.New()
	s := saved(t, objects)
	replace(t, objects, s.head.Savepoints[0], flipBit)
	mustSay(t, s.Retire(t.Context(), []uint64{3}, nobody, unused), base.Corrupt, s.head.Savepoints[0], "checksum")
	if got := tables(t, objects); got != "00/1 01/12 02/23 03/3" {
		t.Errorf("tables %q are left", got)
	}
	must(t, DeleteSavepoint(t.Context(), objects, 2))
	must(t, s.Retire(t.Context(), []uint64{3}, nobody, unused))
	mustKeep(t, objects, []uint64{3}, "02/23 03/3")
}

func TestALostSavepointIsShownAsDamaged(t *testing.T) {
	objects := mem.New()
	s := saved(t, objects)
	must(t, objects.Delete(context.Background(), s.head.Savepoints[0]))
	entries, err := open(t, objects).List(t.Context())
	if err != nil || len(entries) != 3 || entries[1].Damage == "" || !entries[1].Savepoint {
		t.Errorf("%+v, %v", entries, err)
	}
	mustSay(t, s.Retire(t.Context(), []uint64{3}, nobody, unused), base.Corrupt, "is missing")
}
