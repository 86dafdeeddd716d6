package diskcache

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// hooked is a disk that fails as told.
type hooked struct {
	mu           sync.Mutex
	read, write  error
	chunksBefore func() // a chunk is given to its reader
	room         int64  // free bytes
}

type hookedFile struct {
	file
	d      *hooked
	chunks bool
}

func (f *hookedFile) ReadAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	err, before := f.d.read, f.d.chunksBefore
	f.d.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := f.file.ReadAt(p, off)
	if before != nil && f.chunks {
		before()
	}
	return n, err
}

func (f *hookedFile) WriteAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	err := f.d.write
	f.d.mu.Unlock()
	if err != nil {
		n, _ := f.file.WriteAt(p[:len(p)/3], off) // torn
		return n, err
	}
	return f.file.WriteAt(p, off)
}

// hook reopens the world's cache on a disk that can fail.
func (w *world) hook() *hooked {
	w.t.Helper()
	h := &hooked{room: 1 << 40}
	w.close()
	w.disk = disk{
		open: func(path string) (file, error) {
			f, err := systemDisk().open(path)
			return &hookedFile{f, h, filepath.Base(path) == chunksName}, err
		},
		free: func(string) (int64, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.room, nil
		},
	}
	w.open()
	return h
}

func (w *world) onRead(before func()) { w.hook().chunksBefore = before }

func (h *hooked) set(do func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do()
}

// said returns what OnFailure was told.
func (w *world) said() (all []string) {
	for {
		select {
		case err := <-w.failed:
			all = append(all, err.Error())
		default:
			return all
		}
	}
}

func (w *world) mustSay(words ...string) {
	w.t.Helper()
	all := w.said()
	if len(words) == 0 && len(all) > 0 || len(words) > 0 && len(all) != 1 {
		w.t.Fatalf("said: %q", all)
	}
	for _, word := range words {
		if !strings.Contains(all[0], word) {
			w.t.Errorf("%q does not say %q", all[0], word)
		}
	}
}

func TestADiskThatCannotBeWrittenCostsRemoteReadsAndSaysSoOnce(t *testing.T) {
	for _, why := range []error{syscall.ENOSPC, syscall.EIO, syscall.EROFS} {
		bubble.Test(t, func(t *testing.T) {
			w := newWorld(t, 10)
			h := w.hook()
			old, o := w.put("old", chunkBytes), w.put("new", 3*chunkBytes)
			w.read(t.Context(), old, 0, 5)
			h.set(func() { h.write = why })
			for range 3 {
				for chunk := range int64(3) {
					w.read(t.Context(), o, chunk*chunkBytes, 5)
				}
				pass(time.Hour) // and tries again meanwhile
			}
			w.create(t.Context(), "created", 3*chunkBytes)
			w.mustSay(w.config.Dir, "cannot be written, the object store is read instead", why.Error())
			w.remote.take()
			w.read(t.Context(), old, 0, 5)
			w.asked() // what is there can be read
			h.set(func() { h.write = nil })
			pass(time.Minute)
			w.read(t.Context(), o, 0, 5)
			w.remote.take()
			w.read(t.Context(), o, 0, 5)
			w.asked()
			w.mustSay()
			h.set(func() { h.write = why })
			w.read(t.Context(), o, 2*chunkBytes, 5)
			w.mustSay(why.Error()) // it had worked
		})
	}
}

func TestADiskThatCannotBeReadIsLeftAloneForAWhile(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		h := w.hook()
		o := w.put("x", 3*chunkBytes)
		w.read(t.Context(), o, 0, 3*chunkBytes)
		h.set(func() { h.read = syscall.EIO })
		for chunk := range int64(3) {
			w.read(t.Context(), o, chunk*chunkBytes, 5)
		}
		w.mustSay("cannot be read", "input/output error")
		if m := w.cache.Metrics(); m.Failures != 1 || m.Corrupt != 0 {
			t.Errorf("%+v", m)
		}
		h.set(func() { h.read = nil })
		pass(time.Minute)
		w.remote.take()
		w.read(t.Context(), o, chunkBytes, 2*chunkBytes)
		w.asked()
		w.mustSay()
	})
}

