package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// everything is what a collector hears of the tables of its own attempt.
func everything(string) bool { return true }

func TestNothingIsDeletedTwice(t *testing.T) {
	inner := mem.New()
	three(t, inner)
	var deleted []string
	objects := fault.New(inner, func(op fault.Op, name string, _ int) fault.Fault {
		if op == fault.Delete {
			deleted = append(deleted, name)
		}
		return fault.None
	})
	must(t, open(t, objects).Retire(t.Context(), []uint64{3}, nobody, unused))
	if n := len(deleted); n != 5 || len(slices.Compact(slices.Sorted(slices.Values(deleted)))) != n {
		t.Errorf("deleted %q", deleted)
	}
}

// Its tables may be anybody's: they go when nothing spares them any longer.
func TestTablesOfARetiredManifestThatCannotBeReadWaitForALaterAttempt(t *testing.T) {
	objects := mem.New()
	s := three(t, objects)
	m, err := s.names(t.Context())
	must(t, err)
	replace(t, objects, m[1][0], flipBit)
	must(t, s.Retire(t.Context(), []uint64{3}, nobody, everything))
	mustKeep(t, objects, []uint64{3}, "00/1 02/23 03/3 04/stray") // 01/12 was in checkpoint 2 as well
	must(t, running(t, objects).Retire(t.Context(), []uint64{3}, nobody, unused))
	mustKeep(t, objects, []uint64{3}, "02/23 03/3")
}

// A coordinator that could not advance the head leaves a manifest with tables that its attempt goes on to use:
// those that a later checkpoint names stay.
func TestOfACheckpointThatWasNeverNamedTheTablesInUseStay(t *testing.T) {
	inner := mem.New()
	objects, plan := faulty(inner)
	s := three(t, objects)
	putTables(t, inner, "05/4", "06/4")
	abandon(t, s, plan, 4, "03/3", "05/4", "06/4")
	save(t, s, 5, "03/3", "06/4")
	must(t, s.Retire(t.Context(), []uint64{5}, nobody, everything))
	mustKeep(t, inner, []uint64{5}, "03/3 04/stray 06/4")
}

func TestTablesThatCouldNotBeDeletedWithTheirManifestAreFoundByALaterAttempt(t *testing.T) {
	inner := mem.New()
	three(t, inner)
	objects := fault.New(inner, func(op fault.Op, name string, _ int) fault.Fault {
		if op == fault.Delete && name == "shards/01/12" {
			return fault.Before
		}
		return fault.None
	})
	if err := open(t, objects).Retire(t.Context(), []uint64{3}, nobody, everything); !errors.Is(err, fault.ErrInjected) {
		t.Errorf("%v", err)
	}
	mustBeWhole(t, inner)
	must(t, open(t, inner).Retire(t.Context(), []uint64{3}, nobody, unused))
	mustKeep(t, inner, []uint64{3}, "02/23 03/3")
}
