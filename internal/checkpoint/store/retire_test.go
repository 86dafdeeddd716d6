package store

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func unused(string) bool { return false }

// nobody reads a table.
func nobody(string) bool { return false }

// using is a process that needs some tables.
func using(names ...string) func(string) bool {
	return func(table string) bool { return slices.Contains(names, strings.TrimPrefix(table, "shards/")) }
}

// three is a store with checkpoints 1, 2 and 3, each of which shares a table with the one before, and a table
// that nobody knows.
func three(t *testing.T, objects objstore.Store) *Store {
	t.Helper()
	s := running(t, objects)
	putTables(t, objects, "00/1", "01/12", "02/23", "03/3", "04/stray")
	save(t, s, 1, "00/1", "01/12")
	save(t, s, 2, "01/12", "02/23")
	save(t, s, 3, "02/23", "03/3")
	return s
}

// mustKeep checks which checkpoints and tables are there.
func mustKeep(t *testing.T, objects objstore.Store, ids []uint64, names string) {
	t.Helper()
	_, all, err := open(t, objects).Retained(t.Context())
	if err != nil || !slices.Equal(all, ids) {
		t.Errorf("checkpoints %v are there, %v, want %v", all, err, ids)
	}
	if got := tables(t, objects); got != names {
		t.Errorf("tables %q are there, want %q", got, names)
	}
}

func TestRetiringDeletesWhatIsUnreachableAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		keep  []uint64
		inUse func(string) bool
		ids   []uint64
		left  string
	}{
		"all are kept":        {[]uint64{1, 2, 3}, unused, []uint64{1, 2, 3}, "00/1 01/12 02/23 03/3"},
		"the oldest goes":     {[]uint64{2, 3}, unused, []uint64{2, 3}, "01/12 02/23 03/3"},
		"one in between goes": {[]uint64{1, 3}, unused, []uint64{1, 3}, "00/1 01/12 02/23 03/3"},
		"the newest alone":    {[]uint64{3}, unused, []uint64{3}, "02/23 03/3"},
		"what is in use stays": {
			[]uint64{1, 2, 3}, using("04/stray"), []uint64{1, 2, 3}, "00/1 01/12 02/23 03/3 04/stray",
		},
		"a number not there":  {[]uint64{3, 7}, unused, []uint64{3}, "02/23 03/3"},
		"one table is in use": {[]uint64{2, 3}, using("01/12"), []uint64{2, 3}, "01/12 02/23 03/3"},
		// An attempt spares all that it has written; what its checkpoints have done without since is to go all the same.
		"of a checkpoint that goes, what may be in use": {
			[]uint64{3}, using("00/1", "01/12", "02/23", "04/stray"), []uint64{3}, "02/23 03/3 04/stray",
		},
		"in use and still in another": {[]uint64{2, 3}, using("00/1", "01/12"), []uint64{2, 3}, "01/12 02/23 03/3"},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, objects objstore.Store) {
				s := three(t, objects)
				must(t, s.Retire(t.Context(), c.keep, nobody, c.inUse))
				mustKeep(t, objects, c.ids, c.left)
				must(t, s.Retire(t.Context(), c.keep, nobody, c.inUse))
				mustKeep(t, objects, c.ids, c.left)
			})
		})
	}
}

func TestWhatIsStillReadStaysUntilItIsNot(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := three(t, objects)
		must(t, s.Retire(t.Context(), []uint64{3}, using("00/1", "04/stray"), unused))
		mustKeep(t, objects, []uint64{3}, "00/1 02/23 03/3 04/stray")
		must(t, s.Retire(t.Context(), []uint64{3}, nobody, unused))
		mustKeep(t, objects, []uint64{3}, "02/23 03/3")
	})
}

func TestObjectsThatAreNotCheckpointsAreLeftAlone(t *testing.T) {
	objects := mem.New()
	s := three(t, objects)
	others := []string{"checkpoints/readme", "checkpoints/x.manifest", "elsewhere/x", "shardsx"}
	for _, name := range others {
		must(t, objects.PutIfAbsent(t.Context(), name, nil))
	}
	must(t, s.Retire(t.Context(), []uint64{3}, nobody, unused))
	for _, name := range append(others, headName) {
		if _, err := objects.Stat(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	mustKeep(t, objects, []uint64{3}, "02/23 03/3")
}

// Collections are slow and run behind the job's back: newer checkpoints appear before one has looked around.
func TestACollectionThatIsLateSparesWhatCameAfterIt(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := three(t, objects)
		must(t, s.Retire(t.Context(), []uint64{1, 2}, nobody, unused)) // decided on before checkpoint 3
		mustKeep(t, objects, []uint64{1, 2, 3}, "00/1 01/12 02/23 03/3")
		if id := latest(t, objects); id != 3 {
			t.Errorf("latest %d", id)
		}
	})
}

// between does something after the objects of a prefix were listed and before the caller sees them.
type between struct {
	objstore.Store
	prefix string
	do     func()
}

