package diskcache

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// A child process of the test fills a cache until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("DISKCACHE_TEST_FILLER"); dir != "" {
		fillForEver(dir)
	}
	os.Exit(m.Run())
}

func TestWhatIsCachedSurvivesARestartAndACrash(t *testing.T) {
	for how, restart := range map[string]func(w *world){
		"restart": func(w *world) { w.close(); w.open() },
		"crash":   func(w *world) { w.crash() },
	} {
		w := newWorld(t, 2000)
		var few []objstore.Object
		for i := range pageSlots { // more than a page of slots, with what follows
			few = append(few, w.create(t.Context(), fmt.Sprint("few", i), 9))
		}
		read := w.put("read", 60*chunkBytes+5)
		w.read(t.Context(), read, 0, int(read.Size))
		written := w.create(t.Context(), "written", 20*chunkBytes+70)
		gone := w.create(t.Context(), "gone", 20*chunkBytes)
		must(t, w.store.Delete(t.Context(), gone.Name))
		before := w.cache.Metrics()
		restart(w)
		w.remote.take()
		for range 2 {
			w.read(t.Context(), read, 0, int(read.Size))
			w.read(t.Context(), written, 3, int(written.Size)-3)
			for _, o := range few {
				must(t, readSome(t.Context(), w.store, o, 0, 9))
			}
			w.asked()
		}
		if how == "restart" && w.cache.Metrics().Bytes != before.Bytes {
			t.Errorf("%d bytes, %d before", w.cache.Metrics().Bytes, before.Bytes)
		}
	}
}

func TestAfterARestartWhatWasUsedLastStaysLongest(t *testing.T) {
	for how, restart := range map[string]func(w *world){
		"restart": func(w *world) { w.close(); w.open() },
		"crash":   func(w *world) { pass(3 * time.Second); w.crash() },
	} {
		bubble.Test(t, func(t *testing.T) {
			w := newWorld(t, 100)
			o := w.put("x", 100*chunkBytes)
			w.read(t.Context(), o, 0, 50*chunkBytes)
			w.read(t.Context(), o, 50*chunkBytes, 50*chunkBytes)
			pass(time.Minute)
			for chunk := int64(0); chunk < 100; chunk += 3 {
				w.read(t.Context(), o, chunk*chunkBytes, 1)
			}
			restart(w)
			w.cache.SetLimits(sizeFor(34), 0)
			w.settle()
			w.remote.take()
			for chunk := int64(0); chunk < 100; chunk += 3 {
				w.read(t.Context(), o, chunk*chunkBytes, 1)
			}
			if reads := w.remote.take(); len(reads) > 0 {
				t.Errorf("%s: %d of 34 chunks are gone", how, len(reads))
			}
		})
	}
}

func TestASmallerCacheIsReopenedWithWhatWasUsedLast(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 40)
		old, last := w.put("old", 20*chunkBytes), w.put("last", 20*chunkBytes)
		w.read(t.Context(), old, 0, int(old.Size))
		pass(2 * time.Second)
		w.read(t.Context(), last, 0, int(last.Size))
		w.close()
		w.config.Size = sizeFor(20)
		w.open()
		w.settle()
		if n := w.heldOf(last); n != 20 || w.heldOf(old) != 0 || w.filesSize() != sizeFor(20) {
			t.Errorf("%d chunks, files of %d", n, w.filesSize())
		}
		w.remote.take()
		w.read(t.Context(), last, 0, int(last.Size)) // from slots that they have been moved to
		w.asked()
		w.crash()
		w.read(t.Context(), last, 0, int(last.Size))
		w.asked()
		if m := w.cache.Metrics(); m.Corrupt > 0 {
			t.Errorf("%+v", m)
		}
	})
}

func TestALimitOfNothingEmptiesTheCache(t *testing.T) {
	w := newWorld(t, 20)
	o := w.create(t.Context(), "x", 20*chunkBytes)
	for _, size := range []int64{slotBytes - 1, 0, -1} {
		w.cache.SetLimits(size, 0)
		w.settle()
		w.read(t.Context(), o, 5, 5)
		w.create(t.Context(), fmt.Sprint("y", size), chunkBytes)
		if m := w.cache.Metrics(); m.Bytes > 0 || w.filesSize() != entryBytes || m.Limit != max(0, size) {
			t.Errorf("%+v, files of %d", m, w.filesSize())
		}
	}
	w.cache.SetLimits(sizeFor(20), 0)
	w.settle()
	w.read(t.Context(), o, 0, 9*chunkBytes)
	w.remote.take()
	w.read(t.Context(), o, 0, 9*chunkBytes)
	w.asked()
}

