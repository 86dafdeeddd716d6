package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/worker"
)

// attempt steps the checkpoint protocol while the tasks run.
type attempt struct {
	*run
	opened   time.Time
	protocol *checkpoint.Coordinator
	first    *checkpoint.Manifest // what the run began with
	restored *checkpoint.Manifest
	stored   map[uint64]*checkpoint.Manifest // stored and not yet committed
	begun    map[uint64]time.Time
	tables   map[string]bool // of the last checkpoint stored, or else of the restored one
	hot      []byte          // what the last checkpoint said of the disk cache, and when that was found out
	hotAt    time.Time
	garbage  map[string]bool   // what the worker says is not needed, and may not have been deleted yet
	slow     sync.WaitGroup    // the store and commit work under way
	failure  error             // what the tasks are ended for
	wrong    error             // what they have ended with
	ticket   checkpoint.Ticket // the newest
	asked    map[checkpoint.Ticket]*ask

	regions    []*region
	running    int           // regions whose tasks have not ended
	rebuilding int           // regions that are about to run again
	finishing  bool          // no region is restarted any more
	finished   chan struct{} // closed then
	ends       chan ended
	builds     chan rebuilt
	sinks      sync.Mutex // held by whoever recovers sinks or commits their output

	wake chan struct{}
	mu   sync.Mutex
	in   []checkpoint.Event
}

// newAttempt prepares an attempt at running the tasks.
func newAttempt(r *run, first, m *checkpoint.Manifest) *attempt {
	a := &attempt{
		run: r, opened: time.Now(), first: first, restored: m,
		stored: map[uint64]*checkpoint.Manifest{}, begun: map[uint64]time.Time{},
		tables: namesOf(m), garbage: map[string]bool{}, asked: map[checkpoint.Ticket]*ask{},
		finished: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	tasks := 0
	for i, p := range r.Plan.Regions() {
		a.regions = append(a.regions, &region{of: a, number: i, plan: p, first: tasks})
		tasks += p.Tasks()
	}
	a.ends, a.builds = make(chan ended, len(a.regions)), make(chan rebuilt, len(a.regions))
	return a
}

// post queues an event for the protocol. It never blocks.
func (a *attempt) post(e checkpoint.Event) {
	a.mu.Lock()
	a.in = append(a.in, e)
	a.mu.Unlock()
	a.awake()
}

func (a *attempt) awake() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *attempt) take() []checkpoint.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	in := a.in
	a.in = nil
	return in
}

func now() int64 { return time.Now().UnixMilli() }

// drive runs the tasks and the protocol. It returns nil when the job has finished or stopped, with its
// last checkpoint stored and committed.
func (a *attempt) drive(ctx context.Context) error {
	last, retained, err := a.store.Retained(ctx)
	if err != nil {
		return err
	}
	a.protocol = checkpoint.NewCoordinator(checkpoint.Config{
		Interval: a.Interval.Milliseconds(), Timeout: a.Timeout.Milliseconds(), Tolerated: a.Tolerated,
		Pause: a.Pause.Milliseconds(), Overhead: a.Overhead, Retain: a.Retain, Tasks: a.Plan.Tasks(),
	}, last, retained, now())
	a.OnEvent(a.recovered(nil, goesOnFrom(a.restored), time.Since(a.opened)))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, r := range a.regions {
		a.launch(r, r.worker)
	}
	err = a.loop(ctx)
	if err != nil {
		cancel() // after a success, what is not retained is still deleted
	}
	a.slow.Wait()
	a.ended(err) // who asked for what has just been stored hears so
	return err
}

// goesOnFrom is the number of a restored checkpoint; zero for none.
func goesOnFrom(m *checkpoint.Manifest) uint64 {
	if m == nil {
		return 0
	}
	return m.Checkpoint
}

