package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/task"
)

// persistFunc is the frozen state of an operator, which says how it becomes durable.
type persistFunc func(context.Context) ([]checkpoint.Table, error)

func (f persistFunc) Persist(ctx context.Context) ([]checkpoint.Table, error) { return f(ctx) }

// tables is a snapshot that becomes tables of the given names at once.
func tables(names ...string) persistFunc {
	return func(context.Context) (all []checkpoint.Table, _ error) {
		for _, name := range names {
			all = append(all, checkpoint.Table{Name: name})
		}
		return all, nil
	}
}

func part(uid string, f persistFunc) task.Part {
	return task.Part{UID: uid, Snapshot: operator.Snapshot{State: f}}
}

// heard is a listener that keeps what it hears.
type heard struct {
	events chan string
	// onAck, if not nil, is called before the event is kept.
	onAck func(checkpoint uint64, task int)
}

func newHeard() *heard { return &heard{events: make(chan string, 100)} }

func (h *heard) Acknowledged(checkpoint uint64, task int) {
	if h.onAck != nil {
		h.onAck(checkpoint, task)
	}
	h.events <- fmt.Sprintf("%d acknowledged by %d", checkpoint, task)
}

func (h *heard) Declined(checkpoint uint64, task int, err error) {
	h.events <- fmt.Sprintf("%d declined by %d: %v", checkpoint, task, err)
}

func (h *heard) SourcesEnded() { h.events <- "sources ended" }

func (h *heard) expect(t *testing.T, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := <-h.events; got != w {
			t.Fatalf("heard %q, want %q", got, w)
		}
	}
}

// runPersister runs the persister of task 3 until the test ends.
func runPersister(t *testing.T) (*persister, *heard) {
	h := newHeard()
	p := newPersister(&Attempt{Config: Config{Listener: h}, parts: map[uint64]*parts{}}, 3)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the persister ended with %v", err)
		}
	})
	return p, h
}

// expectTables makes a place for a checkpoint's parts.
func (p *persister) expectTables(checkpoints ...uint64) {
	for _, id := range checkpoints {
		p.attempt.parts[id] = &parts{lists: map[int]map[string][]checkpoint.Table{}}
	}
}

// kept renders the tables that are noted for a checkpoint.
func (p *persister) kept(id uint64) string {
	p.attempt.mu.Lock()
	defer p.attempt.mu.Unlock()
	var all []string
	for uid, list := range p.attempt.parts[id].lists[p.task] {
		for _, t := range list {
			all = append(all, uid+":"+t.Name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestATaskIsAcknowledgedWhenItsTablesAreNoted(t *testing.T) {
	p, h := runPersister(t)
	p.expectTables(1)
	atAck := make(chan string, 1)
	h.onAck = func(id uint64, _ int) { atAck <- p.kept(id) }
	p.add(job{1, []task.Part{part("sum", tables("a", "b")), {UID: "map"}, part("top", tables("c"))}})
	if got, want := <-atAck, "sum:a sum:b top:c"; got != want {
		t.Errorf("noted %q at the acknowledgement, want %q", got, want)
	}
	h.expect(t, "1 acknowledged by 3")
}

func TestATaskWithoutStateIsAcknowledged(t *testing.T) {
	p, h := runPersister(t)
	p.add(job{1, []task.Part{{UID: "map"}}})
	p.add(job{2, nil})
	h.expect(t, "1 acknowledged by 3", "2 acknowledged by 3")
}

// The queue takes snapshots while one is being written, and loses none of them.
func TestSnapshotsArePersistedOneByOneInTheOrderOfTheirBarriers(t *testing.T) {
	p, h := runPersister(t)
	const last = 50
	var order []uint64 // written by the persister, which must be one goroutine
	begun, goOn := make(chan struct{}), make(chan struct{})
	for id := uint64(1); id <= last; id++ {
		p.add(job{id, []task.Part{part("sum", func(context.Context) ([]checkpoint.Table, error) {
			if id == 1 {
				close(begun)
				<-goOn
			}
			order = append(order, id)
			return nil, nil
		})}})
		if id == 1 {
			<-begun
		}
	}
	close(goOn)
	for id := 1; id <= last; id++ {
		h.expect(t, fmt.Sprintf("%d acknowledged by 3", id))
	}
	if len(order) != last || !slices.IsSorted(order) {
		t.Errorf("persisted in the order %v", order)
	}
}

func TestAFailureDeclinesItsCheckpointAloneAndNamesTheOperator(t *testing.T) {
	p, h := runPersister(t)
	p.expectTables(1, 2)
	calls := make(chan string, 10)
	called := func(name string, err error) persistFunc {
		return func(ctx context.Context) ([]checkpoint.Table, error) {
			calls <- name
			list, _ := tables(name)(ctx)
			return list, err
		}
	}
	p.add(job{1, []task.Part{
		part("sum", called("a", nil)), part("top", called("b", errors.New("disk full"))),
		part("join", called("c", nil)),
	}})
	p.add(job{2, []task.Part{part("sum", called("d", nil)), part("top", called("e", nil))}})
	h.expect(t, `1 declined by 3: operator "top": disk full`, "2 acknowledged by 3")
	close(calls)
	var got []string
	for name := range calls {
		got = append(got, name)
	}
	if want := "a b c d e"; strings.Join(got, " ") != want {
		t.Errorf("persisted %q, want %q: a snapshot that is left out is never given back", got, want)
	}
	if p.kept(1) != "" || p.kept(2) != "sum:d top:e" {
		t.Errorf("noted %q for 1 and %q for 2", p.kept(1), p.kept(2))
	}
}

func TestASnapshotForADroppedCheckpointIsPersistedAllTheSame(t *testing.T) {
	p, h := runPersister(t)
	p.add(job{1, []task.Part{part("sum", tables("a"))}})
	h.expect(t, "1 acknowledged by 3")
	p.attempt.mu.Lock()
	defer p.attempt.mu.Unlock()
	if len(p.attempt.parts) != 0 {
		t.Errorf("the dropped checkpoint came back: %v", p.attempt.parts)
	}
}

func TestPersistenceEndsWithItsContext(t *testing.T) {
	h := newHeard()
	p := newPersister(&Attempt{Config: Config{Listener: h}, parts: map[uint64]*parts{}}, 0)
	ctx, cancel := context.WithCancel(t.Context())
	begun := make(chan struct{})
	p.add(job{1, []task.Part{part("sum", func(ctx context.Context) ([]checkpoint.Table, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	})}})
	ended := make(chan error, 1)
	go func() { ended <- p.run(ctx) }()
	<-begun
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the persister ended with %v", err)
	}
	h.expect(t, `1 declined by 0: operator "sum": context canceled`)
}