func (b *between) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		var all []objstore.Object
		for o, err := range b.Store.List(ctx, prefix) {
			if err != nil {
				yield(o, err)
				return
			}
			all = append(all, o)
		}
		if do := b.do; prefix == b.prefix && do != nil {
			b.do = nil
			do()
		}
		for _, o := range all {
			if !yield(o, nil) {
				return
			}
		}
	}
}

// A table leaves the set of those in use when a checkpoint is stored that does without it: the one stored
// before, which needs it, may have come after the manifests were listed.
func TestACheckpointThatIsSavedDuringACollectionKeepsItsTables(t *testing.T) {
	for _, prefix := range []string{"checkpoints/", "shards/"} {
		inner := mem.New()
		objects := &between{Store: inner, prefix: prefix}
		s := three(t, objects)
		used := []string{"05/4"}
		putTables(t, inner, "05/4")
		objects.do = func() {
			save(t, s, 4, "03/3", "05/4")
			used = nil
		}
		must(t, s.Retire(t.Context(), []uint64{2, 3}, nobody, func(table string) bool { return using(used...)(table) }))
		if got := tables(t, inner); !strings.Contains(got, "05/4") {
			t.Errorf("saved while %s was listed: of checkpoint 4 there is only %s", prefix, got)
		}
	}
}

func TestTheManifestsGoBeforeTheirTables(t *testing.T) {
	inner := mem.New()
	three(t, inner)
	for stop := 1; stop <= 6; stop++ {
		crashed := inner.Clone()
		n := 0
		objects := fault.New(crashed, func(op fault.Op, _ string, _ int) fault.Fault {
			if op == fault.Delete {
				n++
			}
			if n > stop {
				return fault.Before
			}
			return fault.None
		})
		err := open(t, objects).Retire(t.Context(), []uint64{3}, nobody, unused)
		if finished := stop >= 5; (err == nil) != finished {
			t.Errorf("stopped after %d deletions: %v", stop, err)
		}
		mustBeWhole(t, crashed)
		must(t, open(t, crashed).Retire(t.Context(), []uint64{3}, nobody, unused))
		mustKeep(t, crashed, []uint64{3}, "02/23 03/3")
	}
}

// mustBeWhole checks that each checkpoint that is there can be read, and has its tables.
func mustBeWhole(t *testing.T, objects objstore.Store) {
	t.Helper()
	if wrong := incomplete(t.Context(), objects); wrong != nil {
		t.Error(wrong)
	}
}

// incomplete says what is missing of the checkpoints that are there, if anything is.
func incomplete(ctx context.Context, objects objstore.Store) error {
	s, err := Inspect(ctx, objects)
	if err != nil {
		return err
	}
	all, err := s.List(ctx)
	if err != nil {
		return err
	}
	for _, e := range all {
		id := e.Checkpoint
		m, err := s.Load(ctx, id)
		if err != nil {
			return err
		}
		for _, table := range m.Tables() {
			if _, err := objects.Stat(ctx, table.Name); err != nil {
				return base.Errorf(base.Corrupt, "checkpoint %d: %w", id, err)
			}
		}
	}
	return nil
}

func TestAManifestThatCannotBeReadKeepsAllTables(t *testing.T) {
	objects := mem.New()
	s := three(t, objects)
	replace(t, objects, s.head.Manifest, flipBit)
	err := s.Retire(t.Context(), []uint64{3}, nobody, unused)
	mustSay(t, err, base.Corrupt, s.head.Manifest, "checksum")
	if got := tables(t, objects); got != "00/1 01/12 02/23 03/3 04/stray" {
		t.Errorf("tables %q are left", got)
	}
}

func TestACollectionThatCannotListDeletesNothing(t *testing.T) {
	for failing := 1; failing <= 2; failing++ {
		inner := mem.New()
		three(t, inner)
		n := 0
		objects := fault.New(inner, func(op fault.Op, _ string, _ int) fault.Fault {
			if op == fault.List {
				n++
			}
			if op == fault.List && n == failing {
				return fault.Before
			}
			return fault.None
		})
		err := open(t, objects).Retire(t.Context(), []uint64{1, 2, 3}, nobody, unused)
		if !errors.Is(err, fault.ErrInjected) {
			t.Errorf("list %d failed: %v", failing, err)
		}
		mustKeep(t, inner, []uint64{1, 2, 3}, "00/1 01/12 02/23 03/3 04/stray")
	}
}

func TestADeposedCoordinatorCollectsNothing(t *testing.T) {
	objects := mem.New()
	old := three(t, objects)
	running(t, objects) // and goes on from checkpoint 1, say
	putTables(t, objects, "06/young")
	err := old.Retire(t.Context(), []uint64{3}, nobody, unused)
	mustSay(t, err, base.Failed, "deposed", "term 2 has begun")
	mustKeep(t, objects, []uint64{1, 2, 3}, "00/1 01/12 02/23 03/3 04/stray 06/young")
}
