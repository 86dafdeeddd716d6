package aquifer

import (
	"errors"
	"iter"
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

// fixedWindows are tumbling, sliding and global windows. Their parts are slices; or whole windows, if what one has given
// must be taken out of it and stay in others.
type fixedWindows[K comparable, T, Out any] struct {
	firingWindows[K, T, Out]
	apart bool
	panes state.Map[int64, int64]      // the number of rows of each part
	marks state.Map[int64, windowMark] // by the ends of windows, for rows since they fired last
}

func (f *fixedWindows[K, T, Out]) Open(s *state.Scope) (err error) {
	if f.panes, err = state.NewMap[int64, int64](s, "panes"); err != nil {
		return err
	}
	if f.marks, err = state.NewMap[int64, windowMark](s, "marks"); err != nil {
		return err
	}
	return f.contents.open(s)
}

// ends yields the ends of the windows that a time lies in.
func (f *fixedWindows[K, T, Out]) ends(t int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		if f.window.IsGlobal() {
			yield(flow.EndOfTime)
			return
		}
		slice := f.window.SliceStart(t)
		for end := f.window.FirstEnd(slice); end <= f.window.LastEnd(slice) && yield(end); end += f.window.Slide() {
		}
	}
}

// start is the start of the window with an end.
func (f *fixedWindows[K, T, Out]) start(end int64) int64 {
	if f.window.IsGlobal() {
		return flow.NoTime
	}
	return end - f.window.Size()
}

// isEnd reports whether a window ends at a time.
func (f *fixedWindows[K, T, Out]) isEnd(t int64) bool {
	if f.window.IsGlobal() {
		return t == flow.EndOfTime
	}
	return t < flow.EndOfTime && f.window.LastEnd(f.window.SliceStart(t-f.window.Size())) == t
}

// isOver reports whether a window is complete and its lateness over.
func (f *fixedWindows[K, T, Out]) isOver(end int64, watermark int64) bool {
	return !f.window.IsGlobal() && end+f.window.Lateness() <= watermark
}

// slice is the part that all windows of a time share.
func (f *fixedWindows[K, T, Out]) slice(t int64) int64 {
	if f.window.IsGlobal() {
		return flow.NoTime
	}
	return f.window.SliceStart(t)
}

// Prefetch names the parts that a row is added to, and what is known of its windows.
func (f *fixedWindows[K, T, Out]) Prefetch(ctx *Prefetch, _ *T) error {
	if ctx.Time == flow.NoTime && !f.window.IsGlobal() {
		return nil
	}
	want := func(pane int64) {
		f.panes.Prefetch(ctx, pane)
		f.contents.prefetch(ctx, pane)
	}
	if !f.apart {
		want(f.slice(ctx.Time))
	}
	for end := range f.ends(ctx.Time) {
		if f.apart {
			want(f.start(end))
		}
		if f.trigger.Counts() {
			f.marks.Prefetch(ctx, end)
		}
	}
	return nil
}

func (f *fixedWindows[K, T, Out]) Process(ctx *Context, in *T, out Collector[Out]) (err error) {
	if err := f.needTime(ctx); err != nil {
		return err
	}
	first, some := false, false
	for end := range f.ends(ctx.Time) {
		if f.isOver(end, ctx.Watermark) {
			continue
		}
		if f.apart || !some {
			pane := f.slice(ctx.Time)
			if f.apart {
				pane = f.start(end)
			}
			if first, err = f.keep(ctx, pane, in); err != nil {
				return err
			}
		}
		some = true
		if err := f.came(ctx, end, first, out); err != nil {
			return err
		}
	}
	if !some {
		return leaveLate(ctx, f.late, in)
	}
	return nil
}

// keep adds a row to a part, and reports whether it is its first.
func (f *fixedWindows[K, T, Out]) keep(ctx *Context, pane int64, in *T) (first bool, err error) {
	rows, _, err := f.panes.Get(ctx, pane)
	if err != nil {
		return false, err
	}
	return rows == 0, errors.Join(f.contents.add(ctx, windowPart{At: pane, Rows: rows}, in), f.panes.Set(ctx, pane, rows+1))
}

// came does what the trigger says about a row that has come to a window. first is set for the first row of a part.
func (f *fixedWindows[K, T, Out]) came(ctx *Context, end int64, first bool, out Collector[Out]) error {
	if err := f.setTimers(ctx, end, first); err != nil {
		return err
	}
	fires := f.trigger.EventTime && end <= ctx.Watermark
	if f.trigger.Counts() {
		full, err := f.count(ctx, end)
		if err != nil {
			return err
		}
		fires = fires || full
	}
	if !fires {
		return nil
	}
	return f.fire(ctx, end, byRow(ctx), out)
}

