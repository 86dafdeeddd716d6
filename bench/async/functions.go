package async

import (
	"math/rand/v2"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/state"
)

// row is a record: its key and a number.
type row struct{ Key, N int64 }

func keyOf(r *row) int64 { return r.Key }

// function is what the operators that are measured run.
type function = operator.ProcessFunc[row, int64]

// counts adds one to the value of the key.
type counts struct{ n state.Value[int64] }

func (c *counts) Open(s *state.Scope) (err error) {
	c.n, err = state.NewValue[int64](s, "n")
	return err
}

func (c *counts) Process(ctx *flow.Context, _ *row, _ flow.Collector[int64]) error {
	n, _, err := c.n.Get(ctx)
	if err != nil {
		return err
	}
	return c.n.Set(ctx, n+1)
}

// wide is a count beside something large, so that few of them share a block of a table.
type wide struct {
	N       int64
	Ballast string
}

// add counts, and gets its ballast the first time.
func (w *wide) add(seed int64) {
	w.N++
	if w.Ballast == "" {
		w.Ballast = ballast(seed)
	}
}

const ballastBytes = 1000

// noise is a text that cannot be packed.
var noise = func() string {
	all, from := make([]byte, 1<<20), rand.NewChaCha8([32]byte{})
	_, _ = from.Read(all)
	return string(all)
}()

// ballast is a part of the noise.
func ballast(seed int64) string {
	at := uint64(seed+1) * 0x9e3779b97f4a7c15 % uint64(len(noise)-ballastBytes)
	return noise[at : at+ballastBytes]
}

// wideCounts does so in a large value, and emits it.
type wideCounts struct{ n state.Value[wide] }

func (c *wideCounts) Open(s *state.Scope) (err error) {
	c.n, err = state.NewValue[wide](s, "n")
	return err
}

func (c *wideCounts) Process(ctx *flow.Context, r *row, out flow.Collector[int64]) error {
	n, _, err := c.n.Get(ctx)
	if err != nil {
		return err
	}
	n.add(r.N)
	out.Emit(n.N)
	return c.n.Set(ctx, n)
}

// entries adds one to an entry of the key's map, and says beforehand to which.
type entries struct{ m state.Map[int64, wide] }

func (e *entries) Open(s *state.Scope) (err error) {
	e.m, err = state.NewMap[int64, wide](s, "m")
	return err
}

func (e *entries) Prefetch(ctx *flow.Prefetch, r *row) error {
	e.m.Prefetch(ctx, r.N)
	return nil
}

func (e *entries) Process(ctx *flow.Context, r *row, out flow.Collector[int64]) error {
	v, _, err := e.m.Get(ctx, r.N)
	if err != nil {
		return err
	}
	v.add(r.N)
	out.Emit(v.N)
	return e.m.Set(ctx, r.N, v)
}

// lookups asks for an entry of the key's map that nobody has ever set. A negative number gives the key a value.
type lookups struct {
	m    state.Map[int64, int64]
	seen state.Value[int64]
}

func (l *lookups) Open(s *state.Scope) (err error) {
	if l.seen, err = state.NewValue[int64](s, "seen"); err != nil {
		return err
	}
	l.m, err = state.NewMap[int64, int64](s, "m")
	return err
}

func (l *lookups) Process(ctx *flow.Context, r *row, _ flow.Collector[int64]) error {
	if r.N < 0 {
		return l.seen.Set(ctx, 1)
	}
	_, _, err := l.m.Get(ctx, r.N)
	return err
}

// timed counts a key, and emits the count at the end of its window. If it is surprising, it makes a read as well that
// nobody could foresee.
type timed struct {
	wideCounts
	m          state.Map[int64, int64]
	window     int64 // milliseconds
	surprising bool
}

func (t *timed) Open(s *state.Scope) (err error) {
	if t.m, err = state.NewMap[int64, int64](s, "m"); err != nil {
		return err
	}
	return t.wideCounts.Open(s)
}

func (t *timed) Process(ctx *flow.Context, r *row, out flow.Collector[int64]) error {
	if t.surprising {
		v, _, err := t.m.Get(ctx, 1)
		if err != nil {
			return err
		}
		if err := t.m.Set(ctx, 1, v+1); err != nil {
			return err
		}
	}
	if err := t.wideCounts.Process(ctx, r, out); err != nil {
		return err
	}
	return ctx.RegisterEventTimer((ctx.Time/t.window + 1) * t.window)
}

func (t *timed) OnTimer(ctx *flow.Context, _ flow.Timer, out flow.Collector[int64]) error {
	n, _, err := t.n.Get(ctx)
	out.Emit(n.N)
	return err
}
