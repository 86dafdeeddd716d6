package operator

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

func TestEveryReceiverOfAFanGetsItsOwnCopy(t *testing.T) {
	a, b, c := &stage[int]{}, &stage[int]{}, &stage[int]{}
	increase := func(to *stage[int]) Receiver[int] { // changes its rows in place
		return NewFilter(place("greedy"), to, func(n *int) bool { *n += 100; return true })
	}
	to := As[int](fan[int]([]any{increase(a), increase(b), Receiver[int](c)}))
	must(t, to.Batch(rowsOf(1, 2)))
	a.expect(t, "101@1 102@2")
	b.expect(t, "101@1 102@2")
	c.expect(t, "1@1 2@2")
}

func TestAFanTellsAllItsReceiversOfTime(t *testing.T) {
	a, b := &stage[int]{}, &stage[int]{}
	to := As[int](fan[int]([]any{Receiver[int](a), Receiver[int](b)}))
	must(t, to.Watermark(3))
	must(t, to.Idle(true))
	for _, s := range []*stage[int]{a, b} {
		s.expect(t, "w3 idle true")
	}
}

func TestAFanOfOneIsThatOne(t *testing.T) {
	a := &stage[int]{}
	if got := fan[int]([]any{a}); got != any(a) {
		t.Errorf("%T stands before the only receiver", got)
	}
}

func TestRowsThatNobodyTakesAreDropped(t *testing.T) {
	to := As[int](fan[int](nil))
	must(t, to.Batch(rowsOf(1)))
	must(t, to.Watermark(1))
	must(t, to.Idle(true))
}

func TestARowTypeHandsBatchesToItsReceiver(t *testing.T) {
	a := &stage[string]{}
	rows := RowTypeOf[string]()
	if rows.Name != "string" || RowTypeOf[flow.Windowed[string, int64]]().Name == "" {
		t.Errorf("name %q", rows.Name)
	}
	must(t, rows.Deliver(Receiver[string](a), Left)(rowsOf("x")))
	a.expect(t, "x@1")
}

func TestAReceiverOfOtherRowsIsAMistakeInTheConstruction(t *testing.T) {
	defer func() {
		if p, ok := recover().(string); !ok || !strings.Contains(p, "does not take rows of int") {
			t.Errorf("%v", p)
		}
	}()
	As[int](&stage[string]{})
}

func TestAPoolIsSharedByAllOperatorsWithItsRows(t *testing.T) {
	type mine struct{ N int }
	if first, second := PoolOf[mine](), PoolOf[mine](); first != second {
		t.Error("there are two pools for one type of rows")
	}
	b := PoolOf[mine]().Get()
	if b.Len() != 0 || cap(b.Rows) == 0 {
		t.Errorf("%d rows with room for %d", b.Len(), cap(b.Rows))
	}
	b.Append(mine{1}, 5)
	b.Hashes = append(b.Hashes, 7)
	PoolOf[mine]().Put(b)
	if again := PoolOf[mine]().Get(); again.Len() != 0 || len(again.Times) != 0 || len(again.Hashes) != 0 {
		t.Errorf("%+v", again)
	}
}