const fillerObjects = 40

func fillerObject(i int) objstore.Object {
	return objstore.Object{Name: fmt.Sprint("object", i%fillerObjects), Size: int64(1+i%5)*chunkBytes + 99}
}

// fillForEver fills a cache of a third of its objects, and says so once it is full.
func fillForEver(dir string) {
	config := Config{Dir: dir, Size: sizeFor(60)}
	w := &world{t: &testing.T{}, remote: newRemote(), disk: systemDisk(), config: config}
	w.open()
	for i := range fillerObjects {
		w.put(fillerObject(i).Name, fillerObject(i).Size)
	}
	for i := 0; ; i++ {
		o := fillerObject(i)
		if err := readSome(context.Background(), w.store, o, 0, int(o.Size)); err != nil {
			panic(err)
		}
		if i == fillerObjects {
			fmt.Println("full")
		}
	}
}

func TestAProcessThatIsKilledWhileItFillsTheCacheLeavesWhatIsWhole(t *testing.T) {
	for range 3 {
		w := newWorld(t, 60)
		w.close()
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), "DISKCACHE_TEST_FILLER="+w.config.Dir)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Errorf("%q, %v", line, err)
		}
		must(t, child.Process.Kill())
		_ = child.Wait()
		w.open()
		if m := w.cache.Metrics(); m.Bytes < 20*chunkBytes {
			t.Errorf("%+v", m)
		}
		for i := range fillerObjects {
			o := w.put(fillerObject(i).Name, fillerObject(i).Size)
			for chunk := range chunksOf(o.Size) {
				if w.holds(o, chunk) {
					w.read(t.Context(), o, int64(chunk)*chunkBytes, lengthOf(o.Size, chunk))
				}
			}
		}
		if m := w.cache.Metrics(); m.Hits < 30 || m.Misses > 1 || m.Corrupt > 1 { // the one that was being written
			t.Errorf("%+v", m)
		}
		w.close()
	}
}

func TestDamagedFilesCostRemoteReads(t *testing.T) {
	for story, damage := range map[string]func(t *testing.T, entries, chunks string){
		"no entries":     func(t *testing.T, entries, _ string) { must(t, os.Remove(entries)) },
		"no chunks":      func(t *testing.T, _, chunks string) { must(t, os.Remove(chunks)) },
		"few entries":    func(t *testing.T, entries, _ string) { must(t, os.Truncate(entries, 500)) },
		"few chunks":     func(t *testing.T, _, chunks string) { must(t, os.Truncate(chunks, 5*chunkBytes+7)) },
		"another format": func(t *testing.T, entries, _ string) { overwrite(t, entries, 10, "2") },
		"a torn head":    func(t *testing.T, entries, _ string) { must(t, os.Truncate(entries, 9)) },
		"a longer file":  func(t *testing.T, entries, _ string) { must(t, os.Truncate(entries, 1<<20)) },
		"a torn entry":   func(t *testing.T, entries, _ string) { overwrite(t, entries, 150, "torn") },
		"a torn chunk":   func(t *testing.T, _, chunks string) { overwrite(t, chunks, 3*chunkBytes+9, "torn") },
	} {
		t.Run(story, func(t *testing.T) {
			w := newWorld(t, 20)
			o := w.create(t.Context(), "x", 10*chunkBytes-5)
			w.close()
			damage(t, filepath.Join(w.config.Dir, entriesName), filepath.Join(w.config.Dir, chunksName))
			w.open()
			for range 2 {
				w.read(t.Context(), o, 0, int(o.Size))
			}
			w.remote.take()
			w.read(t.Context(), o, 0, int(o.Size))
			w.asked() // and it is whole again
			if w.filesSize() > sizeFor(20) {
				t.Errorf("files of %d", w.filesSize())
			}
			w.mustSay()
		})
	}
}

func overwrite(t *testing.T, path string, off int64, with string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt([]byte(with), off)
	must(t, err)
	must(t, f.Close())
}
