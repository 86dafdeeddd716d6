package soak

import (
	"context"
	"strconv"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// rows is a source of the numbers of a plan's rows: a split for each part.
type rows struct{ plan Plan }

// Discover implements flow.Source.
func (s rows) Discover(_ context.Context, known flow.Known) (found flow.Discovery, err error) {
	for part := range s.plan.Parts {
		id := "part-" + strconv.FormatInt(part, 10)
		if !known.Has(id) {
			begin := strconv.AppendInt(nil, part*s.plan.PartRows(), 10)
			found.Splits = append(found.Splits, flow.Split{ID: id, Bounded: true, Spec: begin})
		}
	}
	return found, nil
}

// Open implements flow.Source.
func (s rows) Open(_ context.Context, split flow.Split) (flow.Reader[int64], error) {
	begin, err := strconv.ParseInt(string(split.Spec), 10, 64)
	next := begin
	if err == nil && split.Position != nil {
		next, err = strconv.ParseInt(string(split.Position), 10, 64)
	}
	if err != nil {
		return nil, base.Errorf(base.Corrupt, "split %s of the soak: %w", split.ID, err)
	}
	return &rowReader{next: next, end: begin + s.plan.PartRows(), stride: s.plan.Stride}, nil
}

// rowReader reads a part. Its position is the number of the next row, in decimal.
type rowReader struct {
	next, end     int64
	stride, given int64
	passed        chan struct{} // closed by the next checkpoint
}

// Read implements flow.Reader.
func (r *rowReader) Read(_ context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	n := min(int64(cap(out.Rows)-len(out.Rows)), r.end-r.next)
	if r.stride > 0 {
		if n = min(n, r.stride-r.given); n == 0 {
			r.passed = make(chan struct{})
			return flow.Wait, nil
		}
	}
	for range n {
		out.Append(r.next, flow.NoTime)
		r.next++
		r.given++
	}
	if r.next == r.end {
		return flow.End, nil
	}
	return flow.More, nil
}

// Ready implements flow.Reader: it has to wait for checkpoints only.
func (r *rowReader) Ready() <-chan struct{} { return r.passed }

// Position implements flow.Reader. It is asked for at checkpoints.
func (r *rowReader) Position() []byte {
	if r.given = 0; r.passed != nil {
		close(r.passed)
		r.passed = nil
	}
	return strconv.AppendInt(nil, r.next, 10)
}

// Close implements flow.Reader.
func (r *rowReader) Close() error { return nil }