func TestFreeSpaceIsKept(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 100)
		w.config.KeepFree = 1 << 30
		h := w.hook()
		h.set(func() { h.room = 1<<30 + 20*slotBytes })
		pass(2 * time.Second)
		o := w.put("x", 50*chunkBytes)
		w.read(t.Context(), o, 0, 50*chunkBytes)
		if m := w.cache.Metrics(); m.FileBytes != sizeFor(20) {
			t.Errorf("%d slots", m.FileBytes/slotBytes)
		}
		h.set(func() { h.room = 1<<30 - 5*slotBytes }) // others have written
		pass(2 * time.Second)
		h.set(func() { h.room = 1 << 30 })
		w.settle()
		size := w.filesSize()
		if m := w.cache.Metrics(); m.FileBytes > sizeFor(15) || m.FileBytes != size || m.Bytes == 0 {
			t.Errorf("%+v, files of %d", m, size)
		}
		w.read(t.Context(), o, 0, 50*chunkBytes)
		h.set(func() { h.room = 0 })
		pass(2 * time.Second)
		w.read(t.Context(), o, 0, 50*chunkBytes)
		if m := w.cache.Metrics(); m.Bytes != 0 || w.filesSize() != sizeFor(0) {
			t.Errorf("%+v", m)
		}
		w.mustSay()
	})
}

func (w *world) filesSize() (sum int64) {
	for _, name := range []string{entriesName, chunksName} {
		info, err := os.Stat(filepath.Join(w.config.Dir, name))
		must(w.t, err)
		sum += info.Size()
	}
	return sum
}

func TestADirectoryThatVanishesIsNoError(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		w := newWorld(t, 10)
		o := w.put("x", 3*chunkBytes)
		w.read(t.Context(), o, 0, chunkBytes)
		must(t, os.RemoveAll(w.config.Dir))
		pass(time.Minute)
		for range 2 {
			w.read(t.Context(), o, 0, 3*chunkBytes)
		}
		w.create(t.Context(), "y", 3*chunkBytes)
		w.mustSay("no such file or directory", w.config.Dir)
	})
}

func TestFreeSpaceOfTheSystemIsKnown(t *testing.T) {
	if n, err := freeBytes(t.TempDir()); n <= 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := freeBytes(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("free space of nothing")
	}
}

func TestADirectoryThatCannotBeUsedIsAMistakeOfConfiguration(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	taken := newWorld(t, 1)
	blocked := t.TempDir()
	must(t, os.Mkdir(filepath.Join(blocked, chunksName), 0o700))
	for reason, config := range map[string]Config{
		"not a directory":                file0(file),
		"in use by another live process": taken.config,
		"is a directory":                 {Dir: blocked},
		"must not be negative":           {Dir: t.TempDir(), Size: -1},
		"to keep -1":                     {Dir: t.TempDir(), KeepFree: -1},
	} {
		_, err := Open(t.Context(), config)
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), reason) ||
			!strings.Contains(err.Error(), config.Dir) {
			t.Errorf("%s: %v", reason, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	taken.read(t.Context(), taken.put("x", 5), 0, 5)
	taken.close()
	if _, err := Open(ended, taken.config); err == nil {
		t.Error("the end of the context does not end opening")
	}
	taken.open() // nothing is left locked
}

func file0(file string) Config { return Config{Dir: filepath.Join(file, "below")} }

func TestReadsGoOnAfterTheCacheIsClosed(t *testing.T) {
	w := newWorld(t, 10)
	o := w.put("x", chunkBytes)
	w.read(t.Context(), o, 0, 5)
	w.close()
	w.close()
	must(t, readSome(t.Context(), w.store, o, 0, 5))
	_, err := write(t.Context(), w.store, "y", 100)
	must(t, err)
	must(t, w.store.Warm(t.Context(), nil, nil))
	w.cache.SetLimits(0, 0)
	if m := w.cache.Metrics(); m.Misses != 1+1 || m.Failures > 0 {
		t.Errorf("%+v", m)
	}
}

var _ io.ReaderAt = (*hookedFile)(nil)