// loop steps the protocol with what happens until the tasks of all regions have ended.
func (a *attempt) loop(ctx context.Context) error {
	stop := a.Stop
	a.admit() // what has come in since the attempt before
	progress := time.NewTicker(500 * time.Millisecond)
	defer progress.Stop()
	for {
		timer := time.NewTimer(time.Until(time.UnixMilli(a.protocol.NextTick())))
		select {
		case e := <-a.ends:
			a.end(ctx, e)
		case b := <-a.builds:
			a.goOn(ctx, b)
		case <-a.wake:
		case <-a.Requests.wake:
			a.admit()
		case <-timer.C:
		case <-stop:
			stop = nil
			a.post(checkpoint.Request{Now: now(), Reason: checkpoint.ReasonStop})
		case <-progress.C:
			a.report()
			if a.memory.TakeOverfull() {
				a.anew = true
				a.post(checkpoint.Request{Now: now(), Reason: checkpoint.ReasonStop})
			}
		}
		timer.Stop()
		if a.done() {
			a.report()
			return errors.Join(a.wrong, a.failure)
		}
		a.protocol.At(now())
		for _, e := range append(a.take(), checkpoint.Tick{Now: now()}) {
			for _, action := range a.protocol.Step(e) {
				a.act(ctx, action)
			}
		}
		for _, w := range a.workers() {
			w.Expect(a.protocol.NextBegin())
		}
		a.interval.Store(a.protocol.EffectiveInterval())
	}
}

// act carries out what the protocol decided.
func (a *attempt) act(ctx context.Context, action checkpoint.Action) {
	switch act := action.(type) {
	case checkpoint.Begin:
		a.mu.Lock()
		a.begun[act.Checkpoint] = time.Now()
		a.mu.Unlock()
		for _, w := range a.workers() {
			if err := w.Trigger(a.barrier(act)); err != nil {
				a.post(checkpoint.Decline{Checkpoint: act.Checkpoint, Reason: err.Error()})
			}
		}
	case checkpoint.Store:
		a.slow.Go(func() { a.save(ctx, act.Checkpoint, act.Reason) })
	case checkpoint.Commit:
		a.slow.Go(func() { a.commit(ctx, act.Checkpoint) })
	case checkpoint.Abort:
		for _, w := range a.workers() {
			w.Drop(act.Checkpoint)
		}
		a.mu.Lock()
		a.result.CheckpointsFailed++
		delete(a.begun, act.Checkpoint)
		a.mu.Unlock()
		a.OnEvent(CheckpointFailed{act.Checkpoint, errors.New(act.Cause)})
	case checkpoint.Retire:
		a.slow.Go(func() { a.retire(ctx, act.Keep) })
	case checkpoint.Restart:
		a.rebuild(ctx, a.regions[act.Region])
	case checkpoint.Answer:
		a.answer(act)
	case checkpoint.Fail:
		a.fail(errors.New(act.Cause))
	case checkpoint.Finished:
		a.result.Finished = act.Reason == checkpoint.ReasonEnd
		a.anew = a.anew && act.Reason == checkpoint.ReasonStop
		a.over = !a.anew
		a.finish()
	}
}

// barrier is that of a checkpoint. A last one overtakes nothing and leaves nothing in flight: the job ends with it. That of
// a savepoint does not either: other programs may have other rows.
func (a *attempt) barrier(b checkpoint.Begin) channel.Barrier {
	barrier := channel.Barrier{Checkpoint: b.Checkpoint, Last: b.Reason.Last()}
	barrier.Drains = barrier.Last || b.Reason.Kept()
	if a.Unaligned == nil || barrier.Drains {
		return barrier
	}
	after, above := a.Unaligned()
	if barrier.Above = above; after != 0 {
		barrier.Overtake = time.Now().Add(max(0, after))
	}
	return barrier
}

// fail ends the tasks.
func (a *attempt) fail(err error) {
	a.failure = err
	a.finish()
}

// save makes the checkpoint durable: the manifest, then the head.
func (a *attempt) save(ctx context.Context, id uint64, reason checkpoint.Reason) {
	operators, cost, err := a.operators(id)
	if err == nil {
		m := &checkpoint.Manifest{
			Job: a.Plan.Name, Checkpoint: id, Term: a.term, Created: now(), Reason: reason,
			MaxParallelism: a.Plan.MaxParallelism, Operators: operators,
		}
		a.tellHot(m)
		if err = a.store.Save(ctx, m); err == nil {
			a.mu.Lock()
			a.stored[id] = m
			a.mu.Unlock()
			a.announce(m, cost)
			a.post(checkpoint.Spent{Checkpoint: id, Cost: 1e3 * cost.Seconds()})
			a.post(checkpoint.Stored{Checkpoint: id})
			return
		}
	}
	a.post(checkpoint.StoreFailed{Checkpoint: id, Err: err.Error()})
}

