package operator

import (
	"github.com/aquifer-stream/aquifer/flow"
)

// stateless is what operators without state, time or resources have in common: watermarks pass through, to side outputs too.
type stateless[Out any] struct {
	env  *Env
	next Receiver[Out]
	last int64 // the newest watermark
}

func newStateless[Out any](env *Env, next Receiver[Out]) stateless[Out] {
	return stateless[Out]{env: env, next: next, last: flow.NoTime}
}

func (s *stateless[Out]) Watermark(t int64) error {
	s.last = t
	s.env.Stats.Watermark.Store(t)
	if err := sides(s.env.Sides).watermark(t); err != nil {
		return err
	}
	return s.next.Watermark(t)
}

func (s *stateless[Out]) Idle(idle bool) error {
	if err := sides(s.env.Sides).idle(idle); err != nil {
		return err
	}
	return s.next.Idle(idle)
}

func (s *stateless[Out]) Open() error  { return nil }
func (s *stateless[Out]) Close() error { return nil }

func (s *stateless[Out]) Snapshot(uint64) (Snapshot, error) {
	return Snapshot{Watermark: s.last}, nil
}

// emit counts what was made of a batch and passes it on, what goes aside first.
func (s *stateless[Out]) emit(in int, out *flow.Batch[Out]) error {
	s.env.Stats.RowsIn.Add(int64(in))
	s.env.Stats.RowsOut.Add(int64(len(out.Rows)))
	if err := sides(s.env.Sides).send(s.env.Stats); err != nil {
		return err
	}
	return s.next.Batch(out)
}

// Map makes one row of each.
type Map[In, Out any] struct {
	stateless[Out]
	fn  func(*In) Out
	in  Pool[In]
	out Pool[Out]
	at  int
}

// NewMap returns the operator that applies fn.
func NewMap[In, Out any](env *Env, next Receiver[Out], fn func(*In) Out) *Map[In, Out] {
	return &Map[In, Out]{stateless: newStateless(env, next), fn: fn, in: PoolOf[In](), out: PoolOf[Out]()}
}

// Batch applies the function to every row. The column of times changes hands.
func (m *Map[In, Out]) Batch(b *flow.Batch[In]) (err error) {
	n := len(b.Rows)
	out := m.out.Get()
	if err := m.apply(b, out); err != nil {
		return err
	}
	out.Times, b.Times = b.Times, out.Times
	m.in.Put(b)
	return m.emit(n, out)
}

func (m *Map[In, Out]) apply(b *flow.Batch[In], out *flow.Batch[Out]) (err error) {
	defer m.env.rescue(&err, func() (any, int64) { return nil, timeAt(b.Times, m.at) })
	for m.at = range b.Rows {
		out.Rows = append(out.Rows, m.fn(&b.Rows[m.at]))
	}
	return nil
}

// Filter keeps the rows for which a function is true.
type Filter[T any] struct {
	stateless[T]
	keep func(*T) bool
	at   int
}

// NewFilter returns the operator that keeps what keep is true for.
func NewFilter[T any](env *Env, next Receiver[T], keep func(*T) bool) *Filter[T] {
	return &Filter[T]{stateless: newStateless(env, next), keep: keep}
}

// Batch closes the gaps that dropped rows leave, in place.
func (f *Filter[T]) Batch(b *flow.Batch[T]) error {
	in := len(b.Rows)
	if err := f.apply(b); err != nil {
		return err
	}
	return f.emit(in, b)
}

func (f *Filter[T]) apply(b *flow.Batch[T]) (err error) {
	defer f.env.rescue(&err, func() (any, int64) { return nil, timeAt(b.Times, f.at) })
	kept := 0
	for f.at = range b.Rows {
		if !f.keep(&b.Rows[f.at]) {
			continue
		}
		if kept != f.at {
			b.Rows[kept], b.Times[kept] = b.Rows[f.at], b.Times[f.at]
		}
		kept++
	}
	clear(b.Rows[kept:])
	b.Rows, b.Times = b.Rows[:kept], b.Times[:kept]
	return nil
}

// FlatMap makes any number of rows of each.
type FlatMap[In, Out any] struct {
	stateless[Out]
	fn   func(*In, flow.Collector[Out]) error
	in   Pool[In]
	out  Pool[Out]
	time int64
}

// NewFlatMap returns the operator that applies fn.
func NewFlatMap[In, Out any](
	env *Env, next Receiver[Out], fn func(*In, flow.Collector[Out]) error,
) *FlatMap[In, Out] {
	return &FlatMap[In, Out]{stateless: newStateless(env, next), fn: fn, in: PoolOf[In](), out: PoolOf[Out]()}
}

// Batch applies the function to every row.
func (f *FlatMap[In, Out]) Batch(b *flow.Batch[In]) error {
	n := len(b.Rows)
	out := f.out.Get()
	if err := f.apply(b, out); err != nil {
		return err
	}
	f.in.Put(b)
	return f.emit(n, out)
}

func (f *FlatMap[In, Out]) apply(b *flow.Batch[In], out *flow.Batch[Out]) (err error) {
	defer f.env.rescue(&err, func() (any, int64) { return nil, f.time })
	collector := flow.NewCollector(out, &f.time)
	for i := range b.Rows {
		f.time = b.Times[i]
		if err := f.fn(&b.Rows[i], collector); err != nil {
			return f.env.userError(err, nil, f.time)
		}
	}
	return nil
}
