package diskcache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// history is a random history of a cache: what several goroutines do at the same time.
type history struct {
	*world
	random *rand.Rand
	disk   *hooked
	next   int // number of the next object

	objects []objstore.Object
	hits    int64
}

// Whatever happens to the cache, its files and its disk, no read returns a wrong byte or an error.
func TestNeverAWrongByte(t *testing.T) {
	r := random(t)
	for range histories {
		h := &history{world: newWorld(t, 40), random: r}
		h.disk = h.hook()
		for range 10 {
			h.together()
			h.mustAgree()
			h.hits += h.cache.Metrics().Hits
			h.calm()
			h.between()
		}
		if h.hits < 30 {
			t.Errorf("too little happened: %d hits", h.hits)
		}
	}
}

// together lets goroutines read, write and delete while limits change and the disk fails.
func (h *history) together() {
	h.t.Helper()
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	run := func(seed uint64, do func(r *rand.Rand) error) {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, 0))
			for range 60 {
				if err := do(r); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	readable, doomed := h.objects, h.objects[:max(0, len(h.objects)-20)]
	group.Go(func() {
		for _, o := range doomed {
			if err := h.store.Delete(context.Background(), o.Name); err != nil {
				failed.Store(&err)
			}
		}
	})
	for range 3 {
		run(h.random.Uint64(), func(r *rand.Rand) error { return h.readOne(r, readable, len(doomed)) })
	}
	made := make(chan objstore.Object, 60)
	run(h.random.Uint64(), func(r *rand.Rand) error { return h.createOne(r, made) })
	run(h.random.Uint64(), func(r *rand.Rand) error {
		h.trouble(r)
		return h.readOne(r, readable, len(doomed))
	})
	group.Wait()
	if err := failed.Load(); err != nil {
		h.t.Fatal(*err)
	}
	close(made)
	for o := range made {
		h.objects = append(h.objects, o)
	}
	h.objects = h.objects[len(doomed):]
}

func (h *history) readOne(r *rand.Rand, objects []objstore.Object, doomed int) error {
	if len(objects) == 0 {
		return nil
	}
	i := len(objects) - 1 - int(float64(len(objects))*r.Float64()*r.Float64()*r.Float64()) // new ones more often
	o := objects[i]
	n := 1 + r.Int64N(min(o.Size, 1+r.Int64N(5*chunkBytes)))
	off := r.Int64N(o.Size - n + 1)
	ctx, cancel := context.WithCancel(objstore.For(context.Background(), objstore.Purpose(r.IntN(4))))
	defer cancel()
	if r.IntN(10) == 0 {
		go cancel()
	}
	err := readSome(ctx, h.store, o, off, int(n))
	if errors.Is(err, context.Canceled) || i < doomed && errors.Is(err, objstore.ErrNotFound) {
		return nil
	}
	return err
}

func (h *history) createOne(r *rand.Rand, made chan<- objstore.Object) error {
	if r.IntN(3) > 0 {
		return nil
	}
	h.next++
	o, err := write(context.Background(), h.store, fmt.Sprint("object", h.next), 1+r.Int64N(6*chunkBytes))
	made <- o
	return err
}

// trouble changes limits, and what the disk does. Most of the time it ends all trouble.
func (h *history) trouble(r *rand.Rand) {
	switch r.IntN(20) {
	case 0:
		h.cache.SetLimits(r.Int64N(sizeFor(80)), 0)
	case 1:
		h.disk.set(func() { h.disk.room = r.Int64N(sizeFor(60)) })
		h.cache.SetLimits(sizeFor(40), r.Int64N(sizeFor(60)))
	case 2:
		h.disk.set(func() { h.disk.write = []error{syscall.ENOSPC, syscall.EIO}[r.IntN(2)] })
	case 3:
		h.disk.set(func() { h.disk.read = syscall.EIO })
	case 4:
		h.cache.tasks.add(func() { h.cache.saveSome(1) })
	default:
		h.calm()
	}
}

func (h *history) calm() {
	h.disk.set(func() { h.disk.read, h.disk.write, h.disk.room = nil, nil, 1<<40 })
	h.cache.SetLimits(sizeFor(40), 0)
	h.cache.writing.worked() // as if the pause were over
	h.cache.reading.worked()
}

// between restarts or crashes the cache, damages its files or goes on.
func (h *history) between() {
	h.t.Helper()
	switch h.random.IntN(4) {
	case 0:
		h.close()
	case 1:
		h.crashed()
	case 2:
		h.close()
		h.damage(entriesName)
		h.damage(chunksName)
	case 3:
		h.damage(chunksName) // behind its back
		h.cache.SetLimits(sizeFor(40), 0)
		return
	}
	h.open()
}

// crashed goes on with a copy of the files that is made while they are written.
func (h *history) crashed() {
	h.t.Helper()
	dir := h.t.TempDir()
	for _, name := range []string{chunksName, entriesName} {
		data, err := os.ReadFile(filepath.Join(h.config.Dir, name))
		must(h.t, err)
		must(h.t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	h.close()
	h.config.Dir = dir
}

// damage flips bits of a file, writes other parts of it over some, or cuts it.
func (h *history) damage(name string) {
	h.t.Helper()
	path := filepath.Join(h.config.Dir, name)
	data, err := os.ReadFile(path)
	must(h.t, err)
	for range h.random.IntN(20) {
		if len(data) == 0 {
			break
		}
		at, from := h.random.IntN(len(data)), h.random.IntN(len(data))
		switch h.random.IntN(5) {
		case 0:
			copy(data[at:], data[from:min(len(data), from+h.random.IntN(2*chunkBytes))])
		case 1: // another slot's
			at, from = at/entryBytes*entryBytes, from/entryBytes*entryBytes
			copy(data[at:min(len(data), at+entryBytes)], data[from:])
		default:
			data[at] ^= 1 << h.random.IntN(8)
		}
	}
	if h.random.IntN(5) == 0 && len(data) > 0 {
		data = data[:h.random.IntN(len(data))]
	}
	must(h.t, os.WriteFile(path, data, 0o600))
}

// mustAgree checks what the index says of itself.
func (h *history) mustAgree() {
	h.t.Helper()
	h.settle()
	h.cache.mu.Lock()
	defer h.cache.mu.Unlock()
	x := h.cache.index
	var bytes int64
	chunks, inQueues := 0, 0
	for k, o := range x.objects {
		held := 0
		for chunk, id := range o.slots {
			if id == 0 {
				continue
			}
			held++
			bytes += int64(lengthOf(o.size, uint32(chunk)))
			if s := x.slot(id - 1); s.object != k || int(s.chunk) != chunk || s.queue != small && s.queue != large {
				h.t.Errorf("slot %d: %+v", id-1, s.queue)
			}
		}
		if chunks += held; held != o.held || held == 0 {
			h.t.Errorf("%d chunks, said to be %d", held, o.held)
		}
	}
	for _, q := range x.queues {
		n := 0
		for id := q.oldest; id != noSlot; id = x.slot(id).next {
			n++
		}
		if inQueues += n; n != q.n {
			h.t.Errorf("%d slots in a queue of %d", n, q.n)
		}
	}
	if bytes != x.bytes || chunks != x.held() || inQueues != int(x.high) || h.cache.unfinished != 0 {
		h.t.Errorf("%d of %d bytes, %d of %d chunks, %d of %d slots, %d unfinished",
			x.bytes, bytes, x.held(), chunks, inQueues, x.high, h.cache.unfinished)
	}
	if len(h.cache.flights) > 0 {
		h.t.Errorf("%d flights are left", len(h.cache.flights))
	}
}