// announce tells of a stored checkpoint.
func (a *attempt) announce(m *checkpoint.Manifest, cost time.Duration) {
	e := CheckpointStored{Checkpoint: m.Checkpoint, Reason: string(m.Reason), Cost: cost}
	for _, t := range m.Tables() {
		e.Bytes += t.Bytes
		if !a.tables[t.Name] {
			e.NewBytes += t.Bytes
		}
	}
	a.tables = namesOf(m)
	e.Overtaken = m.Overtaken()
	a.mu.Lock()
	a.overtaken += e.Overtaken
	a.cost += cost
	e.Duration = time.Since(a.begun[m.Checkpoint])
	delete(a.begun, m.Checkpoint)
	a.result.LastCheckpoint, a.result.StateBytes = m.Checkpoint, e.Bytes
	a.result.CheckpointsCompleted++
	a.mu.Unlock()
	a.OnEvent(e)
}

// namesOf are the names of a checkpoint's tables; none for nil.
func namesOf(m *checkpoint.Manifest) map[string]bool {
	names := map[string]bool{}
	if m != nil {
		for _, t := range m.Tables() {
			names[t.Name] = true
		}
	}
	return names
}

// commit makes the output of a stored checkpoint visible.
func (a *attempt) commit(ctx context.Context, id uint64) {
	a.mu.Lock()
	m := a.stored[id]
	a.mu.Unlock()
	a.sinks.Lock()
	defer a.sinks.Unlock()
	for _, n := range a.Plan.Nodes() {
		if n.Sink == nil {
			continue
		}
		if err := n.Sink.Commit(ctx, committables(m, n.UID)); err != nil {
			a.post(checkpoint.CommitFailed{Now: now(), Checkpoint: id, Err: fmt.Sprintf("sink %q: %v", n.Name, err)})
			return
		}
	}
	a.mu.Lock()
	delete(a.stored, id)
	a.mu.Unlock()
	for _, w := range a.workers() {
		w.Committed(id)
	}
	a.OnEvent(CheckpointCommitted{id})
	a.post(checkpoint.Committed{Checkpoint: id})
}

// retire deletes what no kept checkpoint needs.
func (a *attempt) retire(ctx context.Context, keep []uint64) {
	workers := a.workers()
	reads := func(name string) bool {
		return slices.ContainsFunc(workers, func(w *worker.Attempt) bool { return w.Reads(name) })
	}
	garbage := map[string]bool{} // what is read still stays for the next time
	a.mu.Lock()
	for _, w := range workers {
		for _, name := range w.Garbage() {
			a.garbage[name] = true
		}
	}
	for name := range a.garbage {
		if !reads(name) {
			garbage[name] = true
		}
	}
	a.mu.Unlock()
	inUse := func(name string) bool { return !garbage[name] && a.inUse(name) }
	if err := a.store.Retire(ctx, keep, reads, inUse); err != nil && ctx.Err() == nil {
		a.OnEvent(CollectionFailed{err})
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for name := range garbage {
		delete(a.garbage, name)
	}
}

// report tells how far the job is.
func (a *attempt) report() {
	p := Progress{Elapsed: time.Since(a.begin), RowsRead: a.rowsRead, Watermark: flow.EndOfTime}
	for _, w := range a.workers() {
		p.RowsRead += rowsRead(w)
		p.Operators = append(p.Operators, w.Stats()...)
	}
	for _, s := range p.Operators {
		p.StateBytes += s.StateBytes.Load()
		p.Keys += s.Keys.Load()
		p.Bad += s.Bad.Load()
		p.Late += s.Late.Load()
		if s.Node.Sink != nil {
			p.RowsWritten += s.RowsIn.Load()
			p.Watermark = min(p.Watermark, s.Watermark.Load())
		}
	}
	p.Metrics = a.metrics()
	a.result.RowsRead, a.result.Metrics, a.last = p.RowsRead, p.Metrics, p
	a.OnEvent(p)
}

// rowsRead is the number of rows that the sources of a worker have read.
func rowsRead(w *worker.Attempt) int64 {
	var n int64
	for _, s := range w.Stats() {
		if s.Node.Source != nil {
			n += s.RowsOut.Load()
		}
	}
	return n
}
