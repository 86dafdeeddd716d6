package window

import (
	"fmt"
	"time"
)

// Window describes windows. It is a value; the zero Window is not valid.
type Window struct {
	kind                              kind
	size, slide, gap, offset, allowed time.Duration
	trigger                           Trigger
	triggered                         bool // a trigger has been set
}

type kind uint8

const (
	none kind = iota
	fixed
	session
	global
)

// Tumbling returns windows of a size, one after the other.
func Tumbling(size time.Duration) Window { return Window{kind: fixed, size: size, slide: size} }

// Sliding returns windows of a size that begin every slide.
func Sliding(size, slide time.Duration) Window { return Window{kind: fixed, size: size, slide: slide} }

// Session returns windows that end when a key has had no row for longer than the gap.
func Session(gap time.Duration) Window { return Window{kind: session, gap: gap} }

// Global returns the one window that holds all rows of a key and never ends. It needs a [Trigger].
func Global() Window { return Window{kind: global} }

// AllowedLateness keeps windows for that long after their ends: a row that comes late within it is counted,
// and the window's result is emitted again.
func (w Window) AllowedLateness(d time.Duration) Window { w.allowed = d; return w }

// Offset moves the beginning of tumbling and sliding windows: by default one begins at 1970-01-01 00:00 UTC.
func (w Window) Offset(d time.Duration) Window { w.offset = d; return w }

// Trigger says when windows fire, instead of when they are complete.
func (w Window) Trigger(t Trigger) Window { w.trigger, w.triggered = t, true; return w }

// Validate says what is wrong with the description.
func (w Window) Validate() error {
	for _, d := range []struct {
		name     string
		value    time.Duration
		positive bool
	}{
		{"size", w.size, w.kind == fixed}, {"slide", w.slide, w.kind == fixed}, {"gap", w.gap, w.kind == session},
		{"allowed lateness", w.allowed, false}, {"offset", w.offset, false},
	} {
		switch {
		case d.positive && d.value <= 0:
			return fmt.Errorf("the window's %s is %v: it must be positive", d.name, d.value)
		case d.value%time.Millisecond != 0:
			return fmt.Errorf("the window's %s is %v: event time is counted in whole milliseconds", d.name, d.value)
		}
	}
	switch {
	case w.kind == none:
		return fmt.Errorf("no window is described: use Tumbling, Sliding, Session or Global")
	case w.allowed < 0:
		return fmt.Errorf("the window's allowed lateness is %v: it must not be negative", w.allowed)
	case w.slide > w.size:
		return fmt.Errorf("the window's slide, %v, is larger than its size, %v: rows between windows would be lost; "+
			"filter them out instead", w.slide, w.size)
	case w.kind == session && w.offset != 0:
		return fmt.Errorf("sessions have no offset")
	case w.kind == global && (w.offset != 0 || w.allowed != 0):
		return fmt.Errorf("a global window has neither an offset nor lateness")
	case w.kind == global && !w.triggered:
		return fmt.Errorf("a global window never ends: give it a Trigger; one of EventTime fires when bounded input ends")
	case w.kind == global && w.trigger.ProcessingTime:
		return fmt.Errorf("a global window never ends, so no clock comes to its end: use ContinuousProcessingTime")
	}
	return w.Triggered().validate()
}

// IsSession tells session windows from tumbling and sliding ones.
func (w Window) IsSession() bool { return w.kind == session }

// IsGlobal tells the window that never ends from others.
func (w Window) IsGlobal() bool { return w.kind == global }

// Triggered is the trigger of the windows: the one that was set, or the default.
func (w Window) Triggered() Trigger {
	if w.triggered {
		return w.trigger
	}
	return Trigger{EventTime: true}
}

// IsPlain reports whether windows end and fire when they are complete, and that is all.
func (w Window) IsPlain() bool { return w.kind != global && w.Triggered() == Trigger{EventTime: true} }

// Gap is the gap of a session in milliseconds.
func (w Window) Gap() int64 { return w.gap.Milliseconds() }

// Size is the length of a tumbling or sliding window in milliseconds.
func (w Window) Size() int64 { return w.size.Milliseconds() }

// Lateness is the allowed lateness in milliseconds.
func (w Window) Lateness() int64 { return w.allowed.Milliseconds() }

// Slice is the length in milliseconds of the slices that windows are made of: the greatest common divisor of
// size and slide.
func (w Window) Slice() int64 {
	a, b := w.size.Milliseconds(), w.slide.Milliseconds()
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// SliceStart is the start of the slice that a time, in milliseconds, lies in.
func (w Window) SliceStart(t int64) int64 {
	return floor(t-w.offset.Milliseconds(), w.Slice()) + w.offset.Milliseconds()
}

// FirstEnd is the end of the first window, LastEnd that of the last, that contains a slice. The windows
// between them end a slide apart.
func (w Window) FirstEnd(slice int64) int64 {
	slide, offset := w.slide.Milliseconds(), w.offset.Milliseconds()
	// Windows end at offset + size + n * slide. The first to contain the slice ends at its end or later.
	base := offset + w.Size()
	return ceil(slice+w.Slice()-base, slide) + base
}

// LastEnd is the end of the last window that contains a slice.
func (w Window) LastEnd(slice int64) int64 {
	slide, offset := w.slide.Milliseconds(), w.offset.Milliseconds()
	return floor(slice-offset, slide) + offset + w.Size()
}

// Slide is the time in milliseconds from the start of a window to that of the next.
func (w Window) Slide() int64 { return w.slide.Milliseconds() }

// floor is the largest multiple of n that is not above t.
func floor(t, n int64) int64 {
	r := t % n
	if r < 0 {
		r += n
	}
	return t - r
}

// ceil is the smallest multiple of n that is not below t.
func ceil(t, n int64) int64 { return -floor(-t, n) }
