package operator

import (
	"slices"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/state"
)

// CoProcessFunc is a user's function over two keyed streams; package aquifer documents it.
type CoProcessFunc[L, R, Out any] interface {
	Open(scope *state.Scope) error
	ProcessLeft(ctx *flow.Context, in *L, out flow.Collector[Out]) error
	ProcessRight(ctx *flow.Context, in *R, out flow.Collector[Out]) error
}

// CoPrefetchFunc is a CoProcessFunc that knows beforehand what state it will use for a row.
type CoPrefetchFunc[L, R any] interface {
	PrefetchLeft(ctx *flow.Prefetch, in *L) error
	PrefetchRight(ctx *flow.Prefetch, in *R) error
}

// either is a row of one of two sides: one of its pointers is set, into the batch that the row has come in. So rows of
// both sides are of one type, and CoProcess is a Process: nothing is copied but pointers.
type either[L, R any] struct {
	left  *L
	right *R
}

// eitherFunc makes a function of rows of either side.
type eitherFunc[L, R, Out any] struct{ fn CoProcessFunc[L, R, Out] }

func (f eitherFunc[L, R, Out]) Open(scope *state.Scope) error { return f.fn.Open(scope) }

func (f eitherFunc[L, R, Out]) Process(ctx *flow.Context, in *either[L, R], out flow.Collector[Out]) error {
	if in.left != nil {
		return f.fn.ProcessLeft(ctx, in.left, out)
	}
	return f.fn.ProcessRight(ctx, in.right, out)
}

func (f eitherFunc[L, R, Out]) users() any { return f.fn }

// usersOf is the user's own function, which may be more than the operator has to know.
func usersOf(fn any) any {
	if f, ok := fn.(interface{ users() any }); ok {
		return f.users()
	}
	return fn
}

// eitherPrefetch lets a function say what it will use for a row of either side.
type eitherPrefetch[L, R any] struct{ fn CoPrefetchFunc[L, R] }

func (f eitherPrefetch[L, R]) Prefetch(ctx *flow.Prefetch, in *either[L, R]) error {
	if in.left != nil {
		return f.fn.PrefetchLeft(ctx, in.left)
	}
	return f.fn.PrefetchRight(ctx, in.right)
}

// PlanCoProcess returns what can be known of the state of a function before it runs.
func PlanCoProcess[K comparable, L, R, Out any](name string, newFunc func() CoProcessFunc[L, R, Out]) *Planned {
	return PlanProcess[K](name, func() ProcessFunc[either[L, R], Out] { return eitherFunc[L, R, Out]{newFunc()} })
}

// CoProcess applies a user's function to the rows of two keyed streams whose keys share state.
type CoProcess[K comparable, L, R, Out any] struct {
	*Process[K, either[L, R], Out]
	rows *eitherBatches[L, R]
}

// NewCoProcess returns the operator that applies fn.
func NewCoProcess[K comparable, L, R, Out any](
	env *Env, next Receiver[Out], left func(*L) K, right func(*R) K, fn CoProcessFunc[L, R, Out],
) (*CoProcess[K, L, R, Out], error) {
	rows := newEitherBatches[L, R]()
	key := func(e *either[L, R]) K {
		if e.left != nil {
			return left(e.left)
		}
		return right(e.right)
	}
	p, err := newProcess(env, next, key, eitherFunc[L, R, Out]{fn}, batches[either[L, R]](rows))
	if err != nil {
		return nil, err
	}
	if prefetch, ok := fn.(CoPrefetchFunc[L, R]); ok {
		p.prefetch = eitherPrefetch[L, R]{prefetch}
	}
	return &CoProcess[K, L, R, Out]{p, rows}, nil
}

// Side implements TwoSided.
func (p *CoProcess[K, L, R, Out]) Side(s Side) any {
	if s == Left {
		return leftOf[K, L, R, Out]{p}
	}
	return rightOf[K, L, R, Out]{p}
}

// leftOf is the Receiver of the left side.
type leftOf[K comparable, L, R, Out any] struct{ *CoProcess[K, L, R, Out] }

func (s leftOf[K, L, R, Out]) Batch(b *flow.Batch[L]) error {
	return s.Process.Batch(s.rows.ofLeft(b))
}

// rightOf is the Receiver of the right side.
type rightOf[K comparable, L, R, Out any] struct{ *CoProcess[K, L, R, Out] }

func (s rightOf[K, L, R, Out]) Batch(b *flow.Batch[R]) error {
	return s.Process.Batch(s.rows.ofRight(b))
}

