// Package objstoretest is what every backend of package objstore must pass.
package objstoretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Run tests the contract on fresh stores.
func Run(t *testing.T, fresh func(t *testing.T) objstore.Store) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// RunInSyntheticTime is Run for stores that use neither network nor files: nothing is waited for.
func RunInSyntheticTime(t *testing.T, fresh func(t *testing.T) objstore.Store) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) { c.test(t, fresh(t)) })
		})
	}
}

var contract = []struct {
	name string
	test func(*testing.T, objstore.Store)
}{
	{"what is written is read", writtenIsRead},
	{"an object is there once and for all", putIfAbsentRefuses},
	{"a missing object is told apart", missing},
	{"of concurrent puts one succeeds", onePutSucceeds},
	{"of concurrent creations one finishes", oneCreationFinishes},
	{"of concurrent creations of big objects one finishes", oneBigCreationFinishes},
	{"swaps lose no update", swapsLoseNothing},
	{"a swap needs the version that is there", swapNeedsVersion},
	{"lists are sorted and complete", listsAreSorted},
	{"aborted writers leave nothing", abortLeavesNothing},
	{"a writer's bytes may be reused", writtenMayBeReused},
	{"deleting is idempotent", deletingIsIdempotent},
	{"a deleted object can be created again", deletedIsCreatedAgain},
	{"a short read is an error", shortReads},
	{"parts of objects are read concurrently", concurrentReads},
	{"bad names are refused", badNames},
	{"the end of the context ends requests", contextEnds},
	{"a store keeps what it promises to the probe", probed},
	{"a lock excludes until it is released", locks},
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func writtenIsRead(t *testing.T, s objstore.Store) {
	ctx := t.Context()
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	w, err := s.Create(ctx, "a/b/big")
	must(t, err)
	for part := range 20 {
		_, err := w.Write(big[:len(big)-part])
		must(t, err)
	}
	_, err = s.Stat(ctx, "a/b/big")
	mustBe(t, err, objstore.ErrNotFound) // not yet
	must(t, w.Finish())
	o, err := s.Stat(ctx, "a/b/big")
	must(t, err)
	if want := int64(20*len(big) - 190); o.Size != want || o.Name != "a/b/big" {
		t.Fatalf("%+v, want %d bytes", o, want)
	}
	p := make([]byte, 100)
	must(t, s.ReadAt(ctx, "a/b/big", p, int64(len(big))+5))
	if !bytes.Equal(p, big[5:105]) {
		t.Fatalf("read %q", p)
	}
	must(t, s.PutIfAbsent(ctx, "small", []byte("x")))
	got, _, err := s.Get(ctx, "small")
	must(t, err)
	if string(got) != "x" {
		t.Fatalf("got %q", got)
	}
}

func putIfAbsentRefuses(t *testing.T, s objstore.Store) {
	must(t, s.PutIfAbsent(t.Context(), "x", []byte("1")))
	mustBe(t, s.PutIfAbsent(t.Context(), "x", []byte("2")), objstore.ErrExists)
	w, err := s.Create(t.Context(), "x")
	must(t, err)
	mustBe(t, w.Finish(), objstore.ErrExists)
	got, _, err := s.Get(t.Context(), "x")
	must(t, err)
	if string(got) != "1" {
		t.Fatalf("got %q", got)
	}
}

func missing(t *testing.T, s objstore.Store) {
	_, _, err := s.Get(t.Context(), "none")
	mustBe(t, err, objstore.ErrNotFound)
	_, err = s.Stat(t.Context(), "none/at/all")
	mustBe(t, err, objstore.ErrNotFound)
	mustBe(t, s.ReadAt(t.Context(), "none", make([]byte, 1), 0), objstore.ErrNotFound)
	_, err = s.Swap(t.Context(), "none", "some version", nil)
	mustBe(t, err, objstore.ErrChanged)
}

// race runs a function from many goroutines and returns how many had no error; others must have the one given.
func race(t *testing.T, want error, f func(i int) error) int {
	t.Helper()
	var group sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		group.Go(func() { errs[i] = f(i) })
	}
	group.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
			continue
		}
		mustBe(t, err, want)
	}
	return done
}

func onePutSucceeds(t *testing.T, s objstore.Store) {
	done := race(t, objstore.ErrExists, func(i int) error {
		return s.PutIfAbsent(t.Context(), "dir/x", fmt.Append(nil, i))
	})
	if done != 1 {
		t.Fatalf("%d of 16 puts of one name succeeded", done)
	}
}

