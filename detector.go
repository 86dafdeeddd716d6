package aquifer

import (
	"errors"
	"fmt"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/multimap"
	"github.com/aquifer-stream/aquifer/internal/nfa"
	"github.com/aquifer-stream/aquifer/pattern"
	"github.com/aquifer-stream/aquifer/state"
)

// detector finds the matches of a pattern. Its rows wait in the order of their times until the watermark is past them.
type detector[T, Out any] struct {
	machine *nfa.Machine[T]
	shape   string // of the pattern
	combine func(*pattern.Match[T]) Out
	late    *Side[T]
	// timedOut is where partial matches go whose time is over; nil if nobody wants them.
	timedOut *Side[pattern.Match[T]]

	waiting multimap.Map[T] // by event time
	runs    state.Value[nfa.Runs]
	rows    state.Map[int64, nfa.Row[T]]
	nodes   state.Map[int64, nfa.Node]
}

// Open declares what waits, and what has been matched: of another pattern that would be misread, so it is state of
// another name.
func (d *detector[T, Out]) Open(s *state.Scope) (err error) {
	if d.waiting, err = multimap.Open[T](s, "waiting"); err != nil {
		return err
	}
	if d.runs, err = state.NewValue[nfa.Runs](s, "partial matches of "+d.shape); err != nil {
		return err
	}
	if d.rows, err = state.NewMap[int64, nfa.Row[T]](s, "rows of "+d.shape); err != nil {
		return err
	}
	d.nodes, err = state.NewMap[int64, nfa.Node](s, "nodes of "+d.shape)
	return err
}

var errNoOrder = base.Errorf(base.Config, "a row without event time has no place among others: give the source an EventTime")

// Prefetch names the number of rows of the same time.
func (d *detector[T, Out]) Prefetch(ctx *Prefetch, _ *T) error {
	d.waiting.Prefetch(ctx, ctx.Time)
	return nil
}

// Process lets a row wait for its turn.
func (d *detector[T, Out]) Process(ctx *Context, row *T, _ Collector[Out]) error {
	if ctx.Time == flow.NoTime {
		return errNoOrder
	}
	runs, begun, err := d.runs.Get(ctx)
	if err != nil {
		return err
	}
	// After a restore watermarks begin anew, but a key does not go back behind what it has looked at.
	if ctx.Time < ctx.Watermark || begun && ctx.Time < runs.Time {
		return leaveLate(ctx, d.late, row)
	}
	return waitForTurn(ctx, d.waiting, row)
}

// OnTimer looks at the rows of the time that has just passed, and ends what has no more time.
func (d *detector[T, Out]) OnTimer(ctx *Context, _ Timer, out Collector[Out]) error {
	runs, begun, err := d.runs.Get(ctx)
	if err != nil {
		return err
	}
	rows, err := d.waiting.Take(ctx, ctx.Time-1)
	if err != nil || len(rows) == 0 && !begun {
		return err
	}
	buffer, found := &detectBuffer[T]{ctx, d.rows, d.nodes}, &detections[T, Out]{ctx, out, d}
	for i := range rows {
		if err := d.machine.Step(&runs, buffer, &rows[i], ctx.Time-1, found); err != nil {
			return err
		}
	}
	if err := d.machine.Advance(&runs, buffer, ctx.Time, found); err != nil {
		return err
	}
	return d.keep(ctx, runs)
}

// keep keeps what has been matched, and sees to it that its end is noticed.
func (d *detector[T, Out]) keep(ctx *Context, runs nfa.Runs) error {
	if runs.Empty() {
		return d.runs.Clear(ctx)
	}
	err := d.runs.Set(ctx, runs)
	if at, ok := d.machine.Deadline(&runs); ok {
		err = errors.Join(err, ctx.RegisterEventTimer(at))
	}
	return err
}

// detections emits what a machine finds.
type detections[T, Out any] struct {
	ctx      *Context
	out      Collector[Out]
	detector *detector[T, Out]
}

func (d *detections[T, Out]) Match(m *pattern.Match[T], at int64) error {
	d.out.EmitAt(d.detector.combine(m), at)
	return nil
}

func (d *detections[T, Out]) TimedOut(m *pattern.Match[T], at int64) error {
	if d.detector.timedOut == nil {
		return nil
	}
	return d.detector.timedOut.EmitAt(d.ctx, *m, at)
}

// detectBuffer is the shared buffer of a key.
type detectBuffer[T any] struct {
	ctx   *Context
	rows  state.Map[int64, nfa.Row[T]]
	nodes state.Map[int64, nfa.Node]
}

func (b *detectBuffer[T]) Row(n int64) (nfa.Row[T], error)      { return there(b.ctx, b.rows, "row", n) }
func (b *detectBuffer[T]) SetRow(n int64, r nfa.Row[T]) error   { return b.rows.Set(b.ctx, n, r) }
func (b *detectBuffer[T]) RemoveRow(n int64) error              { return b.rows.Remove(b.ctx, n) }
func (b *detectBuffer[T]) Node(n int64) (nfa.Node, error)       { return there(b.ctx, b.nodes, "node", n) }
func (b *detectBuffer[T]) SetNode(n int64, node nfa.Node) error { return b.nodes.Set(b.ctx, n, node) }
func (b *detectBuffer[T]) RemoveNode(n int64) error             { return b.nodes.Remove(b.ctx, n) }

// there returns what must be in the buffer.
func there[V any](ctx *Context, m state.Map[int64, V], what string, n int64) (V, error) {
	v, ok, err := m.Get(ctx, n)
	if err == nil && !ok {
		err = fmt.Errorf("%s %d of a partial match is not in the state", what, n)
	}
	return v, err
}
