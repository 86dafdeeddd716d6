package aqtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// Run runs a job, in a bubble of testing/synctest, to the end of its input and returns the rows of a stream, in the order
// in which they became visible in an exactly-once sink: checkpoint by checkpoint. build describes the job, for each of its
// lives anew, and returns the stream; it may add sinks of its own. An error of the job fails the test at once.
func Run[T any](t *testing.T, build func(*Job) aquifer.Stream[T], options ...Option) (rows []T) {
	t.Helper()
	var err error
	bubble.Test(t, func(t *testing.T) { rows, err = Collect(t.Context(), build, options...) })
	if err != nil {
		t.Fatalf("the job failed: %v", err)
	}
	return rows
}

// Collect is Run outside of a test or in a bubble of its caller's. Outside of a bubble it is the machine's clock that the
// job has, and with several subtasks a row may be in time that follows its watermark. State is in a temporary directory,
// which is removed.
func Collect[T any](ctx context.Context, build func(*Job) aquifer.Stream[T], options ...Option) ([]T, error) {
	rows, _, err := collect(ctx, build, options)
	return rows, err
}

// collect returns the rows of the result and the number of those of the input.
func collect[T any](
	ctx context.Context, build func(*Job) aquifer.Stream[T], options []Option,
) (rows []T, given int, err error) {
	dir, err := os.MkdirTemp("", "aqtest")
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := &runs[T]{build: build, dir: dir, sink: newSink[T](), parallelism: 1, gate: &gate{}}
	for _, o := range options {
		if o.kind == start {
			r.parallelism = o.parallelism
		} else {
			r.events = append(r.events, o)
		}
	}
	if err := r.check(); err != nil {
		return nil, 0, err
	}
	for finished := false; !finished; {
		if finished, err = r.life(ctx); err != nil {
			return nil, 0, err
		}
	}
	if len(r.events) > 0 {
		return nil, 0, fmt.Errorf("%v did not happen: the input has %d rows", r.events[0], r.gate.rows())
	}
	return r.sink.rows(), r.gate.rows(), nil
}

// runs are the lives of a job.
type runs[T any] struct {
	build       func(*Job) aquifer.Stream[T]
	dir         string
	sink        *sink[T]
	gate        *gate
	events      []Option // that have not happened
	parallelism int
	kept        int // rows given before the last checkpoint
}

// life runs the job until it ends, one way or another.
func (r *runs[T]) life(ctx context.Context) (finished bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.gate.rewind(r.kept)
	job := &Job{aquifer.NewJob("aqtest"), r.gate}
	aquifer.To(r.build(job), "aqtest", r.sink)
	var requests aquifer.Requests
	o := aquifer.RunOptions{
		State: r.dir, Parallelism: r.parallelism, CheckpointInterval: -1, Restarts: -1, Requests: &requests,
		FlushAfter: time.Nanosecond, // what follows a watermark must not come before it
	}
	driven, reached := make(chan bool), r.await()
	go func() { driven <- r.drive(ctx, cancel, &requests, reached) }()
	result, err := job.Run(ctx, o)
	cancel(nil)
	again := <-driven
	if errors.Is(context.Cause(ctx), errCrashed) || err == nil && again {
		return false, nil
	}
	if err == nil && !result.Finished {
		err = errors.New("it was stopped")
	}
	return err == nil, err
}

// check refuses what cannot happen.
func (r *runs[T]) check() error {
	kept := 0
	for _, e := range r.events {
		if e.rows < kept {
			return fmt.Errorf("%v cannot happen: there is a checkpoint after %d rows by then", e, kept)
		}
		if e.kind != crash {
			kept = e.rows
		}
	}
	return nil
}

// await holds the sources for what happens next; if nothing does, the result is nil.
func (r *runs[T]) await() (reached <-chan struct{}) {
	if len(r.events) == 0 {
		r.gate.open()
		return nil
	}
	return r.gate.hold(r.events[0].rows)
}

// drive lets happen what is to happen in a life, and reports whether the job is to have another one.
func (r *runs[T]) drive(
	ctx context.Context, cancel context.CancelCauseFunc, requests *aquifer.Requests, reached <-chan struct{},
) (again bool) {
	for len(r.events) > 0 {
		select {
		case <-reached:
		case <-ctx.Done():
			return false
		}
		<-time.After(settle)
		e := r.events[0]
		if err := r.happen(ctx, cancel, requests, e); err != nil {
			cancel(fmt.Errorf("%v: %w", e, err))
			return false
		}
		r.events = r.events[1:]
		if e.kind != checkpoint {
			return true
		}
		reached = r.await()
	}
	return false
}

// happen lets one thing happen. It returns when that is over.
func (r *runs[T]) happen(
	ctx context.Context, cancel context.CancelCauseFunc, requests *aquifer.Requests, e Option,
) (err error) {
	switch e.kind {
	case crash:
		r.sink.crashAtBarrier(func() { cancel(errCrashed) })
		if _, err = requests.Checkpoint(ctx); errors.Is(context.Cause(ctx), errCrashed) {
			return nil
		}
		return err
	case rescale:
		r.parallelism = e.parallelism
		_, err = requests.StopWithSavepoint(ctx)
	case checkpoint:
		_, err = requests.Checkpoint(ctx)
	}
	r.kept = e.rows
	return err
}