func oneCreationFinishes(t *testing.T, s objstore.Store) {
	done := race(t, objstore.ErrExists, func(i int) error {
		w, err := s.Create(t.Context(), "dir/x")
		if err != nil {
			return err
		}
		if _, err := w.Write(bytes.Repeat([]byte{byte(i)}, 10_000)); err != nil {
			return err
		}
		return w.Finish()
	})
	if done != 1 {
		t.Fatalf("%d of 16 creations of one name finished", done)
	}
	data, _, err := s.Get(t.Context(), "dir/x")
	must(t, err)
	if len(data) != 10_000 || bytes.Count(data, data[:1]) != len(data) {
		t.Fatal("the object is a mixture")
	}
}

// oneBigCreationFinishes is about objects that a backend may write in parts.
func oneBigCreationFinishes(t *testing.T, s objstore.Store) {
	const writers, chunk, chunks = 4, 1 << 20, 9
	var group sync.WaitGroup
	errs := make([]error, writers)
	for i := range errs {
		group.Go(func() {
			w, err := s.Create(t.Context(), "big")
			for range chunks {
				if err == nil {
					_, err = w.Write(bytes.Repeat([]byte{byte(i)}, chunk))
				}
			}
			if err == nil {
				err = w.Finish()
			}
			errs[i] = err
		})
	}
	group.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil && winner < 0 {
			winner = i
			continue
		}
		mustBe(t, err, objstore.ErrExists)
	}
	data, _, err := s.Get(t.Context(), "big")
	must(t, err)
	if len(data) != chunk*chunks || bytes.Count(data, []byte{byte(winner)}) != len(data) {
		t.Fatalf("the object is not what writer %d wrote", winner)
	}
}

func swapNeedsVersion(t *testing.T, s objstore.Store) {
	ctx := t.Context()
	first, err := s.Swap(ctx, "x", "", []byte("1"))
	must(t, err)
	second, err := s.Swap(ctx, "x", first, []byte("2"))
	must(t, err)
	for _, other := range []objstore.Version{"", first, "some version"} {
		_, err := s.Swap(ctx, "x", other, []byte("3"))
		mustBe(t, err, objstore.ErrChanged)
	}
	data, version, err := s.Get(ctx, "x")
	must(t, err)
	if string(data) != "2" || version != second {
		t.Fatalf("%q at version %q, want 2 at %q", data, version, second)
	}
	must(t, s.Delete(ctx, "x"))
	_, err = s.Swap(ctx, "x", second, []byte("3"))
	mustBe(t, err, objstore.ErrChanged)
	_, err = s.Swap(ctx, "x", "", []byte("4"))
	must(t, err)
}

