package flow

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestABatchGrowsRowByRowWithItsTimes(t *testing.T) {
	var b Batch[string]
	b.Append("a", 5)
	*b.Next(7) = "b"
	if b.Len() != 2 || fmt.Sprint(b.Rows, b.Times) != "[a b] [5 7]" {
		t.Errorf("%+v", b)
	}
}

func TestANextRowIsZeroAlsoInMemoryThatWasUsed(t *testing.T) {
	type row struct{ N, M int }
	b := Batch[row]{Rows: make([]row, 0, 4)}
	b.Append(row{1, 2}, 1)
	b.Rows, b.Times = b.Rows[:0], b.Times[:0] // not Reset: the memory is as it was
	if got := *b.Next(1); got != (row{}) {
		t.Errorf("%+v", got)
	}
}

func TestResetForgetsRowsAndKeepsTheirMemory(t *testing.T) {
	b := Batch[*int]{Hashes: []uint64{1}, Bad: []BadRecord{{Raw: []byte("x")}}}
	for range 10 {
		b.Append(new(int), 1)
	}
	rows, bad := b.Rows, b.Bad
	b.Reset()
	if b.Len()+len(b.Times)+len(b.Hashes)+len(b.Bad) != 0 || cap(b.Rows) < 10 || cap(b.Times) < 10 {
		t.Errorf("%+v with room for %d", b, cap(b.Rows))
	}
	if slices.ContainsFunc(rows, func(p *int) bool { return p != nil }) || bad[0].Raw != nil {
		t.Error("what was in it cannot be freed")
	}
}

func TestACollectorTakesRowsWithTheTimeOfTheMoment(t *testing.T) {
	var b Batch[int]
	time := int64(3)
	c := NewCollector(&b, &time)
	c.Emit(1)
	time = 9
	c.Emit(2)
	c.EmitAt(3, 100)
	*c.Next() = 4
	if fmt.Sprint(b.Rows, b.Times) != "[1 2 3 4] [3 9 100 9]" {
		t.Errorf("%+v", b)
	}
}

// desk is an Engine that writes down what it is asked.
type desk struct {
	key   string
	asked []string
	err   error
	// accesses is how often a slot has been asked for, shut that there is none.
	accesses int
	shut     bool
	late     int
}

func (d *desk) Key() any                    { return &d.key }
func (d *desk) FirstAccess() (uint32, bool) { d.accesses++; return 8, !d.shut }
func (d *desk) note(what string, slot uint32, time int64) error {
	d.asked = append(d.asked, fmt.Sprintf("%s %d@%d", what, slot, time))
	return d.err
}
func (d *desk) RegisterEventTimer(s uint32, t int64) error      { return d.note("event", s, t) }
func (d *desk) RegisterProcessingTimer(s uint32, t int64) error { return d.note("clock", s, t) }
func (d *desk) CancelEventTimer(s uint32, t int64) error        { return d.note("no event", s, t) }
func (d *desk) CancelProcessingTimer(s uint32, t int64) error   { return d.note("no clock", s, t) }
func (d *desk) Side(any) any                                    { return nil }
func (d *desk) ProcessingTime() int64                           { return 42 }
func (d *desk) CountLate()                                      { d.late++ }

// timers are the four things to do with a timer.
func timers(c *Context, time int64) []error {
	return []error{
		c.RegisterEventTimer(time), c.RegisterProcessingTimer(time),
		c.CancelEventTimer(time), c.CancelProcessingTimer(time),
	}
}

func TestAContextIsThatOfItsCall(t *testing.T) {
	d := &desk{key: "k"}
	c := NewContext(t.Context(), d)
	if c.Time != NoTime || c.Watermark != NoTime {
		t.Errorf("before the first call it is %d, the watermark %d", c.Time, c.Watermark)
	}
	c.Enter(7, 100)
	if Key[string](c) != "k" || c.ProcessingTime() != 42 {
		t.Errorf("key %q, processing time %d", Key[string](c), c.ProcessingTime())
	}
	if slot, active := c.Slot(); slot != 7 || !active || c.Time != 100 {
		t.Errorf("slot %d, active %v, time %d", slot, active, c.Time)
	}
	if c.CountLate(); d.late != 1 {
		t.Errorf("%d late rows", d.late)
	}
	if err := errors.Join(timers(c, 5)...); err != nil {
		t.Error(err)
	}
	if got := fmt.Sprint(d.asked); got != "[event 7@5 clock 7@5 no event 7@5 no clock 7@5]" {
		t.Errorf("%s", got)
	}
}

func TestACallThatHasBegunAsksForItsSlotAtItsFirstAccess(t *testing.T) {
	d := &desk{key: "k"}
	c := NewContext(t.Context(), d)
	c.Begin(100)
	if Key[string](c) != "k" || c.Time != 100 || d.accesses != 0 {
		t.Errorf("key %q, time %d, %d accesses", Key[string](c), c.Time, d.accesses)
	}
	if err := errors.Join(timers(c, 5)...); err != nil {
		t.Error(err)
	}
	if slot, active := c.Slot(); slot != 8 || !active || d.accesses != 1 {
		t.Errorf("slot %d, active %v, %d accesses", slot, active, d.accesses)
	}
	c.Leave()
	if _, active := c.Slot(); active || d.accesses != 1 {
		t.Errorf("active %v after the call, %d accesses", active, d.accesses)
	}
	d.shut = true
	c.Begin(101)
	if err := c.RegisterEventTimer(5); !errors.Is(err, ErrOutsideCall) {
		t.Errorf("in a task that ends: %v", err)
	}
}

func TestTimersOutsideACallAreRefused(t *testing.T) {
	d := &desk{}
	c := NewContext(t.Context(), d)
	check := func(when string) {
		for i, err := range timers(c, 5) {
			if !errors.Is(err, ErrOutsideCall) {
				t.Errorf("%s, %d: %v", when, i, err)
			}
		}
	}
	check("before the first call")
	c.Enter(1, 1)
	c.Leave()
	check("after a call")
	if _, active := c.Slot(); active || len(d.asked) > 0 {
		t.Errorf("active %v, asked %v", active, d.asked)
	}
}

func TestWhatTheEngineRefusesTheFunctionHears(t *testing.T) {
	c := NewContext(t.Context(), &desk{err: ErrNoTimers})
	c.Enter(1, 1)
	for i, err := range timers(c, 5) {
		if !errors.Is(err, ErrNoTimers) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestAContextEndsWithTheTask(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	c := NewContext(ctx, &desk{})
	cause := errors.New("the task must stop")
	cancel(cause)
	<-c.Done()
	if context.Cause(c) != cause {
		t.Errorf("%v", context.Cause(c))
	}
}

func TestTheEndsOfTimeEncloseAllTimes(t *testing.T) {
	for _, t0 := range []int64{-1 << 62, 0, 1 << 62} {
		if NoTime >= t0 || EndOfTime <= t0 {
			t.Errorf("%d is outside", t0)
		}
	}
}
