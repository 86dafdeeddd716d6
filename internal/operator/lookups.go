package operator

import (
	"bytes"
	"context"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// lookups are the keys that rows look for in the middle of their functions. Those that are looked for at about the same
// time are read together, while their rows sleep. They belong to the task's turn.
type lookups[W any] struct {
	open *lookup[W] // not yet being read; nil for none
	free []*lookup[W]
}

// lookup is a grouped read of keys that differ.
type lookup[W any] struct {
	keys     [][]byte
	arena    []byte
	sleepers []W   // by key
	order    []int // of the keys
	sorted   [][]byte
	values   []span // by key
	bytes    []byte // of the values
	left     int    // sleepers that have not seen their value
	err      error
}

// span is a part of the bytes of values.
type span struct {
	from, to int
	there    bool
}

// mostLooked is how many keys are looked for at once: more would make the first of them wait for too long.
const mostLooked = 64

// add adds a key that somebody will sleep for.
func (l *lookups[W]) add(key []byte, sleeper W) (g *lookup[W], at int) {
	if l.open == nil {
		l.open = l.take()
	}
	g = l.open
	from := len(g.arena)
	g.arena = append(g.arena, key...)
	g.keys = append(g.keys, g.arena[from:len(g.arena):len(g.arena)])
	g.sleepers = append(g.sleepers, sleeper)
	g.values = append(g.values, span{})
	return g, len(g.keys) - 1
}

func (l *lookups[W]) take() *lookup[W] {
	n := len(l.free)
	if n == 0 {
		return &lookup[W]{}
	}
	g := l.free[n-1]
	l.free = l.free[:n-1]
	*g = lookup[W]{
		keys: g.keys[:0], arena: g.arena[:0], sleepers: g.sleepers[:0], order: g.order[:0], sorted: g.sorted[:0],
		values: g.values[:0], bytes: g.bytes[:0],
	}
	return g
}

// full reports whether what has been added should be read before more is.
func (l *lookups[W]) full() bool { return l.open != nil && len(l.open.keys) == mostLooked }

// close returns what has been added, to be read now; nil if there is nothing.
func (l *lookups[W]) close() *lookup[W] {
	g := l.open
	if l.open = nil; g != nil {
		g.left = len(g.keys)
	}
	return g
}

// read reads, on any goroutine.
func (g *lookup[W]) read(ctx context.Context, below keyed.Below) {
	for i := range g.keys {
		g.order = append(g.order, i)
	}
	slices.SortFunc(g.order, func(a, b int) int { return bytes.Compare(g.keys[a], g.keys[b]) })
	for _, i := range g.order {
		g.sorted = append(g.sorted, g.keys[i])
	}
	g.err = below.Read(ctx, g.sorted, func(i int, value []byte) error {
		from := len(g.bytes)
		g.bytes = append(g.bytes, value...)
		g.values[g.order[i]] = span{from, len(g.bytes), true}
		return nil
	})
}

// see returns a value to its sleeper. It is valid until the next key is added.
func (l *lookups[W]) see(g *lookup[W], at int) (value []byte, there bool, err error) {
	if g.left--; g.left == 0 {
		l.free = append(l.free, g)
	}
	v := g.values[at]
	return g.bytes[v.from:v.to], v.there, g.err
}