// setTimers sets the timers of a window: those by event time for the first row of a part, since they stay then.
func (f *fixedWindows[K, T, Out]) setTimers(ctx *Context, end int64, first bool) (err error) {
	if first && f.trigger.EventTime && end > ctx.Watermark {
		err = ctx.RegisterEventTimer(end)
	}
	if first && !f.window.IsGlobal() {
		err = errors.Join(err, ctx.RegisterEventTimer(end+f.window.Lateness()))
	}
	if f.trigger.ProcessingTime {
		err = errors.Join(err, ctx.RegisterProcessingTimer(end))
	}
	return err
}

// count counts a row that has come to a window, and reports whether the window fires for it.
func (f *fixedWindows[K, T, Out]) count(ctx *Context, end int64) (full bool, err error) {
	m, _, err := f.marks.Get(ctx, end)
	if err != nil {
		return false, err
	}
	if full, err = m.count(ctx, f.trigger); err != nil {
		return false, err
	}
	return full, f.marks.Set(ctx, end, m)
}

// OnTimer lets windows fire, and forgets those that are over.
func (f *fixedWindows[K, T, Out]) OnTimer(ctx *Context, timer Timer, out Collector[Out]) error {
	by := byTimer(ctx, timer)
	ends := !timer.Processing && f.trigger.EventTime || timer.Processing && f.trigger.ProcessingTime
	if ends && f.isEnd(ctx.Time) {
		if err := f.fire(ctx, ctx.Time, by, out); err != nil {
			return err
		}
	}
	due, err := f.due(ctx, timer)
	if err != nil {
		return err
	}
	for _, end := range due {
		if err := f.fire(ctx, end, by, out); err != nil {
			return err
		}
	}
	if timer.Processing {
		return nil
	}
	return f.forget(ctx, ctx.Time-f.window.Lateness())
}

// due are the ends of the windows that fire continuously and do so now.
func (f *fixedWindows[K, T, Out]) due(ctx *Context, timer Timer) (ends []int64, err error) {
	if f.trigger.ContinuousEventTime == 0 && f.trigger.ContinuousProcessingTime == 0 {
		return nil, nil
	}
	all, err := f.marks.All(ctx)
	if err != nil {
		return nil, err
	}
	for end, m := range all {
		if m.due(ctx, timer, f.trigger) {
			ends = append(ends, end)
		}
	}
	slices.Sort(ends)
	return ends, nil
}

// parts are those from one time to before another that have rows.
func (f *fixedWindows[K, T, Out]) parts(ctx *Context, from, to int64) (parts []windowPart, err error) {
	step := f.window.Slice()
	switch {
	case f.window.IsGlobal():
		step, to = 1, from+1
	case f.apart:
		step, to = f.window.Slide(), min(to, from+f.window.Slide())
	}
	panes := func(yield func(int64) bool) {
		for pane := from; pane < to && yield(pane); pane += step {
		}
	}
	err = f.panes.Each(ctx, panes, func(pane int64, rows *int64) bool {
		parts = append(parts, windowPart{At: pane, Rows: *rows})
		return true
	})
	return parts, err
}

// fire lets a window fire, if it has rows.
func (f *fixedWindows[K, T, Out]) fire(ctx *Context, end int64, by firing, out Collector[Out]) error {
	parts, err := f.parts(ctx, f.start(end), end)
	if err != nil || len(parts) == 0 {
		return err
	}
	w := WindowContext[K]{Start: f.start(end), End: end, Early: by.now < end}
	if err := f.give(ctx, w, parts, by, out); err != nil {
		return err
	}
	if f.trigger.Counts() {
		err = f.marks.Remove(ctx, end)
	}
	if f.trigger.Purging {
		err = errors.Join(err, f.drop(ctx, parts))
	}
	if f.trigger.Purging && f.window.IsGlobal() && f.trigger.EventTime {
		err = errors.Join(err, ctx.CancelEventTimer(end)) // nothing of the key is left
	}
	return err
}

func (f *fixedWindows[K, T, Out]) drop(ctx *Context, parts []windowPart) (err error) {
	for _, p := range parts {
		err = errors.Join(err, f.contents.drop(ctx, p), f.panes.Remove(ctx, p.At))
	}
	return err
}

// forget drops what no other window needs of one that is over.
func (f *fixedWindows[K, T, Out]) forget(ctx *Context, end int64) error {
	if !f.isEnd(end) {
		return nil
	}
	parts, err := f.parts(ctx, f.start(end), f.start(end)+f.window.Slide())
	if f.trigger.Counts() {
		err = errors.Join(err, f.marks.Remove(ctx, end))
	}
	return errors.Join(err, f.drop(ctx, parts))
}
