package lsm

import (
	"context"
	"sync/atomic"
)

// Hold keeps compactions from beginning while it is on: measurements compare what runs beside them with what runs
// without. Shards that are opened under it take in tables however many are not merged, also while it is off. The
// zero value is off. It is safe for concurrent use.
type Hold struct{ on atomic.Bool }

type holdKey struct{}

// Under returns a context under which shards are subject to the hold.
func (h *Hold) Under(ctx context.Context) context.Context {
	return context.WithValue(ctx, holdKey{}, h)
}

// Set turns the hold on or off. Compactions that run go on to their end; those that were held back begin at the
// latest with the next table.
func (h *Hold) Set(on bool) { h.on.Store(on) }

// holdOf is the hold of a context; nil for none.
func holdOf(ctx context.Context) *Hold {
	h, _ := ctx.Value(holdKey{}).(*Hold)
	return h
}

// holds reports whether compactions are to wait.
func (h *Hold) holds() bool { return h != nil && h.on.Load() }
