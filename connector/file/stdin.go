package file

import (
	"context"
	"io"
	"sync"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
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
		return flow.Discovery{}, base.Errorf(base.Config, "%w", s.invalid)
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
		full: make(chan []string, 4), stop: make(chan struct{}),
	}
	go r.pump(s.in)
	return r, nil
}

// stdinReader takes lines from a goroutine that blocks in the read. That goroutine ends with the input; after
// Close it ends with the next line, as a read of standard input cannot be interrupted.
type stdinReader[T any] struct {
	source  *Stdin[T]
	decoder decoder[T]
	ready   chan struct{}
	full    chan []string // closed at the end of the input
	stop    chan struct{}
	once    sync.Once
	err     error // of the input; set before full is closed
	pending []string
	line    int64
	offset  int64
}

func (r *stdinReader[T]) pump(in io.Reader) {
	defer close(r.full)
	text := newLines(in, 0, r.source.maxLine)
	for {
		line, _, err := text.next()
		if err != nil {
			if err != io.EOF {
				r.err = err
			}
			r.signal()
			return
		}
		batch := []string{string(line)}
		for len(batch) < 1024 && text.in.Buffered() > 0 && err == nil {
			if line, _, err = text.next(); err == nil {
				batch = append(batch, string(line))
			}
		}
		select {
		case r.full <- batch:
			r.signal()
		case <-r.stop:
			return
		}
	}
}

func (r *stdinReader[T]) signal() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// Read implements flow.Reader.
func (r *stdinReader[T]) Read(_ context.Context, out *flow.Batch[T]) (flow.Status, error) {
	for len(out.Rows) < cap(out.Rows) {
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
		r.take(out)
	}
	return flow.More, nil
}

// take decodes the next line.
func (r *stdinReader[T]) take(out *flow.Batch[T]) {
	line := r.pending[0]
	r.pending = r.pending[1:]
	r.line++
	at := r.offset
	r.offset += int64(len(line)) + 1
	if line == "" {
		return
	}
	var err error
	if r.line == 1 && r.decoder.header != nil {
		if err = r.decoder.header([]byte(line)); err == nil {
			return
		}
	} else {
		row := out.Next(flow.NoTime)
		if err = r.decoder.row([]byte(line), row); err == nil {
			return
		}
		out.Rows, out.Times = out.Rows[:len(out.Rows)-1], out.Times[:len(out.Times)-1]
	}
	out.Bad = append(out.Bad, flow.BadRecord{
		Split: "standard input", Line: r.line, Offset: at, Raw: []byte(line[:min(len(line), 4<<10)]), Reason: err.Error(),
	})
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
