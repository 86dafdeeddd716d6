package coordinator

import (
	"context"
	"errors"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/worker"
)

// region is a part of the job whose tasks run, fail and are restarted by themselves: no rows go between it and others.
// Checkpoints are of all regions.
type region struct {
	of     *attempt
	number int
	plan   *plan.Physical
	first  int // the number of its first task among those of the job

	// Guarded by the attempt's mutex.
	worker      *worker.Attempt
	incarnation int
	exhausted   bool // its sources have been read to their ends

	pause time.Duration // until it is restarted; owned by the loop
}

// ended says that the tasks of a region have ended.
type ended struct {
	*region
	err error
}

// rebuilt says what came of rebuilding a region from a checkpoint.
type rebuilt struct {
	*region
	worker *worker.Attempt
	from   *checkpoint.Manifest
	took   time.Duration // after the pause
	err    error
}

// Acknowledged implements worker.Listener.
func (r *region) Acknowledged(id uint64, task int) {
	r.of.post(checkpoint.Ack{Checkpoint: id, Task: r.first + task})
}

// Declined implements worker.Listener.
func (r *region) Declined(id uint64, task int, err error) {
	r.of.post(checkpoint.Decline{Checkpoint: id, Task: r.first + task, Reason: err.Error()})
}

// SourcesEnded implements worker.Listener. The input of the job has ended when that of all regions has.
func (r *region) SourcesEnded() {
	a := r.of
	a.mu.Lock()
	r.exhausted = true
	all := true
	for _, other := range a.regions {
		all = all && other.exhausted
	}
	if all {
		a.in = append(a.in, checkpoint.Request{Now: now(), Reason: checkpoint.ReasonEnd})
	}
	a.mu.Unlock()
	if all {
		a.OnEvent(SourcesEnded{})
		a.awake()
	}
}

