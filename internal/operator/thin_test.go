package operator

import (
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// thinRig has rows of a, which have to be read for, and of b and c, which have not.
func thinRig(t *testing.T, place func(*Env)) *shelfRig {
	t.Helper()
	newEntries := func() ProcessFunc[event, string] { return &entries{} }
	r := newShelfRigOf(t, newEntries, place, event{"a", 0, 1}, event{"b", 0, 2}, event{"c", 0, 1})
	r.rows(nil, event{"b", 0, 1}, event{"c", 0, 1})
	r.passes()
	r.wants("b1=2, c1=2")
	return r
}

func bounded(env *Env) { env.Budget = keyed.NewBudget(64 << 20) }

func TestOfABatchOfWhichFewRowsWaitTheOthersDoNotCount(t *testing.T) {
	bytes := map[bool]int64{}
	for _, short := range []bool{false, true} {
		place := strict
		if short {
			place = bounded
		}
		r := thinRig(t, place)
		r.rows(nil, slices.Concat([]event{{"a", 0, 3}}, slices.Repeat([]event{{"c", 0, 9}}, 15), []event{{"a", 0, 7}})...)
		r.out.seen = nil
		bytes[short] = r.op().limit.Bytes()
		r.all()
		r.wants("a3=2, a7=3")
		if left := r.op().limit.Bytes(); left != 0 {
			t.Errorf("%d bytes are in flight at the end", left)
		}
	}
	if bytes[true] == 0 || bytes[true] > bytes[false]/4 {
		t.Errorf("%d bytes are in flight, and %d where there is room", bytes[true], bytes[false])
	}
}

func TestABatchStaysWhileAFunctionIsInTheMiddleOfOneOfItsRows(t *testing.T) {
	r := thinRig(t, bounded)
	r.rows(nil, slices.Concat([]event{{"b", 0, 2}, {"a", 0, 3}}, slices.Repeat([]event{{"c", 0, 9}}, 10))...)
	r.out.seen = nil
	if in, asleep := r.op().flight.InFlight(), r.op().flight.Parked(); in != 2 || asleep != 1 {
		t.Errorf("%d in flight, %d asleep", in, asleep)
	}
	r.all()
	slices.Sort(r.out.seen) // whichever read comes first
	r.wants("a3=2, b2 hears 1 true, b2=3")
}
