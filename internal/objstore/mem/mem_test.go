package mem

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Store { return New() })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holding is a store with objects that hold their own names.
func holding(t *testing.T, names ...string) *Store {
	t.Helper()
	s := New()
	for _, name := range names {
		must(t, s.PutIfAbsent(t.Context(), name, []byte(name)))
	}
	return s
}

// mustHold checks the names and bytes of all objects, as "name=bytes".
func mustHold(t *testing.T, s *Store, want string) {
	t.Helper()
	var got []string
	for o, err := range s.List(t.Context(), "") {
		must(t, err)
		data, _, err := s.Get(t.Context(), o.Name)
		must(t, err)
		if o.Size != int64(len(data)) {
			t.Errorf("%s: listed with %d bytes, has %d", o.Name, o.Size, len(data))
		}
		got = append(got, o.Name+"="+string(data))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("there is %q, want %q", strings.Join(got, " "), want)
	}
}

func version(t *testing.T, s *Store, name string) objstore.Version {
	t.Helper()
	_, v, err := s.Get(t.Context(), name)
	must(t, err)
	return v
}

func TestACloneSharesNothing(t *testing.T) {
	s := holding(t, "x", "y")
	c := s.Clone()
	must(t, s.Delete(t.Context(), "x"))
	must(t, c.Delete(t.Context(), "y"))
	must(t, c.PutIfAbsent(t.Context(), "z", []byte("z")))
	if _, err := c.Swap(t.Context(), "x", version(t, c, "x"), []byte("new")); err != nil {
		t.Error(err)
	}
	mustHold(t, s, "y=y")
	mustHold(t, c, "x=new z=z")
}

func TestACloneKnowsTheVersionsButNotTheLock(t *testing.T) {
	s := holding(t, "x")
	release, err := s.Lock(t.Context())
	must(t, err)
	c := s.Clone()
	unlock, err := c.Lock(t.Context())
	if err != nil {
		t.Fatalf("what a crash leaves is locked: %v", err)
	}
	must(t, unlock())
	if _, err := c.Swap(t.Context(), "x", version(t, s, "x"), nil); err != nil {
		t.Errorf("a version from before the crash: %v", err)
	}
	if _, err := s.Lock(t.Context()); !errors.Is(err, objstore.ErrLocked) {
		t.Errorf("the original lost its lock to the clone: %v", err)
	}
	must(t, release())
}

func TestBytesBelongToTheCallerOnBothWays(t *testing.T) {
	s := New()
	data := []byte("abc")
	must(t, s.PutIfAbsent(t.Context(), "put", data))
	_, err := s.Swap(t.Context(), "swapped", "", data)
	must(t, err)
	w, err := s.Create(t.Context(), "written")
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	copy(data, "xyz")
	must(t, w.Finish())
	for _, name := range []string{"put", "swapped", "written"} {
		got, _, err := s.Get(t.Context(), name)
		must(t, err)
		copy(got, "xyz")
	}
	mustHold(t, s, "put=abc swapped=abc written=abc")
}

func TestASwapNeedsTheVersionThatIsThere(t *testing.T) {
	s := holding(t, "x")
	old := version(t, s, "x")
	now, err := s.Swap(t.Context(), "x", old, []byte("2"))
	must(t, err)
	if now != version(t, s, "x") {
		t.Errorf("the swap returned version %q, there is %q", now, version(t, s, "x"))
	}
	for name, v := range map[string]objstore.Version{"an old one": old, "none": "", "made up": "42"} {
		_, err := s.Swap(t.Context(), "x", v, []byte("3"))
		if !errors.Is(err, objstore.ErrChanged) || !strings.Contains(err.Error(), "swap x") {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustHold(t, s, "x=2")
}

// The same bytes again are another version: who saw the first must not replace the second.
func TestAnObjectThatWasDeletedAndWrittenAgainHasAnotherVersion(t *testing.T) {
	s := holding(t, "x")
	old := version(t, s, "x")
	must(t, s.Delete(t.Context(), "x"))
	if _, err := s.Swap(t.Context(), "x", old, nil); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("a swap of what is deleted: %v", err)
	}
	must(t, s.PutIfAbsent(t.Context(), "x", []byte("x")))
	if _, err := s.Swap(t.Context(), "x", old, nil); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("a swap of what was written again: %v", err)
	}
}

func TestAListIsOfOneMomentAndMayBeLeft(t *testing.T) {
	s := holding(t, "a", "b", "c")
	var got []string
	for o, err := range s.List(t.Context(), "") {
		must(t, err)
		got = append(got, o.Name)
		must(t, s.Delete(t.Context(), o.Name)) // as a collector does
		must(t, s.PutIfAbsent(t.Context(), "later-"+o.Name, nil))
		if o.Name == "b" {
			break
		}
	}
	if strings.Join(got, " ") != "a b" {
		t.Errorf("listed %v", got)
	}
	mustHold(t, s, "c=c later-a= later-b=")
}

func TestAListEndsWithTheContext(t *testing.T) {
	s := holding(t, "a", "b", "c")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var names []string
	var errs []error
	for o, err := range s.List(ctx, "") {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		names = append(names, o.Name)
		cancel()
	}
	if len(names) != 1 || len(errs) != 1 || !errors.Is(errs[0], context.Canceled) {
		t.Errorf("listed %v, errors %v", names, errs)
	}
}

func TestNoRequestOutlivesItsContext(t *testing.T) {
	s := holding(t, "x")
	v := version(t, s, "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, request := range map[string]func() error{
		"read":   func() error { return s.ReadAt(ctx, "x", make([]byte, 1), 0) },
		"stat":   func() error { _, err := s.Stat(ctx, "x"); return err },
		"create": func() error { _, err := s.Create(ctx, "y"); return err },
		"put":    func() error { return s.PutIfAbsent(ctx, "y", nil) },
		"swap":   func() error { _, err := s.Swap(ctx, "x", v, nil); return err },
		"delete": func() error { return s.Delete(ctx, "x") },
		"lock":   func() error { _, err := s.Lock(ctx); return err },
	} {
		if err := request(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mustHold(t, s, "x=x")
}

func TestAReadOutsideOfTheObjectIsRefused(t *testing.T) {
	s := holding(t, "x")
	for _, off := range []int64{-1, 1, 1 << 40, math.MaxInt64} {
		p := []byte("?")
		err := s.ReadAt(t.Context(), "x", p, off)
		if err == nil || !strings.Contains(err.Error(), "of x: it has 1 bytes") || string(p) != "?" {
			t.Errorf("1 byte at %d: %q, %v", off, p, err)
		}
	}
	must(t, s.ReadAt(t.Context(), "x", nil, 1)) // nothing, at the end
}