// build builds the tasks of a region, with names of objects that no others give.
func (r *region) build(ctx context.Context, m *checkpoint.Manifest) (*worker.Attempt, error) {
	a := r.of
	a.mu.Lock()
	a.incarnations++
	r.incarnation = a.incarnations
	n := r.incarnation
	a.mu.Unlock()
	w, err := worker.New(objstore.For(ctx, objstore.Record), worker.Config{
		Plan: r.plan, Objects: a.cached, Incarnation: checkpoint.Incarnation(a.term, n), Restore: m,
		Resources: a.resources, MaxDirty: a.MaxDirty, Budget: a.Budget,
		Credit: channelCredit, ChannelBytes: a.Memory.Channels() / int64(len(a.regions)),
		FlushAfter: a.FlushAfter, Listener: r,
	})
	if err != nil {
		return nil, err
	}
	if err := w.Discover(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// launch runs the tasks of a region.
func (a *attempt) launch(r *region, w *worker.Attempt) {
	a.mu.Lock()
	r.worker = w
	a.mu.Unlock()
	a.calm = time.Now()
	a.running++
	go func() { a.ends <- ended{r, w.Run()} }()
}

// end deals with the end of the tasks of a region: they are restarted, or the others end, too.
func (a *attempt) end(ctx context.Context, e ended) {
	if a.running--; e.err != nil && a.again(ctx, e.region, e.err) {
		a.mu.Lock()
		defer a.mu.Unlock()
		e.exhausted = false
		a.in = append(a.in, checkpoint.Lost{Region: e.number, Cause: e.err.Error()})
		return
	}
	a.finish()
	if a.wrong == nil || ctx.Err() == nil { // of a context that has ended, one tells enough
		a.wrong = errors.Join(a.wrong, e.err)
	}
}

// again decides whether a region is restarted after a failure. Of a job in one piece, all tasks are, with the job.
func (a *attempt) again(ctx context.Context, r *region, err error) bool {
	if len(a.regions) == 1 || a.finishing || ctx.Err() != nil || base.KindOf(err) != base.Failed {
		return false
	}
	pause, again := a.strategy.failed(a.undisturbed())
	if !again {
		return false
	}
	a.mu.Lock()
	a.failed(err, r.operators())
	e := a.restarting(err, pause)
	a.mu.Unlock()
	r.pause = pause
	a.OnEvent(e)
	return true
}

// operators are the uids of a region's operators, as failures and events name those of a part of the job.
func (r *region) operators() (uids []string) {
	for _, n := range r.plan.Nodes() {
		uids = append(uids, n.UID)
	}
	return uids
}

// rebuild builds a region anew, after its pause, or at once when the job is asked to stop.
func (a *attempt) rebuild(ctx context.Context, r *region) {
	if a.finishing {
		return
	}
	a.rebuilding++
	pause := time.NewTimer(r.pause)
	a.slow.Go(func() {
		defer pause.Stop()
		select {
		case <-pause.C:
		case <-a.Stop:
		case <-ctx.Done():
		case <-a.finished:
			a.builds <- rebuilt{region: r}
			return
		}
		b, began := rebuilt{region: r}, time.Now()
		if b.from, b.err = a.latest(ctx, a.first); b.err == nil {
			b.worker, b.err = r.build(ctx, b.from)
		}
		if b.err == nil {
			b.err = a.recoverSinks(ctx, r.plan, b.from)
		}
		b.took = time.Since(began)
		a.builds <- b
	})
}

// goOn lets a region that has been rebuilt run, or tries again.
func (a *attempt) goOn(ctx context.Context, b rebuilt) {
	a.rebuilding--
	switch {
	case b.err == nil && !a.finishing:
		a.replace(b)
		a.post(checkpoint.Regained{Now: now(), Region: b.number})
		return
	case b.worker != nil:
		err := b.worker.Close()
		if b.err = errors.Join(b.err, err); a.finishing {
			a.wrong = errors.Join(a.wrong, err) // nothing else of what the rebuilding has come to matters now
		}
	}
	a.calm = time.Now() // the pause does not count
	if b.err != nil && a.again(ctx, b.region, b.err) {
		a.rebuild(ctx, b.region)
		return
	}
	if !a.finishing {
		a.wrong = b.err
		a.finish()
	}
}

// replace puts new tasks in the place of those of a region that have ended.
func (a *attempt) replace(b rebuilt) {
	old := b.region.worker
	a.mu.Lock()
	for range 2 { // it tells of nothing for which there may be a read, and there is none
		for _, name := range old.Garbage() {
			a.garbage[name] = true
		}
	}
	a.rowsRead += rowsRead(old)
	started := a.recovered(b.operators(), goesOnFrom(b.from), b.took)
	a.mu.Unlock()
	a.launch(b.region, b.worker)
	a.OnEvent(started)
}

// finish ends the tasks of all regions.
func (a *attempt) finish() {
	if !a.finishing {
		a.finishing = true
		close(a.finished)
	}
	for _, w := range a.workers() {
		w.Finish()
	}
}

// done reports whether all has come to its end.
func (a *attempt) done() bool { return a.finishing && a.running == 0 && a.rebuilding == 0 }

// workers are those of all regions.
func (a *attempt) workers() (all []*worker.Attempt) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.regions {
		if r.worker != nil {
			all = append(all, r.worker)
		}
	}
	return all
}

// operators is what a checkpoint says of the operators, in the order of the job, and what it has cost.
func (a *attempt) operators(id uint64) ([]checkpoint.Operator, time.Duration, error) {
	byUID := map[string]checkpoint.Operator{}
	var cost time.Duration
	for _, w := range a.workers() {
		cost = max(cost, w.Cost(id))
		operators, err := w.Operators(id)
		if err != nil {
			return nil, 0, err
		}
		for _, o := range operators {
			byUID[o.UID] = o
		}
	}
	all := make([]checkpoint.Operator, 0, len(byUID))
	for _, n := range a.Plan.Nodes() {
		all = append(all, byUID[n.UID])
	}
	return all, cost, nil
}

// inUse reports whether an object is of tasks that may be using it although no checkpoint names it.
func (a *attempt) inUse(name string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.regions {
		if checkpoint.Spared(name, a.term, r.incarnation) {
			return true
		}
	}
	return false
}

// taskMetrics are the samples of all tasks.
func (a *attempt) taskMetrics() (all []metric.Sample) {
	for _, w := range a.workers() {
		all = append(all, w.Metrics()...)
	}
	return all
}
