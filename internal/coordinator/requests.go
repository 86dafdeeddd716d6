package coordinator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
)

// ErrNotRunning is the error of a request when no job runs that could answer it.
var ErrNotRunning = errors.New("the job does not run")

// Requests asks a running job for checkpoints, through RunOptions.Requests. The zero value is ready to use, for one run
// at a time. It is safe for concurrent use.
//
// A request is carried out when no other checkpoint is under way, in the order of requests; its method returns when that
// checkpoint is stored, with its number, or with the error that there is none. Requests outside of a run fail with an
// error that says so. When ctx ends before, its cause is returned and the checkpoint may be taken all the same.
type Requests struct {
	mu      sync.Mutex
	running bool
	waiting []*ask
	wake    chan struct{}
}

// ask is a request that somebody waits for.
type ask struct {
	reason checkpoint.Reason
	answer chan checkpoint.Answer
}

// Checkpoint takes a checkpoint now.
func (q *Requests) Checkpoint(ctx context.Context) (uint64, error) {
	return q.ask(ctx, checkpoint.ReasonManual)
}

// Savepoint takes a checkpoint that is kept until it is deleted by its number; the job goes on.
func (q *Requests) Savepoint(ctx context.Context) (uint64, error) {
	return q.ask(ctx, checkpoint.ReasonSavepoint)
}

// StopWithSavepoint takes a savepoint that is the job's last checkpoint: the job ends when its output is committed. When
// the job fails before, there is no savepoint and it is restarted as after any failure.
func (q *Requests) StopWithSavepoint(ctx context.Context) (uint64, error) {
	return q.ask(ctx, checkpoint.ReasonStopSavepoint)
}

func (q *Requests) ask(ctx context.Context, reason checkpoint.Reason) (uint64, error) {
	a := &ask{reason, make(chan checkpoint.Answer, 1)}
	q.mu.Lock()
	if !q.running {
		q.mu.Unlock()
		return 0, fmt.Errorf("%s: %w", reason, ErrNotRunning)
	}
	q.waiting = append(q.waiting, a)
	select {
	case q.wake <- struct{}{}:
	default:
	}
	q.mu.Unlock()
	select {
	case answer := <-a.answer:
		if answer.Checkpoint == 0 {
			return 0, fmt.Errorf("%s: %s", reason, answer.Failure)
		}
		return answer.Checkpoint, nil
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		q.waiting = slices.DeleteFunc(q.waiting, func(w *ask) bool { return w == a })
		return 0, fmt.Errorf("%s: %w", reason, context.Cause(ctx))
	}
}

// begin lets requests in.
func (q *Requests) begin() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.running, q.wake = true, make(chan struct{}, 1)
}

// take returns the requests that have come in.
func (q *Requests) take() []*ask {
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.waiting
	q.waiting = nil
	return all
}

// end answers all that have had no turn, and lets none in.
func (q *Requests) end() {
	q.mu.Lock()
	q.running = false
	q.mu.Unlock()
	for _, a := range q.take() {
		a.answer <- checkpoint.Answer{Failure: "the job has ended"}
	}
}

// admit hands requests that have come in to the protocol.
func (a *attempt) admit() {
	for _, asked := range a.Requests.take() {
		a.ticket++
		a.asked[a.ticket] = asked
		a.post(checkpoint.Request{Now: now(), Reason: asked.reason, Ticket: a.ticket})
	}
}

// answer tells whoever asked what became of it.
func (a *attempt) answer(act checkpoint.Answer) {
	a.asked[act.Ticket].answer <- act
	delete(a.asked, act.Ticket)
}

// ended answers all that the attempt can do no more.
func (a *attempt) ended(err error) {
	cause := "the job has ended"
	if err != nil {
		cause = fmt.Sprintf("the job failed before: %v", err)
	}
	for _, e := range append(a.take(), checkpoint.Event(checkpoint.Ended{Cause: cause})) {
		for _, action := range a.protocol.Step(e) {
			if answer, ok := action.(checkpoint.Answer); ok {
				a.answer(answer)
			}
		}
	}
}
