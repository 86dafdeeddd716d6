package fault

import (
	"errors"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

func TestWithoutFaultsItIsTheStoreItWraps(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Store { return New(mem.New(), nil) })
}

func on(op Op, f Fault) Hook {
	return func(o Op, _ string, _ int) Fault {
		if o == op {
			return f
		}
		return None
	}
}

func TestAFaultBeforeUndoesAndOneAfterDoesNot(t *testing.T) {
	for _, c := range []struct {
		fault Fault
		there bool
	}{{Before, false}, {After, true}} {
		inner := mem.New()
		s := New(inner, on(Put, c.fault))
		if err := s.PutIfAbsent(t.Context(), "x", nil); !errors.Is(err, ErrInjected) {
			t.Errorf("fault %v: %v", c.fault, err)
		}
		if _, err := inner.Stat(t.Context(), "x"); (err == nil) != c.there {
			t.Errorf("fault %v: the object is there: %v", c.fault, err == nil)
		}
	}
}

func TestAFlippedBitIsSeenByTheReaderOnly(t *testing.T) {
	inner := mem.New()
	if err := inner.PutIfAbsent(t.Context(), "x", []byte("abc")); err != nil {
		t.Fatal(err)
	}
	if data, _, err := New(inner, on(Get, Flip)).Get(t.Context(), "x"); err != nil || string(data) == "abc" {
		t.Errorf("%q, %v", data, err)
	}
	if data, _, err := inner.Get(t.Context(), "x"); err != nil || string(data) != "abc" {
		t.Errorf("%q, %v", data, err)
	}
}

func TestAfterStopNothingChanges(t *testing.T) {
	inner := mem.New()
	s := New(inner, nil)
	s.Stop()
	w, err := s.Create(t.Context(), "x")
	if err == nil {
		err = w.Finish()
	}
	if !errors.Is(err, ErrInjected) || s.Count(Create) != 1 {
		t.Errorf("%v, %d", err, s.Count(Create))
	}
	for o := range inner.List(t.Context(), "") {
		t.Errorf("%v is there", o)
	}
}
