package lsm

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Tune lets tests that stand above the package shape the trees of all shards, which are compacted at once.
func Tune(r *Resources, tune func(*pebble.Options)) { r.tune, r.opening = tune, 0 }

// Deep makes a tree of several levels out of a few kilobytes, Quiet leaves compactions to Compact.
func Deep(o *pebble.Options)  { deep(o) }
func Quiet(o *pebble.Options) { quiet(o) }

// Compact merges all tables of a shard.
func Compact(ctx context.Context, s *Shard) error {
	s.turns.reading() // or L0 might be made to wait
	return s.db.Compact(ctx, s.r.Start, s.r.End, false)
}

// Slow divides the work of long tests.
const Slow = slow
