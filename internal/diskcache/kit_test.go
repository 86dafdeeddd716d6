package diskcache

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// remote is a store in memory that notes which ranges are read. hold, if set, is called before each read is
// answered.
type remote struct {
	*mem.Store
	mu    sync.Mutex
	reads []extent
	hold  func(ctx context.Context, name string) error
}

type extent struct {
	name     string
	off, end int64
}

func newRemote() *remote { return &remote{Store: mem.New()} }

func (r *remote) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	r.mu.Lock()
	r.reads = append(r.reads, extent{name, off, off + int64(len(p))})
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		if err := hold(ctx, name); err != nil {
			return err
		}
	}
	return r.Store.ReadAt(ctx, name, p, off)
}

func (r *remote) take() []extent {
	r.mu.Lock()
	defer r.mu.Unlock()
	reads := r.reads
	r.reads = nil
	return reads
}

// content is what the object of a name holds: every 8 bytes are different from all others, of all objects.
func content(name string, size int64) []byte { return contentAt(name, 0, int(size)) }

// contents remembers some: making them is slow under the race detector.
var contents sync.Map

// contentAt is a part of it.
func contentAt(name string, off int64, n int) []byte {
	const remembered = 400 << 10
	if end := off + int64(n); end <= remembered && n > 100 {
		all, ok := contents.Load(name)
		if !ok {
			all, _ = contents.LoadOrStore(name, makeContent(name, 0, remembered))
		}
		return all.([]byte)[off:end:end]
	}
	return makeContent(name, off, n)
}

func makeContent(name string, off int64, n int) []byte {
	seed := uint64(len(name))
	for _, c := range []byte(name) {
		seed = seed*131 + uint64(c)
	}
	b := make([]byte, 0, n+16)
	for i := uint64(off / 8); len(b) < n+8; i++ {
		b = binary.LittleEndian.AppendUint64(b, (seed<<32|i)*0x9e3779b97f4a7c15)
	}
	return b[off%8:][:n]
}

// world is a cache in a directory over a remote store.
type world struct {
	t      testing.TB
	remote *remote
	config Config
	disk   disk
	cache  *Cache
	store  *Store
	failed chan error // what OnFailure was told
}

func newWorld(t testing.TB, chunks int) *world {
	w := &world{t: t, remote: newRemote(), disk: systemDisk(), failed: make(chan error, 100)}
	w.config = Config{Dir: t.TempDir(), Size: sizeFor(chunks), OnFailure: func(err error) { w.failed <- err }}
	w.open()
	t.Cleanup(func() { w.close() })
	return w
}

// sizeFor is the size of a cache of so many chunks.
func sizeFor(chunks int) int64 { return entryBytes + int64(chunks)*slotBytes }

func (w *world) open() {
	w.t.Helper()
	c, err := open(context.Background(), w.config, w.disk)
	must(w.t, err)
	w.cache, w.store = c, c.Over(w.remote, "the remote")
	w.settle()
}

func (w *world) close() {
	w.t.Helper()
	must(w.t, w.cache.Close())
}

// settle waits until all that has been begun to be written is written.
func (w *world) settle() {
	done := make(chan struct{})
	if w.cache.tasks.add(func() { close(done) }) {
		<-done
	}
}

// put puts an object into the remote store, past the cache.
func (w *world) put(name string, size int64) objstore.Object {
	w.t.Helper()
	must(w.t, w.remote.PutIfAbsent(context.Background(), name, content(name, size)))
	return objstore.Object{Name: name, Size: size}
}

// create writes an object through the cache.
func (w *world) create(ctx context.Context, name string, size int64) objstore.Object {
	w.t.Helper()
	o, err := write(ctx, w.store, name, size)
	must(w.t, err)
	w.settle()
	return o
}

func write(ctx context.Context, s objstore.Store, name string, size int64) (o objstore.Object, err error) {
	to, err := s.Create(ctx, name)
	if err != nil {
		return o, err
	}
	for rest := content(name, size); len(rest) > 0; {
		n := min(len(rest), 50_000)
		if _, err := to.Write(rest[:n]); err != nil {
			to.Abort()
			return o, err
		}
		rest = rest[n:]
	}
	return objstore.Object{Name: name, Size: size}, to.Finish()
}

// read reads a part of an object, checks it and waits until it is kept.
func (w *world) read(ctx context.Context, o objstore.Object, off int64, n int) {
	w.t.Helper()
	must(w.t, readSome(ctx, w.store, o, off, n))
	w.settle()
}

// readSome fails if a read does, or returns other bytes than the object's.
func readSome(ctx context.Context, s objstore.Store, o objstore.Object, off int64, n int) error {
	p := make([]byte, n)
	if err := s.ReadAt(objstore.Sized(ctx, o.Size), o.Name, p, off); err != nil {
		return err
	}
	if !bytes.Equal(p, contentAt(o.Name, off, n)) {
		return fmt.Errorf("WRONG BYTES: %d at %d of %s", n, off, o.Name)
	}
	return nil
}

// asked fails unless exactly these ranges have been asked of the remote store since the last time, in any order.
func (w *world) asked(want ...extent) {
	w.t.Helper()
	got := w.remote.take()
	count := map[extent]int{}
	for _, e := range got {
		count[e]++
	}
	for _, e := range want {
		count[e]--
	}
	for _, n := range count {
		if n != 0 {
			w.t.Fatalf("the store was asked for %v, not for %v", got, want)
		}
	}
}

// holds tells whether a chunk is in the cache.
func (w *world) holds(o objstore.Object, chunk uint32) bool {
	return w.cache.has(origin{object: w.store.key(o.Name), size: o.Size}, chunk)
}

// heldOf counts the chunks of an object that are in the cache.
func (w *world) heldOf(o objstore.Object) (n int) {
	w.cache.each(w.store.key(o.Name), o.Size, func(_, _ uint32) { n++ })
	return n
}

// crash leaves the cache as it is and goes on with a copy of its directory, as it is at this moment.
func (w *world) crash() {
	w.t.Helper()
	old, dir := w.cache, w.t.TempDir()
	for _, name := range []string{entriesName, chunksName} {
		data, err := os.ReadFile(filepath.Join(w.config.Dir, name))
		must(w.t, err)
		must(w.t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	w.config.Dir = dir
	w.open()
	must(w.t, old.Close())
}

func random(t testing.TB) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
