package file

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
)

// Stdin reads standard input. What was read cannot be read again: a job must accept to lose it in a failure.
type Stdin[T any] struct {
	*Source[T]
	in io.Reader
}

// NotReplayable implements flow.NotReplayable.
func (s *Stdin[T]) NotReplayable() string { return "it is standard input" }

// Discover implements flow.Source.
func (s *Stdin[T]) Discover(_ context.Context, known flow.Known) (flow.Discovery, error) {
	if s.invalid != nil {
		return flow.Discovery{}, flow.ConfigErrorf("%w", s.invalid)
	}
	if known.Has("-") {
		return flow.Discovery{}, nil
	}
	return flow.Discovery{Splits: []flow.Split{{ID: "-", Bounded: true}}}, nil
}

// Open implements flow.Source.
func (s *Stdin[T]) Open(context.Context, flow.Split) (flow.Reader[T], error) {
	r := &stdinReader[T]{
		source: s, decoder: s.decoder(), ready: make(chan struct{}, 1),
		full: make(chan []typed, 4), stop: make(chan struct{}),
	}
	go r.pump(s.in)
	return r, nil
}

// typed is a line of standard input.
type typed struct {
	text    string
	at      int64
	tooLong bool // text is the beginning of it
}

// stdinReader takes lines from a goroutine that blocks in the read. That goroutine ends with the input; after
// Close it ends with the next line, as a read of standard input cannot be interrupted.
type stdinReader[T any] struct {
	source  *Stdin[T]
	decoder decoder[T]
	ready   chan struct{}
	full    chan []typed // closed at the end of the input
	stop    chan struct{}
	once    sync.Once
	err     error // of the input; set before full is closed
	pending []typed
	line    int64
}

func (r *stdinReader[T]) pump(in io.Reader) {
	defer r.signal() // after full is closed: what a reader wakes up to must be there
	defer close(r.full)
	text := newLines(in, 0, r.source.maxLine)
	for {
		batch, err := readTyped(text)
		if len(batch) > 0 {
			select {
			case r.full <- batch:
				r.signal()
			case <-r.stop:
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				r.err = fmt.Errorf("standard input: %w", err)
			}
			return
		}
	}
}

// readTyped waits for a line and returns it with those that have come with it.
func readTyped(text *lines) (batch []typed, err error) {
	for first := true; first || len(batch) < 1024 && text.in.Buffered() > 0; first = false {
		at := text.offset
		line, tooLong, err := text.next()
		if err != nil {
			return batch, err
		}
		batch = append(batch, typed{string(line), at, tooLong})
	}
	return batch, nil
}

func (r *stdinReader[T]) signal() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// Read implements flow.Reader.
func (r *stdinReader[T]) Read(_ context.Context, out *flow.Batch[T]) (flow.Status, error) {
	for len(out.Rows)+len(out.Bad) < cap(out.Rows) {
		if len(r.pending) == 0 {
			select {
			case batch, ok := <-r.full:
				if !ok {
					return flow.End, r.err
				}
				r.pending = batch
			default:
				return flow.Wait, nil
			}
		}
		line := r.pending[0]
		r.pending = r.pending[1:]
		r.line++
		if err := r.take(line, out); err != nil {
			return flow.End, err
		}
	}
	return flow.More, nil
}

// take decodes a line. Without its header nothing can be read, so a bad one is an error.
func (r *stdinReader[T]) take(line typed, out *flow.Batch[T]) error {
	var bad error
	switch {
	case r.line == 1 && r.decoder.header != nil:
		if err := r.decoder.header([]byte(line.text)); err != nil {
			return fmt.Errorf("standard input: line 1, the header: %w", err)
		}
		return nil
	case line.tooLong:
		bad = fmt.Errorf("the line is longer than %d bytes", r.source.maxLine)
	case line.text == "" && !r.decoder.empty:
		return nil
	default:
		row := out.Next(flow.NoTime)
		if bad = r.decoder.row([]byte(line.text), row); bad == nil {
			return nil
		}
		out.Rows, out.Times = out.Rows[:len(out.Rows)-1], out.Times[:len(out.Times)-1]
	}
	raw := line.text[:min(len(line.text), 4<<10)]
	out.Bad = append(out.Bad, flow.BadRecord{
		Split: "standard input", Line: r.line, Offset: line.at, Raw: []byte(raw), Reason: bad.Error(),
	})
	return nil
}

// Ready implements flow.Reader.
func (r *stdinReader[T]) Ready() <-chan struct{} { return r.ready }

// Position implements flow.Reader.
func (r *stdinReader[T]) Position() []byte { return nil }

// Close implements flow.Reader.
func (r *stdinReader[T]) Close() error {
	r.once.Do(func() { close(r.stop) })
	return nil
}
