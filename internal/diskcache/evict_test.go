package diskcache

import (
	"fmt"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// pass lets time pass.
func pass(d time.Duration) { <-time.After(d) }

// hotWorld is a full cache of 100 chunks, 50 of which, the object "hot", have been used again and again.
func hotWorld(t *testing.T, test func(w *world, hot objstore.Object)) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		hot := w.put("hot", 50*chunkBytes)
		for range 3 {
			w.read(t.Context(), hot, 0, 50*chunkBytes)
			pass(2 * time.Second)
		}
		test(w, hot)
	})
}

func TestAScanDoesNotPushOutWhatIsUsedAgain(t *testing.T) {
	hotWorld(t, func(w *world, hot objstore.Object) {
		scanned := w.put("scanned", 500*chunkBytes)
		for off := int64(0); off < scanned.Size; off += 8 << 10 { // many reads of each chunk
			must(w.t, readSome(w.t.Context(), w.store, scanned, off, 8<<10))
			if off%chunkBytes == 0 {
				w.settle()
				pass(10 * time.Millisecond)
			}
		}
		w.settle()
		if n := w.heldOf(hot); n != 50 {
			t.Errorf("%d of 50 chunks are left", n)
		}
	})
}

func TestWhatIsWrittenDoesNotPushOutWhatIsUsedAgain(t *testing.T) {
	for _, purpose := range []objstore.Purpose{objstore.Checkpoint, objstore.Compaction} {
		hotWorld(t, func(w *world, hot objstore.Object) {
			for i := range 60 {
				w.create(objstore.For(w.t.Context(), purpose), fmt.Sprint("new", i), 10*chunkBytes)
				pass(time.Second)
			}
			if n := w.heldOf(hot); n != 50 {
				t.Errorf("%d of 50 chunks are left", n)
			}
			if m := w.cache.Metrics(); m.Evictions != 550 || m.FileBytes != sizeFor(100) {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestANewHotSetTakesTheRoomOfTheOld(t *testing.T) {
	hotWorld(t, func(w *world, _ objstore.Object) {
		fresh := w.put("fresh", 80*chunkBytes)
		for range 20 {
			for chunk := range int64(80) {
				w.read(w.t.Context(), fresh, chunk*chunkBytes, 10)
			}
			pass(time.Second)
		}
		if n := w.heldOf(fresh); n < 75 {
			t.Errorf("%d of 80 chunks have come in", n)
		}
	})
}

func TestAChunkThatComesBackSoonIsProven(t *testing.T) {
	hotWorld(t, func(w *world, _ objstore.Object) {
		again := w.put("again", chunkBytes)
		w.read(w.t.Context(), again, 0, 1)
		w.read(w.t.Context(), w.put("scan", 100*chunkBytes), 0, 60*chunkBytes)
		if w.heldOf(again) != 0 {
			t.Fatal("it should have gone")
		}
		w.read(w.t.Context(), again, 0, 1)
		w.read(w.t.Context(), w.put("scan2", 100*chunkBytes), 0, 60*chunkBytes)
		if w.heldOf(again) != 1 {
			t.Error("it has gone a second time")
		}
	})
}

// The turn of a slot changes before it gets other bytes.
func TestAChunkThatGoesWhileItIsReadIsReadFromTheStore(t *testing.T) {
	w := newWorld(t, 1)
	x, y := w.put("x", chunkBytes), w.put("y", chunkBytes)
	w.read(t.Context(), x, 0, 5)
	var evict bool
	w.onRead(func() {
		if evict {
			evict = false
			w.read(t.Context(), y, 0, 5) // takes the only slot
		}
	})
	w.remote.take()
	evict = true
	w.read(t.Context(), x, 0, 5)
	w.asked(extent{"y", 0, chunkBytes}, extent{"x", 0, chunkBytes})
	if m := w.cache.Metrics(); m.Corrupt != 0 || m.Failures != 0 {
		t.Errorf("that is no damage: %+v", m)
	}
}

func TestALongSearchForAVictimEnds(t *testing.T) {
	x := newIndex()
	for i := range uint32(2 * maxSpared) {
		id := x.grow()
		x.attach(id, entry{size: 2 * maxSpared * chunkBytes, chunk: i})
		x.enter(id)
		x.use(id, 9)
	}
	if !x.evict() || x.held() != 2*maxSpared-1 || x.queues[large].n != maxSpared {
		t.Errorf("%d are left, %d of them spared", x.held(), x.queues[large].n)
	}
}

func TestGhostsAreRememberedOnce(t *testing.T) {
	var g ghosts
	g.add(key{1, 2}, 3) // no room yet
	if g.take(key{1, 2}, 3) {
		t.Error("remembered without room")
	}
	g.resize(1000)
	for i := range uint32(100) {
		g.add(key{1, 2}, i)
	}
	found := 0
	for i := range uint32(200) {
		if g.take(key{1, 2}, i) {
			found++
		}
		if g.take(key{1, 2}, i) {
			t.Error("remembered twice")
		}
	}
	if found < 80 || found > 100 {
		t.Errorf("%d of 100 are remembered", found)
	}
}
