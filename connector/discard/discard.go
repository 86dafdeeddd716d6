package discard

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// Option says what is computed of the rows.
type Option[T any] func(*Sink[T])

// Hash sums up a hash of every row. text appends the row's canonical text, by which rows are the same.
func Hash[T any](text func(dst []byte, row *T) []byte) Option[T] {
	return func(s *Sink[T]) { s.text = text }
}

// Retract says which rows take an earlier row back instead of adding one.
func Retract[T any](retracts func(row *T) bool) Option[T] {
	return func(s *Sink[T]) { s.retracts = retracts }
}

// Sink counts rows. It is safe for concurrent use.
type Sink[T any] struct {
	text     func(dst []byte, row *T) []byte
	retracts func(row *T) bool

	mu      sync.Mutex
	writers map[*writer[T]]total
}

// total is what a writer has seen of the result.
type total struct {
	rows int64
	hash uint64
}

// New returns a sink that counts rows.
func New[T any](options ...Option[T]) *Sink[T] {
	s := &Sink[T]{writers: map[*writer[T]]total{}}
	for _, o := range options {
		o(s)
	}
	return s
}

// Total returns the number of rows of the result and the sum of their hashes modulo 2^64 (zero unless asked
// for). While a job runs it is as of some moment of the last batches; after it has ended it is exact.
func (s *Sink[T]) Total() (rows int64, hash uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.writers {
		rows += t.rows
		hash += t.hash
	}
	return rows, hash
}

// Recover implements flow.Sink: what writers of a failed attempt counted is forgotten.
func (s *Sink[T]) Recover(context.Context, [][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.writers)
	return nil
}

// Commit implements flow.Sink. There is nothing to make visible.
func (s *Sink[T]) Commit(context.Context, [][]byte) error { return nil }

// Open implements flow.Sink.
func (s *Sink[T]) Open(_ context.Context, subtask flow.SinkSubtask) (flow.Writer[T], error) {
	w := &writer[T]{sink: s}
	for _, state := range subtask.States {
		if len(state) != 16 {
			return nil, flow.CorruptErrorf("the state of a count has %d bytes, not 16", len(state))
		}
		w.total.rows += int64(binary.BigEndian.Uint64(state))
		w.total.hash += binary.BigEndian.Uint64(state[8:])
	}
	w.publish()
	return w, nil
}

type writer[T any] struct {
	sink   *Sink[T]
	total  total
	buffer []byte
}

// Write implements flow.Writer.
func (w *writer[T]) Write(_ context.Context, b *flow.Batch[T]) error {
	if w.sink.text == nil && w.sink.retracts == nil {
		w.total.rows += int64(len(b.Rows))
	} else {
		for i := range b.Rows {
			w.add(&b.Rows[i])
		}
	}
	w.publish()
	return nil
}

func (w *writer[T]) add(row *T) {
	n, h := int64(1), uint64(0)
	if w.sink.text != nil {
		w.buffer = w.sink.text(w.buffer[:0], row)
		h = RowHash(w.buffer)
	}
	if w.sink.retracts != nil && w.sink.retracts(row) {
		n, h = -1, -h
	}
	w.total.rows += n
	w.total.hash += h
}

// RowHash is the hash of a row's canonical text: FNV-1a, and then the finalizer of SplitMix64.
func RowHash(text []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range text {
		h = (h ^ uint64(c)) * 1099511628211
	}
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}

func (w *writer[T]) publish() {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.sink.writers[w] = w.total
}

// Prepare implements flow.Writer.
func (w *writer[T]) Prepare(context.Context, uint64) (flow.Prepared, error) {
	state := binary.BigEndian.AppendUint64(nil, uint64(w.total.rows))
	return flow.Prepared{State: binary.BigEndian.AppendUint64(state, w.total.hash)}, nil
}

// Close implements flow.Writer.
func (w *writer[T]) Close(context.Context) error { return nil }
