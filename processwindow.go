package aquifer

import (
	"fmt"
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/window"
)

// WindowContext is the window that a function is called for.
type WindowContext[K comparable] struct {
	Key K
	// Start and End bound the window, in milliseconds: rows at End are no longer in it. A global window goes from
	// [flow.NoTime] to [flow.EndOfTime].
	Start, End int64
	// Early is set when the window is not complete: more rows may come, and it may fire again.
	Early bool
}

// WindowFunc makes rows of all rows that a window of a key has. It is called by all subtasks at once, so what it uses
// of its surroundings must be safe for that. The rows are read while they are iterated over, which may be done several
// times, during the call: in the order in which they came for tumbling and global windows, for sliding windows slice by
// slice, for sessions that have merged one after the other. What is emitted has the event time End − 1; that of a global
// window the time of the row or event timer that makes it fire, or the event time by then. An error fails the task,
// which goes back to its last checkpoint.
type WindowFunc[K comparable, T, Out any] func(w WindowContext[K], rows iter.Seq[T], out Collector[Out]) error

// ProcessWindow applies a function to all rows of each key in each window. It is for what needs the rows themselves:
// [Aggregate] and [Reduce] keep less. The name is the identity of the rows kept in checkpoints.
//
// The function is called when the window is complete, and again for each row that comes late but within the allowed
// lateness; or when the window's [window.Trigger] says. A row is kept once, however many sliding windows it
// belongs to; with a purging trigger, once in each of them.
func ProcessWindow[K comparable, T, Out any](
	s KeyedStream[K, T], name string, w window.Window, fn WindowFunc[K, T, Out], options ...WindowOption[T],
) Stream[Out] {
	out, mistake := windows(s, name, w, options, func() windowContents[K, T, Out] {
		return &rowContents[K, T, Out]{fn: fn}
	})
	mistake(w.Validate())
	return out
}

// windows adds the operator for windows with contents of some kind, and returns what takes a mistake of its description.
func windows[K comparable, T, Out any](
	s KeyedStream[K, T], name string, w window.Window, options []WindowOption[T],
	newContents func() windowContents[K, T, Out],
) (out Stream[Out], mistake func(error)) {
	var settings windowSettings[T]
	for _, o := range options {
		o(&settings)
	}
	out, n := addProcess(s, "window", name, settings.late.ifAny(), func() ProcessFunc[T, Out] {
		return newWindowsFunc(w, newContents(), settings.late)
	}, settings.options)
	return out, func(err error) {
		if err != nil {
			s.job.graph.Mistake(fmt.Errorf("operator %q: %w", n.Name, err))
		}
	}
}

// windowsFunc is the function of an operator for windows.
type windowsFunc[T, Out any] interface {
	ProcessFunc[T, Out]
	PrefetchFunc[T]
	TimerFunc[Out]
}

func newWindowsFunc[K comparable, T, Out any](
	w window.Window, c windowContents[K, T, Out], late *Side[T],
) windowsFunc[T, Out] {
	f := firingWindows[K, T, Out]{window: w, trigger: w.Triggered(), contents: c, late: late}
	if w.IsSession() {
		return &sessionWindows[K, T, Out]{firingWindows: f}
	}
	return &fixedWindows[K, T, Out]{firingWindows: f, apart: f.trigger.Purging && !w.IsGlobal() && w.Slice() != w.Size()}
}

// firingWindows is what all windows have in common that are made of contents and a trigger.
type firingWindows[K comparable, T, Out any] struct {
	window   window.Window
	trigger  window.Trigger
	contents windowContents[K, T, Out]
	late     *Side[T]
}

// needTime refuses a row without an event time where that is needed.
func (f *firingWindows[K, T, Out]) needTime(ctx *Context) error {
	if ctx.Time == flow.NoTime && (!f.window.IsGlobal() || f.trigger.ContinuousEventTime > 0) {
		return base.Errorf(base.Config, "a row has no event time, so it belongs to no window: give the source an EventTime")
	}
	return nil
}

// firing is when windows fire: now is the event time by then, at that of what comes of a global window.
type firing struct{ now, at int64 }

// byRow is a firing for the row at hand, byTimer one for a timer.
func byRow(ctx *Context) firing { return firing{ctx.Watermark, ctx.Time} }

func byTimer(ctx *Context, timer Timer) firing {
	if timer.Processing {
		return firing{ctx.Watermark, ctx.Watermark}
	}
	return firing{ctx.Time, ctx.Time}
}

// give lets a window fire whose rows are in parts.
func (f *firingWindows[K, T, Out]) give(
	ctx *Context, w WindowContext[K], parts []windowPart, by firing, out Collector[Out],
) error {
	if !f.window.IsGlobal() {
		by.at = w.End - 1
	}
	var b flow.Batch[Out]
	w.Key = Key[K](ctx)
	if err := f.contents.give(ctx, w, parts, flow.NewCollector(&b, &by.at)); err != nil {
		return err
	}
	for i := range b.Rows {
		out.EmitAt(b.Rows[i], b.Times[i])
	}
	return nil
}

// windowMark is what a trigger knows of a window: how many rows have come since it fired last, and when it fires for
// them at the latest. It is stored, so its fields are its format.
type windowMark struct{ Rows, EventTime, ProcessingTime int64 }

// count adds a row, and sets the timers for it. It reports whether the window fires at once.
func (m *windowMark) count(ctx *Context, t window.Trigger) (full bool, err error) {
	if m.Rows == 0 {
		m.EventTime, m.ProcessingTime = flow.EndOfTime, flow.EndOfTime
	}
	m.Rows++
	if t.Count > 0 && m.Rows >= t.Count {
		return true, nil
	}
	if t.ContinuousEventTime > 0 {
		m.EventTime = min(m.EventTime, window.Next(max(ctx.Time, ctx.Watermark), t.ContinuousEventTime))
		if err := ctx.RegisterEventTimer(m.EventTime); err != nil {
			return false, err
		}
	}
	if t.ContinuousProcessingTime > 0 {
		m.ProcessingTime = min(m.ProcessingTime, window.Next(ctx.ProcessingTime(), t.ContinuousProcessingTime))
		return false, ctx.RegisterProcessingTimer(m.ProcessingTime)
	}
	return false, nil
}

// due reports whether a timer that fires is one of count's.
func (m *windowMark) due(ctx *Context, timer Timer, t window.Trigger) bool {
	if timer.Processing {
		return m.Rows > 0 && t.ContinuousProcessingTime > 0 && m.ProcessingTime <= ctx.Time
	}
	return m.Rows > 0 && t.ContinuousEventTime > 0 && m.EventTime <= ctx.Time
}

// merge takes in what is known of a window that becomes one with this.
func (m *windowMark) merge(o windowMark) {
	switch {
	case o.Rows == 0:
	case m.Rows == 0:
		*m = o
	default:
		*m = windowMark{m.Rows + o.Rows, min(m.EventTime, o.EventTime), min(m.ProcessingTime, o.ProcessingTime)}
	}
}
