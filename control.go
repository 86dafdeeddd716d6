package aquifer

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/control"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// ControlAuto is the RunOptions.Control of a socket with a name of its own in the user's directory, where the command
// aquifer job finds it. A directory that cannot be used is told by the event ControlFailed and does not end the job.
const ControlAuto = control.Auto

// Requests asks a running job for checkpoints and savepoints, through RunOptions.Requests. The zero value is ready to
// use, for one run at a time. It is safe for concurrent use.
type Requests = coordinator.Requests

// ErrNotRunning is the error of a request when no job runs that could answer it.
var ErrNotRunning = coordinator.ErrNotRunning

var errCanceled = errors.New("canceled, without a last checkpoint")

// controlled is a run that can be looked at and asked for something. The zero value is one that cannot.
type controlled struct {
	server *control.Server
	asked  chan struct{} // has something when the job is to stop
	done   chan struct{}
	merged chan struct{} // closed when nobody waits for asked any longer
}

// serveControl begins to serve the run's control socket, if there is to be one, and lets it stop the run. The result
// must be ended.
func (o *RunOptions) serveControl(p *plan.Physical, cancel context.CancelCauseFunc) (*controlled, error) {
	if o.Control == "" || o.Control == control.None {
		return &controlled{}, nil
	}
	if o.Requests == nil {
		o.Requests = &Requests{}
	}
	c := &controlled{asked: make(chan struct{}, 1), done: make(chan struct{}), merged: make(chan struct{})}
	var err error
	c.server, err = control.Serve(control.Config{
		Path: o.Control, Plan: p, State: absolute(o.State), Requests: o.Requests, Stop: c.stop,
		Cancel: func() { cancel(errCanceled) },
	})
	if err != nil && o.Control == control.Auto {
		o.hear(ControlFailed{Err: err})
		return &controlled{}, nil
	}
	if err != nil {
		return nil, err
	}
	o.Stop = c.merge(o.Stop)
	next := o.OnEvent
	o.OnEvent = func(e Event) {
		c.server.Hear(e)
		if next != nil {
			next(e)
		}
	}
	o.hear(ControlServed{Socket: c.server.Path})
	return c, nil
}

// absolute is a place as it is called in any directory; empty for memory.
func absolute(place string) string {
	switch {
	case place == open.Memory:
		return ""
	case place == "" || strings.Contains(place, "://"):
		return place
	}
	if path, err := filepath.Abs(place); err == nil {
		return path
	}
	return place
}

// hear tells of an event.
func (o *RunOptions) hear(e Event) {
	if o.OnEvent != nil {
		o.OnEvent(e)
	}
}

// stop asks the job to stop after a checkpoint.
func (c *controlled) stop() {
	select {
	case c.asked <- struct{}{}:
	default:
	}
}

// merge returns what is closed when the job is to stop, whoever wants it.
func (c *controlled) merge(stop <-chan struct{}) <-chan struct{} {
	either := make(chan struct{})
	go func() {
		defer close(c.merged)
		select {
		case <-stop:
		case <-c.asked:
		case <-c.done:
			return
		}
		close(either)
	}()
	return either
}

// end tells those who wait how the job ended. It returns the run's error with its own.
func (c *controlled) end(r Result, err error) error {
	if c.server == nil {
		return err
	}
	close(c.done)
	<-c.merged
	o := control.Outcome{Finished: r.Finished, LastCheckpoint: r.LastCheckpoint}
	if err != nil && !errors.Is(err, coordinator.ErrStopped) && !errors.Is(err, errCanceled) {
		o.Error = err.Error()
	}
	return errors.Join(err, c.server.End(o))
}
