package aquifer

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/state"
)

// journal is the requests to a store, in their order: the kind and what the object is.
type journal struct {
	mu  sync.Mutex
	all []string
}

// on is a store whose requests are noted.
func (r *journal) on(s *mem.Store) *fault.Store {
	return fault.New(s, func(op fault.Op, name string, _ int) fault.Fault {
		r.mu.Lock()
		defer r.mu.Unlock()
		kind, _, _ := strings.Cut(name, "/")
		r.all = append(r.all, fmt.Sprint(op, " ", kind))
		return fault.None
	})
}

func (r *journal) soFar() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// glance gives a number state, or looks at the state of a negative one. It notes the requests before it has found
// something for the first time.
type glance struct {
	seen  state.Value[int64]
	noted *sync.Once
	note  func()
}

func (g *glance) Open(s *state.Scope) (err error) {
	g.seen, err = state.NewValue[int64](s, "seen")
	return err
}

func (g *glance) Process(ctx *Context, in *int64, out Collector[string]) error {
	if *in > 0 {
		return g.seen.Set(ctx, 10**in)
	}
	v, ok, err := g.seen.Get(ctx)
	if ok {
		g.noted.Do(g.note)
		out.Emit(fmt.Sprintf("%d has %d", -*in, v))
	}
	return err
}

const glances = 200

// glanceSteps sets state once and looks at it in each round that follows. It ends with the round of a run.
func glanceSteps(p *pause, run int) (steps []step[int64]) {
	for i := range run + 1 {
		numbers := make([]int64, glances)
		for n := range numbers {
			numbers[n] = int64(n + 1)
			if i > 0 {
				numbers[n] = -numbers[n]
			}
		}
		end := step[int64]{}
		if i == run {
			end = here[int64](p)
		}
		steps = append(append(steps, each(numbers...)...), end)
	}
	return steps
}

// glanced runs a job once more, from one checkpoint to the next. In its first run it sets state; in the others it
// only looks. It returns the rows, the requests before the first of them, and all.
func glanced(t *testing.T, store *mem.Store, sink *collected[string], parallelism, run int) (
	rows, first, all []string,
) {
	t.Helper()
	p, before := newPause(), len(sink.rows())
	steps := glanceSteps(p, run)
	r, once := &journal{}, &sync.Once{}
	job := NewJob("glances")
	byNumber := KeyBy(From(job, "numbers", oneSplit(steps...)), func(n *int64) int64 { return max(*n, -*n) })
	found := Process(byNumber, "glance", func() ProcessFunc[int64, string] {
		return &glance{noted: once, note: func() { first = r.soFar() }}
	})
	To(found, "out", sink)
	objects := r.on(store)
	begun(t.Context(), objects, "glances") // as for a job whose state is in a directory
	result, err := job.Run(t.Context(), RunOptions{
		Parallelism: parallelism, CheckpointInterval: -1, Restarts: -1, Stop: p.stop, objects: objects,
	})
	if err != nil || result.LastCheckpoint != uint64(run+1) {
		t.Fatalf("run %d: %+v, %v", run, result, err)
	}
	return sink.rows()[before:], first, r.soFar()
}

func TestCountsOfRequestsBeforeTheFirstRecord(t *testing.T) {
	for _, parallelism := range []int{1, 3} {
		store, sink := mem.New(), newCollected[string]()
		glanced(t, store, sink, parallelism, 0)
		rows, first, _ := glanced(t, store, sink, parallelism, 1)
		t.Logf("parallelism %d: %q", parallelism, first)
		reads := 0
		for _, r := range first {
			if r == "read shards" {
				reads++
			}
		}
		if len(rows) != glances {
			t.Errorf("%d rows", len(rows))
		}
		if n := len(first) - reads; n > 5 {
			t.Errorf("parallelism %d: %d requests before the first record, without its own: %q", parallelism, n, first)
		}
		if most := 4 * parallelism; reads == 0 || reads > most { // footer and properties, index, filter, block
			t.Errorf("parallelism %d: %d reads, want at most %d: %q", parallelism, reads, most, first)
		}
	}
}

func TestCountsOfBytesWhenTheParallelismChanges(t *testing.T) {
	store, sink := mem.New(), newCollected[string]()
	glanced(t, store, sink, 1, 0)
	for i, parallelism := range []int{3, 1, 7, 3, 7, 1} {
		rows, _, all := glanced(t, store, sink, parallelism, i+1)
		written := slices.DeleteFunc(all, func(r string) bool {
			return !strings.HasSuffix(r, " shards") || r == "read shards" || r == "list shards"
		})
		if len(rows) != glances || len(written) > 0 {
			t.Errorf("run %d, parallelism %d: %d rows, requests %q", i+1, parallelism, len(rows), written)
		}
	}
}