// Snapshot is that of the Process; rows that have not begun leave by the side that they came by.
func (p *CoProcess[K, L, R, Out]) Snapshot(checkpoint uint64) (Snapshot, error) {
	s, err := p.Process.Snapshot(checkpoint)
	if err == nil && len(s.InFlight) > 0 {
		s.InFlight = p.rows.sides(s.InFlight[0])
	}
	return s, err
}

// eitherBatches are batches of pointers into batches of one side.
type eitherBatches[L, R any] struct {
	left  pooled[L]
	right pooled[R]
	under map[*flow.Batch[either[L, R]]]under[L, R]
	free  []*flow.Batch[either[L, R]]
}

// under is the batch that the rows of a batch are in.
type under[L, R any] struct {
	left  *flow.Batch[L]
	right *flow.Batch[R]
}

func newEitherBatches[L, R any]() *eitherBatches[L, R] {
	return &eitherBatches[L, R]{
		left: newPooled[L](), right: newPooled[R](), under: map[*flow.Batch[either[L, R]]]under[L, R]{},
	}
}

func (e *eitherBatches[L, R]) ofLeft(b *flow.Batch[L]) *flow.Batch[either[L, R]] {
	all := e.empty(b.Times, b.Hashes)
	for i := range b.Rows {
		all.Rows = append(all.Rows, either[L, R]{left: &b.Rows[i]})
	}
	e.under[all] = under[L, R]{left: b}
	return all
}

func (e *eitherBatches[L, R]) ofRight(b *flow.Batch[R]) *flow.Batch[either[L, R]] {
	all := e.empty(b.Times, b.Hashes)
	for i := range b.Rows {
		all.Rows = append(all.Rows, either[L, R]{right: &b.Rows[i]})
	}
	e.under[all] = under[L, R]{right: b}
	return all
}

// empty is a batch without rows that shares the other columns of the one below it.
func (e *eitherBatches[L, R]) empty(times []int64, hashes []uint64) *flow.Batch[either[L, R]] {
	b := &flow.Batch[either[L, R]]{}
	if n := len(e.free); n > 0 {
		b, e.free = e.free[n-1], e.free[:n-1]
	}
	b.Rows, b.Times, b.Hashes = slices.Grow(b.Rows[:0], len(times)), times, hashes
	return b
}

func (e *eitherBatches[L, R]) weigh(b *flow.Batch[either[L, R]], state int64) int64 {
	const pointers = 16
	state += pointers
	if u := e.under[b]; u.left != nil {
		return e.left.weigh(u.left, state)
	}
	return e.right.weigh(e.under[b].right, state)
}

func (e *eitherBatches[L, R]) recycle(b *flow.Batch[either[L, R]]) {
	if u := e.under[b]; u.left != nil {
		e.left.recycle(u.left)
	} else {
		e.right.recycle(u.right)
	}
	delete(e.under, b)
	clear(b.Rows)
	b.Times, b.Hashes = nil, nil
	e.free = append(e.free, b)
}

func (e *eitherBatches[L, R]) pick(b *flow.Batch[either[L, R]], rows []int) *flow.Batch[either[L, R]] {
	if u := e.under[b]; u.left != nil {
		if few := e.left.pick(u.left, rows); few != nil {
			return e.ofLeft(few)
		}
	} else if few := e.right.pick(u.right, rows); few != nil {
		return e.ofRight(few)
	}
	return nil
}

// sides are the lines of both sides that a line of either is. Each has all events: what both have come to is agreed on
// when both have been gone through.
func (e *eitherBatches[L, R]) sides(l channel.Line) []channel.Line {
	left, right := l, l
	left.Input, right.Input = int(Left), int(Right)
	left.Messages, right.Messages = nil, nil
	for _, m := range l.Messages {
		if m.Batch == nil {
			left.Messages, right.Messages = append(left.Messages, m), append(right.Messages, m)
			continue
		}
		ofLeft, ofRight := e.parted(m.Batch.(*flow.Batch[either[L, R]]))
		left.Messages = withRows(left.Messages, ofLeft)
		right.Messages = withRows(right.Messages, ofRight)
	}
	return []channel.Line{left, right}
}

// parted copies the rows of each side.
func (e *eitherBatches[L, R]) parted(b *flow.Batch[either[L, R]]) (*flow.Batch[L], *flow.Batch[R]) {
	left, right := e.left.Get(), e.right.Get()
	for i, row := range b.Rows {
		if row.left != nil {
			left.Append(*row.left, b.Times[i])
		} else {
			right.Append(*row.right, b.Times[i])
		}
	}
	return left, right
}

// withRows adds a batch, if it has rows.
func withRows[T any](to []channel.Message, b *flow.Batch[T]) []channel.Message {
	if len(b.Rows) == 0 {
		return to
	}
	m := channel.Control()
	m.Batch = b
	return append(to, m)
}