func swapsLoseNothing(t *testing.T, s objstore.Store) {
	const each = 20
	race(t, nil, func(int) error {
		for range each {
			if err := increment(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	data, _, err := s.Get(t.Context(), "counter")
	must(t, err)
	if len(data) != 16*each {
		t.Fatalf("%d of %d updates are there", len(data), 16*each)
	}
}

func increment(ctx context.Context, s objstore.Store) error {
	for {
		data, version, err := s.Get(ctx, "counter")
		if err != nil && !errors.Is(err, objstore.ErrNotFound) {
			return err
		}
		next, err := s.Swap(ctx, "counter", version, append(data, 'x'))
		if errors.Is(err, objstore.ErrChanged) {
			continue
		}
		if err == nil && next == version {
			return fmt.Errorf("the version %q did not change", version)
		}
		return err
	}
}

func listsAreSorted(t *testing.T, s objstore.Store) {
	names := []string{"a-b", "a.b", "a/b", "a/b-c/d", "ab", "b/c", "b/cd/e", "z"}
	for i := range names {
		must(t, s.PutIfAbsent(t.Context(), names[len(names)-1-i], make([]byte, i)))
	}
	for prefix, want := range map[string]string{
		"": strings.Join(names, " "), "a/": "a/b a/b-c/d", "a/b": "a/b a/b-c/d", "b/c": "b/c b/cd/e", "none": "", "none/": "",
	} {
		var got []string
		for o, err := range s.List(t.Context(), prefix) {
			must(t, err)
			got = append(got, o.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("list %q: %q, want %q", prefix, got, want)
		}
	}
}

func abortLeavesNothing(t *testing.T, s objstore.Store) {
	w, err := s.Create(t.Context(), "x")
	must(t, err)
	_, err = w.Write([]byte("half"))
	must(t, err)
	w.Abort()
	for o, err := range s.List(t.Context(), "") {
		t.Fatalf("%+v %v is there", o, err)
	}
}

func writtenMayBeReused(t *testing.T, s objstore.Store) {
	const chunk, chunks = 1 << 20, 18
	w, err := s.Create(t.Context(), "x")
	must(t, err)
	p := make([]byte, chunk)
	for i := range chunks {
		copy(p, bytes.Repeat([]byte{byte(i)}, chunk))
		_, err := w.Write(p)
		must(t, err)
	}
	must(t, w.Finish())
	data, _, err := s.Get(t.Context(), "x")
	must(t, err)
	for i := range chunks {
		if part := data[i*chunk : (i+1)*chunk]; bytes.Count(part, []byte{byte(i)}) != chunk {
			t.Fatalf("chunk %d is not what was written", i)
		}
	}
}

func deletingIsIdempotent(t *testing.T, s objstore.Store) {
	must(t, s.PutIfAbsent(t.Context(), "d/x", nil))
	must(t, s.Delete(t.Context(), "d/x"))
	must(t, s.Delete(t.Context(), "d/x"))
	_, err := s.Stat(t.Context(), "d/x")
	mustBe(t, err, objstore.ErrNotFound)
	must(t, s.PutIfAbsent(t.Context(), "d/x", nil))
}

func deletedIsCreatedAgain(t *testing.T, s objstore.Store) {
	for _, content := range []string{"1", "2"} {
		w, err := s.Create(t.Context(), "d/e/x")
		must(t, err)
		_, err = w.Write([]byte(content))
		must(t, err)
		must(t, w.Finish())
		data, _, err := s.Get(t.Context(), "d/e/x")
		must(t, err)
		if string(data) != content {
			t.Fatalf("got %q", data)
		}
		must(t, s.Delete(t.Context(), "d/e/x"))
	}
}

func concurrentReads(t *testing.T, s objstore.Store) {
	data := make([]byte, 1<<16)
	for i := range data {
		data[i] = byte(i * i >> 8)
	}
	must(t, s.PutIfAbsent(t.Context(), "x", data))
	race(t, nil, func(i int) error {
		for n := range 20 {
			p := make([]byte, 1000*i+1)
			off := n * 100
			if err := s.ReadAt(t.Context(), "x", p, int64(off)); err != nil {
				return err
			}
			if !bytes.Equal(p, data[off:off+len(p)]) {
				return fmt.Errorf("%d bytes at %d are not what was written", len(p), off)
			}
		}
		return nil
	})
}

func shortReads(t *testing.T, s objstore.Store) {
	must(t, s.PutIfAbsent(t.Context(), "x", []byte("12345")))
	for _, off := range []int64{1, 5, 100} {
		if err := s.ReadAt(t.Context(), "x", make([]byte, 5), off); err == nil {
			t.Errorf("5 of 5 bytes were read at %d", off)
		}
	}
}

func badNames(t *testing.T, s objstore.Store) {
	for _, name := range []string{"", "/x", "x/", "a//b", "../x", "a/../../x", ".hidden", "a/.b", "a b", "ä", "a\x00"} {
		if err := s.PutIfAbsent(t.Context(), name, nil); err == nil {
			t.Errorf("%q was taken as a name", name)
		}
	}
}

func contextEnds(t *testing.T, s objstore.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	w, err := s.Create(ctx, "x")
	must(t, err)
	cancel()
	mustBe(t, w.Finish(), context.Canceled)
	mustBe(t, s.PutIfAbsent(ctx, "x", nil), context.Canceled)
	_, _, err = s.Get(ctx, "x")
	mustBe(t, err, context.Canceled)
	mustBe(t, s.Delete(ctx, "x"), context.Canceled)
}

func probed(t *testing.T, s objstore.Store) {
	must(t, objstore.Probe(t.Context(), s))
	for o, err := range s.List(t.Context(), "") {
		t.Fatalf("%+v %v is left", o, err)
	}
}

func locks(t *testing.T, s objstore.Store) {
	release, err := s.Lock(t.Context())
	must(t, err)
	_, err = s.Lock(t.Context())
	mustBe(t, err, objstore.ErrLocked)
	must(t, release())
	release, err = s.Lock(t.Context())
	must(t, err)
	must(t, release())
}
