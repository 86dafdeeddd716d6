package lsm

import "context"

// Compact takes all that the shard has to the bottom of its tree, and with that frees the space of what was deleted. It
// reads and writes the shard once and gives way like any compaction. If it fails, Metrics and the next Ingest say so,
// and the space stays taken; the error is that of a context that has ended.
func (s *Shard) Compact(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.files.ctx, cancel)()
	s.turns.reading()
	return s.use(func() (err error) {
		defer s.recovered(&err)
		_ = s.db.Compact(ctx, s.r.Start, s.r.End, false)
		return ctx.Err()
	})
}
