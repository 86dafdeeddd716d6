package diskcache

import (
	"errors"
	"fmt"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

func TestAnObjectThatIsWrittenIsInTheCache(t *testing.T) {
	w := newWorld(t, 40)
	for _, size := range []int64{1, chunkBytes - 1, chunkBytes, 5*chunkBytes + 17} {
		for _, purpose := range []objstore.Purpose{objstore.Checkpoint, objstore.Compaction} {
			name := fmt.Sprintf("x%d-%d", purpose, size)
			o := w.create(objstore.For(t.Context(), purpose), name, size)
			w.read(t.Context(), o, 0, int(size))
		}
	}
	w.asked()
}

func TestAnObjectIsNotSeenBeforeItIsFinished(t *testing.T) {
	w := newWorld(t, 40)
	to, err := w.store.Create(t.Context(), "x")
	must(t, err)
	_, err = to.Write(content("x", 3*chunkBytes))
	must(t, err)
	w.settle()
	o := objstore.Object{Name: "x", Size: 3 * chunkBytes}
	if err := readSome(t.Context(), w.store, o, 0, 5); !errors.Is(err, objstore.ErrNotFound) {
		t.Error(err)
	}
	must(t, to.Finish())
	w.settle()
	w.remote.take()
	w.read(t.Context(), o, 0, 3*chunkBytes)
	w.asked()
}

func TestAnObjectThatIsGivenUpLeavesItsRoom(t *testing.T) {
	w := newWorld(t, 20)
	for range 50 {
		to, err := w.store.Create(t.Context(), "x")
		must(t, err)
		_, err = to.Write(content("x", 3*chunkBytes+5))
		must(t, err)
		to.Abort()
		w.settle()
	}
	w.put("y", 3*chunkBytes)
	to, err := w.store.Create(t.Context(), "y") // exists
	must(t, err)
	_, err = to.Write(make([]byte, 3*chunkBytes))
	must(t, err)
	if err := to.Finish(); !errors.Is(err, objstore.ErrExists) {
		t.Error(err)
	}
	w.settle()
	w.read(t.Context(), objstore.Object{Name: "y", Size: 3 * chunkBytes}, 0, 3*chunkBytes)
	m, x := w.cache.Metrics(), w.cache.index
	if m.Bytes != 3*chunkBytes || m.FileBytes > sizeFor(6) || w.cache.unfinished != 0 {
		t.Errorf("%+v, %d unfinished", m, w.cache.unfinished)
	}
	if x.held()+x.queues[free].n != int(x.high) {
		t.Errorf("of %d slots %d are lost", x.high, int(x.high)-x.held()-x.queues[free].n)
	}
}

func TestAnObjectThatIsDeletedAndMadeAgainHasItsNewBytes(t *testing.T) {
	w := newWorld(t, 20)
	o := w.create(t.Context(), "x", 2*chunkBytes)
	must(t, w.store.Delete(t.Context(), "x"))
	to, err := w.store.Create(t.Context(), "x")
	must(t, err)
	_, err = to.Write(make([]byte, o.Size))
	must(t, err)
	must(t, to.Finish())
	for range 2 {
		p := make([]byte, o.Size)
		must(t, w.store.ReadAt(objstore.Sized(t.Context(), o.Size), "x", p, 0))
		if string(p) != string(make([]byte, o.Size)) {
			t.Fatal("bytes of the object that was deleted")
		}
		w.settle()
	}
}

// What is unfinished cannot be evicted, so it must not become much.
func TestAnObjectLargerThanTheCacheTakesAQuarterUntilItIsFinished(t *testing.T) {
	w := newWorld(t, 40)
	to, err := w.store.Create(t.Context(), "x")
	must(t, err)
	for i := range int64(100) {
		_, err = to.Write(contentAt("x", i*chunkBytes, chunkBytes))
		must(t, err)
		w.settle()
	}
	if w.cache.unfinished != 10 {
		t.Errorf("%d slots", w.cache.unfinished)
	}
	must(t, to.Finish())
	w.settle()
	w.read(t.Context(), objstore.Object{Name: "x", Size: 100 * chunkBytes}, 0, 10*chunkBytes)
	w.asked()
}

// The goroutine that writes is held up: uploads and reads go on, and chunks are left out.
func TestASlowDiskHoldsUpNobody(t *testing.T) {
	w := newWorld(t, 400)
	busy := make(chan struct{})
	w.cache.tasks.add(func() { <-busy })
	o, err := write(t.Context(), w.store, "x", 200*chunkBytes)
	must(t, err)
	must(t, readSome(t.Context(), w.store, w.put("y", 80*chunkBytes), 0, 80*chunkBytes))
	close(busy)
	w.settle()
	if n := w.heldOf(o); n != maxQueued {
		t.Errorf("%d chunks are kept", n)
	}
	if m := w.cache.Metrics(); m.Unkept != 200-maxQueued+80 {
		t.Errorf("%+v", m)
	}
	if len(w.cache.flights) > 0 {
		t.Error("flights are left")
	}
	w.read(t.Context(), o, 0, 200*chunkBytes)
}
