package window

import (
	"strings"
	"testing"
	"time"
)

func TestAnInvalidTriggerSaysWhatIsWrong(t *testing.T) {
	minute := Tumbling(time.Minute)
	for _, c := range []struct {
		w    Window
		want string
	}{
		{minute.Trigger(Trigger{}), "the trigger never fires: give it a condition, such as EventTime"},
		{minute.Trigger(Trigger{Purging: true}), "the trigger never fires"},
		{minute.Trigger(Trigger{Count: -1}), "the trigger fires for every -1 rows: it must be a positive number"},
		{minute.Trigger(Trigger{ContinuousEventTime: time.Microsecond}), "the trigger fires every 1µs of event time"},
		{minute.Trigger(Trigger{ContinuousProcessingTime: -time.Second}), "the trigger fires every -1s of processing time"},
		{Global(), "a global window never ends: give it a Trigger"},
		{Global().Trigger(Trigger{ProcessingTime: true}), "use ContinuousProcessingTime"},
		{Global().Trigger(Trigger{Count: 1}).Offset(time.Second), "neither an offset nor lateness"},
		{Global().Trigger(Trigger{Count: 1}).AllowedLateness(time.Second), "neither an offset nor lateness"},
	} {
		if err := c.w.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.w, err, c.want)
		}
	}
	for _, w := range []Window{
		minute.Trigger(Trigger{Count: 3}), Global().Trigger(Trigger{EventTime: true}),
		Session(time.Second).Trigger(Trigger{EventTime: true, ContinuousEventTime: time.Second, Purging: true}),
	} {
		if err := w.Validate(); err != nil {
			t.Errorf("%+v: %v", w, err)
		}
	}
}

func TestWindowsFireByEventTimeWithoutATrigger(t *testing.T) {
	byEventTime := Trigger{EventTime: true}
	for _, c := range []struct {
		w     Window
		want  Trigger
		plain bool
	}{
		{Tumbling(time.Second), byEventTime, true},
		{Tumbling(time.Second).Trigger(byEventTime), byEventTime, true},
		{Tumbling(time.Second).Trigger(Trigger{Count: 2}), Trigger{Count: 2}, false},
		{Global().Trigger(byEventTime), byEventTime, false},
	} {
		if got := c.w.Triggered(); got != c.want || c.w.IsPlain() != c.plain || c.w.IsGlobal() != (c.w.kind == global) {
			t.Errorf("%+v: %+v, plain %v", c.w, got, c.w.IsPlain())
		}
	}
}

func TestNextIsTheFirstMultipleBehindATime(t *testing.T) {
	for at, want := range map[int64]int64{-1: 0, 0: 10, 9: 10, 10: 20, -10: 0, -11: -10} {
		if got := Next(at, 10*time.Millisecond); got != want {
			t.Errorf("behind %d: %d, want %d", at, got, want)
		}
	}
}
