package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

// service is an outside service that answers when the test says so.
type service struct {
	mu    sync.Mutex
	open  map[int]chan error // calls that are under way
	asked []int              // in the order in which their calls have begun
	most  int                // calls that were under way at once
	trail []string           // of the function itself
}

// Call answers with the row as it is in the end.
func (s *service) Call(ctx context.Context, in *int) ([]string, error) {
	answer := make(chan error, 1)
	s.mu.Lock()
	s.open[*in] = answer
	s.asked = append(s.asked, *in)
	s.most = max(s.most, len(s.open))
	s.mu.Unlock()
	defer s.ended(*in)
	select {
	case err := <-answer:
		if err == errPanic {
			panic(err)
		}
		return []string{fmt.Sprint(*in)}, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

var errPanic = errors.New("it panics")

func (s *service) ended(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, n)
}

func (s *service) Open(context.Context) error { s.trail = append(s.trail, "open"); return nil }
func (s *service) Close() error {
	s.trail = append(s.trail, fmt.Sprint("close with ", len(s.open)))
	return nil
}

// patient is a service that has something to say when there is no answer.
type patient struct {
	service
	fail error
}

func (p *patient) OnTimeout(ctx context.Context, in *int) ([]string, error) {
	return []string{fmt.Sprint(*in, " later"), "much"}, errors.Join(ctx.Err(), p.fail)
}

// serviceRig is an Async with a service, in a bubble of time.
type serviceRig struct {
	*Async[int, string]
	t       *testing.T
	service *service
	out     *stage[string]
	u       channel.Urgency
}

// newServiceRig makes one; fn may be a function around the service.
func newServiceRig(t *testing.T, c AsyncConfig, fn AsyncFunc[int, string]) *serviceRig {
	t.Helper()
	r := &serviceRig{t: t, out: &stage[string]{}}
	switch fn := fn.(type) {
	case nil:
		r.service = &service{}
	case *service:
		r.service = fn
	case *patient:
		r.service = &fn.service
	}
	r.service.open = map[int]chan error{}
	if fn == nil {
		fn = r.service
	}
	env := place("ask")
	env.Urgency = &r.u
	r.Async = NewAsync(env, r.out, c, fn)
	must(t, r.Open())
	return r
}

// asks runs a story with a service, and wants that nothing is left behind.
func asks(t *testing.T, c AsyncConfig, fn AsyncFunc[int, string], story func(t *testing.T, r *serviceRig)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		r := newServiceRig(t, c, fn)
		story(t, r)
		must(t, r.Close())
	})
}

// rows sends rows whose times are ten times their numbers.
func (r *serviceRig) rows(rows ...int) {
	r.t.Helper()
	b := PoolOf[int]().Get()
	for _, n := range rows {
		b.Append(n, int64(10*n))
	}
	must(r.t, r.Batch(b))
	synctest.Wait()
}

// answers lets calls end in turn.
func (r *serviceRig) answers(rows ...int) {
	r.t.Helper()
	for _, n := range rows {
		must(r.t, r.fails(n, nil))
	}
}

// fails lets a call end with an error, and returns what comes of it.
func (r *serviceRig) fails(n int, with error) error {
	r.t.Helper()
	r.service.mu.Lock()
	answer := r.service.open[n]
	r.service.mu.Unlock()
	if answer == nil {
		r.t.Fatalf("%d has not been asked for", n)
	}
	answer <- with
	synctest.Wait()
	err := r.Resume()
	synctest.Wait()
	return err
}

// passes lets time pass, and returns what comes of it.
func (r *serviceRig) passes(d time.Duration) error {
	<-time.After(d)
	synctest.Wait()
	err := r.Resume()
	synctest.Wait()
	return err
}

// underWay are the calls that are, in order.
func (r *serviceRig) underWay(want string) {
	r.t.Helper()
	r.service.mu.Lock()
	defer r.service.mu.Unlock()
	var all []int
	for n := range r.service.open {
		all = append(all, n)
	}
	slices.Sort(all)
	if got := strings.Trim(fmt.Sprint(all), "[]"); got != want {
		r.t.Errorf("under way: %q, want %q", got, want)
	}
}

// leaves takes a snapshot and compares what it leaves.
func (r *serviceRig) leaves(want string) {
	r.t.Helper()
	s, err := r.Snapshot(1)
	must(r.t, err)
	if got := shownLines(s.InFlight); got != want {
		r.t.Errorf("left %q, want %q", got, want)
	}
}

func shownLines(lines []channel.Line) string {
	var all []string
	for _, l := range lines {
		for _, m := range l.Messages {
			switch {
			case m.Batch != nil:
				b := m.Batch.(*flow.Batch[int])
				for i, n := range b.Rows {
					all = append(all, fmt.Sprintf("%d@%d", n, b.Times[i]))
				}
			case m.Status != channel.Unchanged:
				all = append(all, fmt.Sprint("idle ", m.Status == channel.Idle))
			default:
				all = append(all, fmt.Sprint("w", m.Watermark))
			}
		}
	}
	return strings.Join(all, " ")
}
