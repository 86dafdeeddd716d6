// Package print is a sink that shows rows to a person, as they come.
//
// What always holds: a row is printed whole, on a line of its own, and at least once. What has been printed cannot
// be taken back, so rows that a failed attempt had printed come again.
package print

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// To returns a sink that prints rows on w as text, which a function appends without the newline.
func To[T any](w io.Writer, text func(dst []byte, row *T) []byte) flow.Sink[T] {
	return &sink[T]{w: w, encode: func(dst []byte, row *T) ([]byte, error) { return text(dst, row), nil }}
}

// JSON returns a sink that prints rows on w as lines of JSON.
func JSON[T any](w io.Writer) flow.Sink[T] {
	return &sink[T]{w: w, encode: func(dst []byte, row *T) ([]byte, error) {
		b, err := json.Marshal(row)
		return append(dst, b...), err
	}}
}

// sink is shared by its writers, which take turns a batch at a time.
type sink[T any] struct {
	encode func(dst []byte, row *T) ([]byte, error)

	mu sync.Mutex
	w  io.Writer
}

// Recover implements flow.Sink.
func (s *sink[T]) Recover(context.Context, [][]byte) error { return nil }

// Commit implements flow.Sink.
func (s *sink[T]) Commit(context.Context, [][]byte) error { return nil }

// Open implements flow.Sink.
func (s *sink[T]) Open(context.Context, flow.SinkSubtask) (flow.Writer[T], error) {
	return &writer[T]{sink: s}, nil
}

type writer[T any] struct {
	sink   *sink[T]
	buffer []byte
}

// Write implements flow.Writer.
func (w *writer[T]) Write(_ context.Context, b *flow.Batch[T]) error {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	out := bufio.NewWriter(w.sink.w)
	for i := range b.Rows {
		var err error
		if w.buffer, err = w.sink.encode(w.buffer[:0], &b.Rows[i]); err != nil {
			return fmt.Errorf("encode row %+v: %w", b.Rows[i], err)
		}
		w.buffer = append(w.buffer, '\n')
		if _, err := out.Write(w.buffer); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Prepare implements flow.Writer.
func (w *writer[T]) Prepare(context.Context, uint64) (flow.Prepared, error) {
	return flow.Prepared{}, nil
}

// Close implements flow.Writer.
func (w *writer[T]) Close(context.Context) error { return nil }
