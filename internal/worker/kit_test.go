package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/task"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func resources(t testing.TB, objects objstore.Store) *lsm.Resources {
	t.Helper()
	res, err := lsm.NewResources(objects, 8<<20, 8, 2)
	must(t, err)
	t.Cleanup(res.Close)
	return res
}

// configOf is that of an attempt to run a job of two subtasks each.
func configOf(t testing.TB, g *plan.Graph, objects objstore.Store) Config {
	t.Helper()
	p, err := plan.Compile(g, plan.Options{Parallelism: 2, MaxParallelism: 8})
	must(t, err)
	return Config{
		Plan: p, Objects: objects, Resources: resources(t, objects), Budget: keyed.NewBudget(0),
		Incarnation: checkpoint.Incarnation(1, 1), Credit: 4, FlushAfter: time.Second, Listener: newHeard(),
	}
}

// opened is an attempt that nobody runs.
func opened(t testing.TB, c Config) *Attempt {
	t.Helper()
	a, err := New(t.Context(), c)
	must(t, err)
	t.Cleanup(func() { must(t, a.Close()) })
	return a
}

func attemptOf(t testing.TB, g *plan.Graph) *Attempt {
	t.Helper()
	a := opened(t, configOf(t, g, mem.New()))
	must(t, a.Discover())
	return a
}

// heard is a listener that keeps what it hears.
type heard struct {
	events chan string
	// onAck, if not nil, is called before the event is kept.
	onAck func(checkpoint uint64, task int)
}

func newHeard() *heard { return &heard{events: make(chan string, 10_000)} }

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

func (h *heard) expectAll(t *testing.T, want ...string) {
	t.Helper()
	left := map[string]bool{}
	for _, w := range want {
		left[w] = true
	}
	for range want {
		got := <-h.events
		if !left[got] {
			t.Fatalf("heard %q, want one of %v", got, left)
		}
		delete(left, got)
	}
}

// persisting runs the persister of an attempt, and nothing else of it, until the test ends.
func persisting(t *testing.T, a *Attempt) *Attempt {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.persister.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the persister ended with %v", err)
		}
	})
	return a
}

// passed reports a task's parts of a checkpoint and waits until they are durable.
func (a *Attempt) passed(t *testing.T, id int, checkpoint uint64, parts ...task.Part) {
	t.Helper()
	a.Snapshot(id, checkpoint, parts)
	a.Listener.(*heard).expect(t, fmt.Sprintf("%d acknowledged by %d", checkpoint, id))
}

// frozen is a snapshot of made-up state: keys and values below the beginning of a shard's keys. A value of "" says
// that the key is gone.
type frozen struct {
	pairs [][2]string
	begin []byte
	count int64
	// at, if not nil, is called when the snapshot is written; its error is that of the writing.
	at func() error

	mu   sync.Mutex
	fate []string
	over chan struct{} // closed when the fate is known
}

func (f *frozen) Entries() int64 { return max(f.count, int64(len(f.pairs))) }

func (f *frozen) WriteTo(w keyed.Writer) error {
	f.note("begun")
	if f.at != nil {
		if err := f.at(); err != nil {
			return err
		}
	}
	for _, p := range f.pairs {
		key := append(slices.Clone(f.begin), p[0]...)
		if p[1] == "" {
			if err := w.Delete(key); err != nil {
				return err
			}
		} else if err := w.Set(key, []byte(p[1])); err != nil {
			return err
		}
	}
	return nil
}

func (f *frozen) Written() { f.note("written"); close(f.over) }
func (f *frozen) Failed()  { f.note("failed"); close(f.over) }

func (f *frozen) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fate = append(f.fate, what)
}

// became waits for the end of the snapshot and says what came before it.
func (f *frozen) became() string {
	<-f.over
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.fate, ", ")
}

// changes is a snapshot of the shard of a task of sumJob. The pairs are keys and values, keys ascending.
func (a *Attempt) changes(task int, pairs ...string) *frozen {
	f := &frozen{begin: a.shardOf(task, "sum").keys.Start, over: make(chan struct{})}
	for i := 0; i < len(pairs); i += 2 {
		f.pairs = append(f.pairs, [2]string{pairs[i], pairs[i+1]})
	}
	return f
}

func partOf(f *frozen) task.Part { return task.Part{UID: "sum", Snapshot: operator.Snapshot{State: f}} }

func (a *Attempt) part(task int, pairs ...string) task.Part { return partOf(a.changes(task, pairs...)) }

// early writes a snapshot that is no part of a checkpoint.
func (a *Attempt) early(task int, f *frozen) {
	a.persister.add(writing{shard: a.shardOf(task, "sum"), snapshot: f})
}

// content is what a list says that a task's shard of sumJob has.
func (a *Attempt) content(t *testing.T, task int, l lsm.List) string {
	t.Helper()
	keys := a.shardOf(task, "sum").keys
	s, err := lsm.OpenShard(t.Context(), a.Resources, a.name("look"), keys, l)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	var all []string
	must(t, s.Scan(t.Context(), keys, func(key, value []byte) error {
		all = append(all, fmt.Sprintf("%s=%s", key[len(keys.Start):], value))
		return nil
	}))
	return strings.Join(all, " ")
}

// listed is the list that has come in for a checkpoint of a task's shard.
func (a *Attempt) listed(checkpoint uint64, task int) (lsm.List, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, ok := a.parts[checkpoint].lists[a.shardOf(task, "sum")]
	return l, ok
}

func (a *Attempt) mustList(t *testing.T, checkpoint uint64, task int, want string) {
	t.Helper()
	l, ok := a.listed(checkpoint, task)
	if !ok {
		t.Errorf("checkpoint %d has no list of task %d", checkpoint, task)
	} else if got := a.content(t, task, l); got != want {
		t.Errorf("checkpoint %d has %q of task %d, want %q", checkpoint, got, task, want)
	}
}

// stored are the names of all objects with state.
func stored(t testing.TB, objects objstore.Store) (names []string) {
	t.Helper()
	for o, err := range objects.List(t.Context(), checkpoint.TablePrefix) {
		must(t, err)
		names = append(names, o.Name)
	}
	return names
}

// emptyMeta is the list of a shard without anything in it.
func emptyMeta(t *testing.T) []byte {
	t.Helper()
	s, err := lsm.OpenShard(t.Context(), resources(t, mem.New()), "p", lsm.Range{Start: []byte{0}, End: []byte{1}})
	must(t, err)
	l, err := s.Export(t.Context())
	must(t, errors.Join(err, s.Close()))
	return l.Meta
}
