package state

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

const pebbleEngine = "pebble"

// peer is Pebble on the local disk, as a program would use it that keeps its counts there: without a log, as a stream
// processor with checkpoints needs none.
type peer struct{ db *pebble.DB }

// openPeer opens the database in a directory with a block cache of the given size.
func openPeer(dir string, cacheBytes int64) (*peer, error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	o := &pebble.Options{
		Cache: cache, DisableWAL: true, Logger: silent{},
		MemTableSize: uint64(min(64<<20, max(1<<20, cacheBytes/8))),
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, o)
	if err != nil {
		return nil, err
	}
	return &peer{db}, nil
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}

func (p *peer) close() error { return errors.Join(p.db.Flush(), p.db.Close()) }

// count adds one to the count of a key: it waits for the read.
func (p *peer) count(key int64) error {
	var k, v [8]byte
	binary.BigEndian.PutUint64(k[:], uint64(key))
	old, closer, err := p.db.Get(k[:])
	switch {
	case err == nil:
		binary.LittleEndian.PutUint64(v[:], binary.LittleEndian.Uint64(old)+1)
		if err := closer.Close(); err != nil {
			return err
		}
	case errors.Is(err, pebble.ErrNotFound):
		v[0] = 1
	default:
		return err
	}
	return p.db.Set(k[:], v[:], pebble.NoSync)
}

// countAll counts the next keys of a sequence.
func (p *peer) countAll(ctx context.Context, next func() int64, n int64) error {
	for i := range n {
		if i%1024 == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := p.count(next()); err != nil {
			return err
		}
	}
	return nil
}

// loadPeer counts each key once.
func loadPeer(ctx context.Context, dir string, keys int64) error {
	p, err := openPeer(dir, 64<<20)
	if err != nil {
		return err
	}
	return errors.Join(p.countAll(ctx, each(), keys), p.close())
}

// measurePeer counts drawn keys, with a cache of as much memory as the job had for everything.
func measurePeer(ctx context.Context, dir string, o Options, job Row) (r Row, err error) {
	p, err := openPeer(dir, job.MemoryBytes)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	c := cell{distribution: job.Distribution, ratio: job.Ratio, memory: job.MemoryBytes}
	next := draw(c.distribution, o.Keys)
	if err := p.countAll(ctx, next, c.warm(o)); err != nil {
		return r, err
	}
	before, begin := p.db.Metrics().BlockCache, measure.Start()
	if err := p.countAll(ctx, next, o.Records); err != nil {
		return r, err
	}
	r = newRow(pebbleEngine, c, o, measure.Start().Since(begin))
	after := p.db.Metrics().BlockCache
	hits, misses := float64(after.Hits-before.Hits), float64(after.Misses-before.Misses)
	r.BlockCacheBytes, r.CacheHitRate = job.BlockCacheBytes, share(hits, misses)
	r.ColdPer1000 = 1000 * misses / float64(o.Records)
	return r, nil
}
