package operator

import (
	"fmt"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// SplitPool is where a source's subtasks get their splits.
type SplitPool interface {
	// Take asks for a split for the subtask to read next. active is how many bounded splits it reads
	// already.
	Take(subtask, active int) (flow.Split, Supply)
	// Passed says that the subtask has taken its snapshot for the checkpoint.
	Passed(subtask int, checkpoint uint64)
}

// Supply is a pool's answer to a subtask that asks for a split.
type Supply uint8

const (
	// Given comes with a split.
	Given Supply = iota
	// Later means that splits are there, but not to be had at this moment, or not by this subtask.
	Later
	// Drained means that there is none now, but one may be discovered.
	Drained
	// Exhausted means that there will never be one again.
	Exhausted
)

// BadRecords says what becomes of records that cannot be decoded.
type BadRecords uint8

const (
	// FailOnBad fails the job and names the record.
	FailOnBad BadRecords = iota
	// SkipBad counts them.
	SkipBad
	// DivertBad sends them to the source's dead-letter stream.
	DivertBad
)

// SourceConfig is how a source is read.
type SourceConfig[T any] struct {
	Source flow.Source[T]
	// Time returns a row's event time in milliseconds; nil keeps what the source says.
	Time func(*T) int64
	// Delay is how far, in milliseconds, rows may be behind the latest event time seen.
	Delay int64
	// IdleAfter is how long a split may have nothing to read before it ceases to hold back the
	// watermark; zero for never.
	IdleAfter time.Duration
	Bad       BadRecords
}

// Source is the head of a chain that begins a stream.
type Source[T any] struct {
	SourceConfig[T]
	env    *Env
	next   Receiver[T]
	dead   Receiver[flow.BadRecord] // nil unless Bad is DivertBad
	pool   Pool[T]
	splits []*openSplit[T]
	turn   int

	watermark int64
	handing   time.Duration // that the operators chained to this one took
	idle      bool
	stopped   bool // a last barrier has passed, nothing is read any more
	ended     bool
}

// openSplit is a split being read.
type openSplit[T any] struct {
	flow.Split
	reader  flow.Reader[T]
	latest  int64 // event time
	waiting bool  // the last Read returned Wait
	idle    bool
	// starved is the point of the task's unblocked time from which on the split has had nothing.
	starved time.Duration
}

// NewSource returns the operator that reads config.Source.
func NewSource[T any](
	env *Env, next Receiver[T], dead Receiver[flow.BadRecord], config SourceConfig[T],
) *Source[T] {
	return &Source[T]{
		SourceConfig: config, env: env, next: next, dead: dead, pool: PoolOf[T](), watermark: flow.NoTime,
	}
}

// Open opens the splits that the checkpoint gave to this subtask.
func (s *Source[T]) Open() error {
	if s.env.Restored == nil {
		return nil
	}
	for _, split := range s.env.Restored.Splits {
		if err := s.open(flow.Split(split)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source[T]) open(split flow.Split) error {
	r, err := s.Source.Open(s.env.Context, split)
	if err != nil {
		return fmt.Errorf("source %q, split %s: %w", s.env.Name, split.ID, err)
	}
	s.splits = append(s.splits, &openSplit[T]{
		Split: split, reader: r, latest: flow.NoTime, starved: s.unblocked(time.Now()),
	})
	return nil
}

// Step reads one batch and passes it on. More means that it should be called again, Wait that there is
// nothing to read now, End that there never will be.
func (s *Source[T]) Step() (flow.Status, error) {
	if s.stopped || s.ended {
		return flow.End, nil
	}
	supply, err := s.take()
	if err != nil {
		return flow.End, err
	}
	for range s.splits {
		s.turn = (s.turn + 1) % len(s.splits)
		split := s.splits[s.turn]
		status, err := s.read(split)
		if err != nil {
			return flow.End, err
		}
		if status != flow.Wait {
			return flow.More, nil
		}
	}
	if len(s.splits) > 0 {
		return flow.Wait, s.checkIdle()
	}
	switch supply {
	case Exhausted:
		s.ended = true
		if err := s.setIdle(false); err != nil {
			return flow.End, err
		}
		return flow.End, s.next.Watermark(flow.EndOfTime)
	case Drained:
		return flow.Wait, s.setIdle(true)
	}
	return flow.Wait, nil
}

// take asks for splits until it gets none.
func (s *Source[T]) take() (Supply, error) {
	for {
		bounded := 0
		for _, split := range s.splits {
			if split.Bounded {
				bounded++
			}
		}
		split, supply := s.env.Splits.Take(s.env.Subtask, bounded)
		if supply != Given {
			return supply, nil
		}
		if err := s.open(split); err != nil {
			return supply, err
		}
	}
}

// read moves one batch from the split to the next operator.
func (s *Source[T]) read(split *openSplit[T]) (flow.Status, error) {
	b := s.pool.Get()
	status, err := split.reader.Read(s.env.Context, b)
	if err != nil {
		return status, fmt.Errorf("source %q, split %s: %w", s.env.Name, split.ID, err)
	}
	if len(b.Bad) > 0 {
		if err := s.bad(b.Bad); err != nil {
			return status, err
		}
		b.Bad = b.Bad[:0]
	}
	split.waiting = status == flow.Wait
	got := len(b.Rows) > 0
	if got {
		split.idle, split.waiting = false, false
		if err := s.assignTimes(split, b); err != nil {
			return status, err
		}
		s.env.Stats.RowsOut.Add(int64(len(b.Rows)))
		if err := s.hand(b); err != nil {
			return status, err
		}
		split.starved = s.unblocked(time.Now())
		if status == flow.Wait {
			status = flow.More
		}
	} else {
		s.pool.Put(b)
	}
	if status == flow.End {
		if err := s.finish(split); err != nil {
			return status, err
		}
	}
	if got || status == flow.End {
		return status, s.advance()
	}
	return status, nil
}

// hand passes the batch on and notes how long that took, besides the time that is told as blocked.
func (s *Source[T]) hand(b *flow.Batch[T]) error {
	if s.IdleAfter == 0 {
		return s.next.Batch(b)
	}
	begin, blocked := time.Now(), s.env.Blocked()
	err := s.next.Batch(b)
	s.handing += time.Since(begin) - (s.env.Blocked() - blocked)
	return err
}

func (s *Source[T]) finish(split *openSplit[T]) error {
	s.splits = slices.DeleteFunc(s.splits, func(o *openSplit[T]) bool { return o == split })
	return split.reader.Close()
}

// assignTimes fills in the event times and finds the latest.
func (s *Source[T]) assignTimes(split *openSplit[T], b *flow.Batch[T]) (err error) {
	if s.Time != nil {
		i := 0
		defer s.env.rescue(&err, func() (any, int64) { return nil, flow.NoTime })
		for ; i < len(b.Rows); i++ {
			b.Times[i] = s.Time(&b.Rows[i])
		}
	}
	for _, t := range b.Times {
		split.latest = max(split.latest, t)
	}
	return nil
}

// advance emits the watermark that the splits allow. Splits without a row yet hold it back. A subtask that
// has just read its last split is not idle: there may be another for it.
func (s *Source[T]) advance() error {
	least, active := flow.EndOfTime, false
	for _, split := range s.splits {
		if split.idle {
			continue
		}
		active = true
		least = min(least, behind(split.latest, s.Delay))
	}
	if len(s.splits) == 0 {
		return nil
	}
	if err := s.setIdle(!active); err != nil || !active || least <= s.watermark {
		return err
	}
	s.watermark = least
	s.env.Stats.Watermark.Store(least)
	return s.next.Watermark(least)
}

// setIdle says whether the subtask holds back event time, if that has changed.
func (s *Source[T]) setIdle(idle bool) error {
	if s.idle == idle {
		return nil
	}
	s.idle = idle
	return s.next.Idle(idle)
}

// behind is t − delay, or NoTime if t is.
func behind(t, delay int64) int64 {
	if t == flow.NoTime {
		return t
	}
	return t - delay
}

// unblocked is the time that passed without the task being blocked, or kept busy, by what is behind the source.
// Idleness is measured by it, so that backpressure cannot look like a lack of input.
func (s *Source[T]) unblocked(now time.Time) time.Duration {
	return time.Duration(now.UnixNano()) - s.env.Blocked() - s.handing
}

// checkIdle declares those splits idle that have been without input for too long.
func (s *Source[T]) checkIdle() error {
	if s.IdleAfter == 0 {
		return nil
	}
	now, changed := s.unblocked(time.Now()), false
	for _, split := range s.splits {
		if split.waiting && !split.idle && now-split.starved >= s.IdleAfter {
			split.idle, changed = true, true
		}
	}
	if !changed {
		return nil
	}
	return s.advance()
}

// Due is when a split that waits may have to be declared idle.
func (s *Source[T]) Due() time.Time {
	if s.IdleAfter == 0 {
		return time.Time{}
	}
	least := time.Duration(-1)
	now := s.unblocked(time.Now())
	for _, split := range s.splits {
		if split.waiting && !split.idle {
			left := max(0, s.IdleAfter-(now-split.starved))
			if least < 0 || left < least {
				least = left
			}
		}
	}
	if least < 0 {
		return time.Time{}
	}
	return time.Now().Add(least)
}

// Tick declares idle what is due.
func (s *Source[T]) Tick(time.Time) error { return s.checkIdle() }

// Ready returns the channels that say when a split that waits may have rows.
func (s *Source[T]) Ready() []<-chan struct{} {
	var ready []<-chan struct{}
	for _, split := range s.splits {
		if c := split.reader.Ready(); c != nil {
			ready = append(ready, c)
		}
	}
	return ready
}

// Stop ends reading: what follows belongs to the job's next run.
func (s *Source[T]) Stop() { s.stopped = true }

// bad deals with records that could not be decoded.
func (s *Source[T]) bad(records []flow.BadRecord) error {
	s.env.Stats.Bad.Add(int64(len(records)))
	switch s.Bad {
	case SkipBad:
		return nil
	case DivertBad:
		b := PoolOf[flow.BadRecord]().Get()
		for _, r := range records {
			b.Append(r, flow.NoTime)
		}
		return s.dead.Batch(b)
	}
	r := records[0]
	where := fmt.Sprintf("byte %d", r.Offset)
	if r.Line > 0 {
		where = fmt.Sprintf("line %d, byte %d", r.Line, r.Offset)
	}
	return fmt.Errorf("source %q: %s, %s: %s (to go on without such records, skip them or divert them "+
		"to a dead-letter stream)", s.env.Name, r.Split, where, r.Reason)
}

// Snapshot records the positions of the open splits.
func (s *Source[T]) Snapshot(checkpoint uint64) (Snapshot, error) {
	snap := Snapshot{Watermark: s.watermark}
	for _, split := range s.splits {
		at := split.Split
		at.Position = slices.Clone(split.reader.Position())
		snap.Splits = append(snap.Splits, at)
	}
	s.env.Splits.Passed(s.env.Subtask, checkpoint)
	return snap, nil
}

// Close closes the readers.
func (s *Source[T]) Close() error {
	var first error
	for _, split := range s.splits {
		if err := split.reader.Close(); err != nil && first == nil {
			first = err
		}
	}
	s.splits = nil
	return first
}
