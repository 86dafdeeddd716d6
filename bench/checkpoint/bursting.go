package checkpoint

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
	"github.com/aquifer-stream/aquifer/internal/measure"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/open"
	"github.com/aquifer-stream/aquifer/state"
)

// A block of a table holds 32 KB before it is packed: with one of several keys asked for, nearly each record needs a read
// of its own.
const (
	pageBytes = 8000
	apart     = 6
)

var page = strings.Repeat("page", pageBytes/4)

// pages are large values that a key gets once and is then looked up for. They pack well: what is measured is waiting.
type pages struct {
	page state.Value[string]
	done func()
}

// Open implements aquifer.ProcessFunc.
func (p *pages) Open(s *state.Scope) (err error) {
	p.page, err = state.NewValue[string](s, "page")
	return err
}

// Process implements aquifer.ProcessFunc.
func (p *pages) Process(ctx *aquifer.Context, _ *int64, _ aquifer.Collector[int64]) error {
	_, found, err := p.page.Get(ctx)
	if err == nil && !found {
		err = p.page.Set(ctx, page)
	}
	p.done()
	return err
}

// bursting is a run of the job that is given all records at one time.
type bursting struct {
	o        Options
	source   *bursts
	far      measure.Far
	requests aquifer.Requests
	started  chan struct{}
	done     atomic.Int64
	over     chan struct{} // when all records are done
	stored   map[uint64]aquifer.CheckpointStored
}

func newBursting(o Options, source *bursts) *bursting {
	return &bursting{
		o: o, source: source, started: make(chan struct{}), over: make(chan struct{}),
		stored: map[uint64]aquifer.CheckpointStored{},
	}
}

func (b *bursting) hear(e aquifer.Event) {
	switch e := e.(type) {
	case aquifer.Started:
		close(b.started)
	case aquifer.CheckpointStored:
		b.stored[e.Checkpoint] = e
	}
}

// run runs the job in a directory, from a checkpoint, until script ends.
func (b *bursting) run(
	ctx context.Context, dir string, from uint64, after time.Duration, script func(context.Context) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	far := func(s objstore.Store) objstore.Store { return measure.Remote{Store: s, Far: &b.far} }
	ended, scripted := make(chan struct{}), make(chan error, 1)
	go func() {
		defer cancel()
		select {
		case <-b.started:
			scripted <- script(ctx)
		case <-ended:
			scripted <- errors.New("the job did not start")
		}
	}()
	_, err := b.job().Run(open.Through(ctx, far), aquifer.RunOptions{
		State: dir, Parallelism: 1, CheckpointInterval: -1, Restarts: -1, Retain: 100, From: from,
		UnalignedAfter: after, Requests: &b.requests, OnEvent: b.hear,
	})
	close(ended)
	if failed := <-scripted; failed != nil {
		return errors.Join(failed, err)
	}
	return nil // it was cancelled
}

// await waits for something.
func await(ctx context.Context, what <-chan struct{}) error {
	select {
	case <-what:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// job looks up the keys of the source.
func (b *bursting) job() *aquifer.Job {
	job := aquifer.NewJob("bench-drain")
	keys := aquifer.KeyBy(aquifer.From(job, "keys", b.source), func(k *int64) int64 { return *k })
	read := aquifer.Process(keys, "read", func() aquifer.ProcessFunc[int64, int64] {
		return &pages{done: func() {
			if b.done.Add(1) == b.source.burst {
				close(b.over)
			}
		}}
	}, aquifer.InFlight(b.o.InFlight))
	aquifer.To(read, "out", discard.New[int64]())
	return job
}
