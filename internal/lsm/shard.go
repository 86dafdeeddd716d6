package lsm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Shard is one incarnation of the state of a range of keys: a Pebble database without memtable and log, fed by
// tables. All methods are safe for concurrent use; after an error other than one of kind base.Corrupt the shard
// is as usable as before.
type Shard struct {
	res   *Resources
	files *files
	turns *turns
	r     Range

	cancel context.CancelFunc // ends the requests of compactions
	cold   cold
	share  share
	tiers
	warming
	compacted signal       // of a compaction that has ended, well or not
	waited    atomic.Int64 // nanoseconds that ingestions waited for compactions
	sweeps    sweeps
	reads     reads
	ingesting sync.Mutex // Ingest and Export one at a time

	open   sync.RWMutex // held for reading while the database is used
	db     *pebble.DB
	closed bool

	mu          sync.Mutex
	damage      error // of kind base.Corrupt, found by a compaction
	trouble     error // of the last compaction, nil if it succeeded
	compactions int64
}

var errClosed = errors.New("shard is closed")

// OpenShard opens the state of the keys in r from lists: none for an empty shard, one of the same or a wider
// range, or several whose ranges follow one another. No object is read. The shard writes new objects below
// prefix, which must never have been used before: two shards opened from one list do not disturb one another.
// A list that is damaged is of kind base.Corrupt, lists that do not cover r of kind base.Config.
func OpenShard(ctx context.Context, res *Resources, prefix string, r Range, from ...List) (*Shard, error) {
	if err := errors.Join(ctx.Err(), r.check(), objstore.CheckName(prefix)); err != nil {
		return nil, err
	}
	r = Range{bytes.Clone(r.Start), bytes.Clone(r.End)}
	state, err := combine(r, from)
	if err != nil {
		return nil, err
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Shard{res: res, turns: &turns{res: res, hold: holdOf(ctx), ended: inner.Done()}, r: r, cancel: cancel}
	s.files = &files{
		ctx: inner, turns: s.turns, objects: res.objects,
		prefix: prefix + "/", known: map[string]Object{},
	}
	for _, o := range state.objects {
		if strings.HasPrefix(o.Name, s.files.prefix) {
			cancel()
			return nil, base.Errorf(base.Config, "prefix %s has been used: %s exists; choose a new one", prefix, o.Name)
		}
	}
	s.files.add(state.objects...)
	s.turns.deepen(state.above())
	if len(state.objects) > 0 {
		s.turns.opens()
	}
	if err := s.openDB(state); err != nil {
		cancel()
		return nil, err
	}
	depth := s.sublevels() // tells others
	if len(state.objects) > 0 {
		res.readers.expect(int64(depth+levels-1) * readBefore)
	}
	return s, nil
}

// openDB opens the database from files that exist in memory only.
func (s *Shard) openDB(state state) (err error) {
	fs := vfs.NewMem()
	if err := writeFiles(fs, state); err != nil {
		return err
	}
	defer s.recovered(&err)
	if s.db, err = pebble.Open(directory, s.options(fs)); err != nil {
		return base.Errorf(base.Corrupt, "shard %s cannot be opened from its metadata: %w", s.r, err)
	}
	return nil
}

// Close ends compactions and frees what the shard holds. The state remains in its last list.
func (s *Shard) Close() (err error) {
	s.cancel()
	s.open.Lock()
	defer s.open.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.cool()
	s.share.is(0, &s.res.filters)
	defer s.recovered(&err)
	return s.db.Close()
}

// use calls f with the database, unless the shard is closed.
func (s *Shard) use(f func() error) error {
	s.open.RLock()
	defer s.open.RUnlock()
	if s.closed {
		return fmt.Errorf("shard %s: %w", s.r, errClosed)
	}
	return s.explain(f())
}

// recovered, deferred around calls of Pebble, turns its panics into errors: Pebble panics on tables that are
// damaged in ways which checksums pass.
func (s *Shard) recovered(err *error) {
	if p := recover(); p != nil {
		*err = base.Errorf(base.Corrupt, "shard %s is damaged: %v", s.r, p)
	}
}

// explain gives an error of Pebble about damage a kind and the name of the object, in one line.
func (s *Shard) explain(err error) error {
	if !pebble.IsCorruptionError(err) {
		return err
	}
	name, detail := "of unknown name", err
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		name, detail = s.objectName(info.Path), info.Details
	}
	line, _, _ := strings.Cut(detail.Error(), "\n")
	return base.Errorf(base.Corrupt, "table %s is damaged: %s", name, line)
}

// objectName is the name of the object that Pebble calls remote-LOCATOR://NAME.
func (s *Shard) objectName(path string) string {
	if name, ok := strings.CutPrefix(path, "remote-"+string(ownObjects)+"://"); ok {
		return s.files.prefix + name
	}
	return strings.TrimPrefix(path, "remote-"+string(knownObjects)+"://")
}

// listener learns how compactions end. Pebble calls it holding its mutex.
func (s *Shard) listener() *pebble.EventListener {
	return &pebble.EventListener{
		// The error goes to whoever has read. Without this, Pebble would end the process.
		DataCorruption:  func(pebble.DataCorruptionInfo) {},
		BackgroundError: s.failed,
		CompactionEnd: func(info pebble.CompactionInfo) {
			if info.Err == nil {
				s.turns.succeeded()
				s.turns.compacted(info)
				s.succeeded()
			} else if errors.Is(info.Err, pebble.ErrCancelledCompaction) && !s.disturbed(info.Err) {
				s.failed(info.Err) // of which Pebble does not speak otherwise
			}
		},
	}
}

// disturbed reports whether a compaction has failed because of another's context: both waited for one table.
func (s *Shard) disturbed(err error) bool {
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	return errors.Is(err, errNotCached) || ended && s.files.ctx.Err() == nil
}

func (s *Shard) succeeded() {
	s.mu.Lock()
	s.trouble = nil
	s.compactions++
	s.mu.Unlock()
	s.compacted.change()
}

// failed notes the error of a compaction, which is tried again after a pause.
func (s *Shard) failed(err error) {
	s.turns.failed()
	err = s.explain(err)
	s.mu.Lock()
	s.trouble = err
	if base.KindOf(err) == base.Corrupt {
		s.damage = err
	}
	s.mu.Unlock()
	s.compacted.change()
}

// damaged returns what a compaction has found.
func (s *Shard) damaged() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.damage
}
