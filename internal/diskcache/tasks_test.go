package diskcache

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

func newTasks() *tasks { return &tasks{ready: make(chan struct{}, 1)} }

func TestTasksAreDoneInOrder(t *testing.T) {
	q := newTasks()
	var done []int
	for i := range 10 {
		q.add(func() { done = append(done, i) })
	}
	q.run()
	if !slices.Equal(done, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("%v", done)
	}
}

func TestTooManyChunksAreRefusedAndOtherTasksAreNot(t *testing.T) {
	q := newTasks()
	for range maxQueued {
		if !q.offer(func() {}) {
			t.Fatal("refused too early")
		}
	}
	if q.offer(func() {}) || !q.add(func() {}) || q.offer(func() {}) {
		t.Error("chunks are taken, or what must be done is not")
	}
	q.run()
	if !q.offer(func() {}) {
		t.Error("there is room again")
	}
	q.end()
	if q.offer(func() {}) || q.add(func() {}) {
		t.Error("tasks are taken after the end")
	}
}

func TestATaskMayAddATask(t *testing.T) {
	q, done := newTasks(), false
	q.add(func() { q.add(func() { done = true }) })
	q.run()
	if !done {
		t.Error("it was not done")
	}
}

func TestWhatFailsIsLeftAloneForAPauseAndToldOnce(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var b breaker
		if !b.closed() || !b.failed() || b.closed() || b.failed() {
			t.Error("the first failure is not the first")
		}
		pass(pause - 1)
		if b.closed() {
			t.Error("tried too early")
		}
		pass(time.Second)
		if !b.closed() || b.failed() || b.closed() {
			t.Error("it still fails: that is no news, and another pause")
		}
		b.worked()
		if !b.closed() || !b.failed() {
			t.Error("it has worked and fails again: that is news")
		}
	})
}

// Readers of what is in the cache do not see that others write, evict and shrink at the same time.
func TestManyReadAndWriteAtTheSameTime(t *testing.T) {
	w := newWorld(t, 50)
	objects := make([]objstore.Object, 8)
	for i := range objects {
		objects[i] = w.put(string('a'+rune(i)), 16*chunkBytes)
	}
	var group sync.WaitGroup
	for reader := range 4 {
		group.Go(func() {
			for i := range int64(100) {
				o := objects[(i*int64(reader+3))%8]
				if err := readSome(t.Context(), w.store, o, i%15*chunkBytes+77, chunkBytes+int(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Go(func() {
		for i := range int64(50) {
			w.cache.SetLimits(sizeFor(int(50-i)), 0)
			if _, err := write(t.Context(), w.store, fmt.Sprint("new", i), i*1000+1); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	w.settle()
	if m := w.cache.Metrics(); m.Corrupt+m.Failures > 0 || m.FileBytes > sizeFor(1) || m.Hits+m.Misses != 400 {
		t.Errorf("%+v", m)
	}
}

// The index is what a map would be, whatever is attached, dropped, evicted and cut.
func TestTheIndexIsLikeAMap(t *testing.T) {
	r := random(t)
	x, model := newIndex(), map[place]uint32{}
	const size = 7 * chunkBytes
	for range 20_000 {
		p := place{key{r.Uint64N(20), 0}, uint32(r.IntN(7))}
		id, held := x.find(p.object, size, p.chunk)
		if want, ok := model[p]; ok != held || held && want != id {
			t.Fatalf("%v is in slot %d (%v), not %d (%v)", p, id, held, want, ok)
		}
		switch {
		case held && r.IntN(2) == 0:
			x.drop(id)
			delete(model, p)
		case held:
			x.use(id, r.Uint32N(100))
		case x.queues[free].n > 0:
			id = x.queues[free].oldest
			x.move(id, nobodys)
			x.attach(id, entry{object: p.object, size: size, chunk: p.chunk})
			x.enter(id)
			model[p] = id
		case x.high < 60:
			x.move(x.grow(), free)
		case r.IntN(20) == 0:
			x.cut(40)
			for p, id := range model {
				if id >= 40 {
					delete(model, p)
				}
			}
		}
		if len(model) != x.held() || x.held()+x.queues[free].n != int(x.high) {
			t.Fatalf("%d chunks, not %d; %d free of %d", x.held(), len(model), x.queues[free].n, x.high)
		}
	}
}
