package fault

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

func TestWithoutFaultsItIsTheStoreItWraps(t *testing.T) {
	objstoretest.Run(t, func(*testing.T) objstore.Store { return New(mem.New(), nil) })
	objstoretest.Run(t, func(*testing.T) objstore.Store {
		return New(mem.New(), func(Op, string, int) Fault { return None })
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func on(op Op, f Fault) Hook {
	return func(o Op, _ string, _ int) Fault {
		if o == op {
			return f
		}
		return None
	}
}

// holding is a store with the object x, and what every request is made of.
func holding(t *testing.T) *mem.Store {
	t.Helper()
	inner := mem.New()
	must(t, inner.PutIfAbsent(t.Context(), "x", []byte("abc")))
	return inner
}

// requests are one of each kind; those that write leave a trace in the names or the bytes.
var requests = map[Op]func(context.Context, objstore.Store) error{
	ReadAt: func(ctx context.Context, s objstore.Store) error { return s.ReadAt(ctx, "x", make([]byte, 3), 0) },
	Get:    func(ctx context.Context, s objstore.Store) error { _, _, err := s.Get(ctx, "x"); return err },
	Stat:   func(ctx context.Context, s objstore.Store) error { _, err := s.Stat(ctx, "x"); return err },
	Create: func(ctx context.Context, s objstore.Store) error { _, err := s.Create(ctx, "x"); return err },
	Write: func(ctx context.Context, s objstore.Store) error {
		w, err := s.Create(ctx, "x")
		if err != nil {
			return err
		}
		defer w.Abort()
		_, err = w.Write([]byte("abc"))
		return err
	},
	Finish: func(ctx context.Context, s objstore.Store) error {
		w, err := s.Create(ctx, "new")
		if err != nil {
			return err
		}
		return w.Finish()
	},
	Put: func(ctx context.Context, s objstore.Store) error { return s.PutIfAbsent(ctx, "new", nil) },
	Swap: func(ctx context.Context, s objstore.Store) error {
		_, err := s.Swap(ctx, "new", "", nil)
		return err
	},
	Delete: func(ctx context.Context, s objstore.Store) error { return s.Delete(ctx, "x") },
	List: func(ctx context.Context, s objstore.Store) error {
		for _, err := range s.List(ctx, "x") {
			if err != nil {
				return err
			}
		}
		return nil
	},
}

// names are those of all objects.
func names(t *testing.T, s objstore.Store) string {
	t.Helper()
	var all []string
	for o, err := range s.List(t.Context(), "") {
		must(t, err)
		all = append(all, o.Name)
	}
	return strings.Join(all, " ")
}

// What the requests that write leave when they are done.
var done = map[Op]string{Finish: "new x", Put: "new x", Swap: "new x", Delete: ""}

func TestAFaultBeforeUndoesAndOneAfterDoesNot(t *testing.T) {
	for op, request := range requests {
		for _, f := range []Fault{Before, After} {
			inner := holding(t)
			s := New(inner, on(op, f))
			err := request(t.Context(), s)
			if !errors.Is(err, ErrInjected) || !strings.HasPrefix(err.Error(), string(op)+" ") {
				t.Errorf("%s, fault %v: %v", op, f, err)
			}
			want := "x"
			if f == After && op.Writes() {
				want = done[op]
			}
			if got := names(t, inner); got != want {
				t.Errorf("%s, fault %v: there is %q, want %q", op, f, got, want)
			}
		}
	}
}

func TestOnlyTheRequestThatWasChosenFails(t *testing.T) {
	for chosen := range requests {
		s := New(holding(t), on(chosen, Before))
		for op, request := range requests {
			// A Write or Finish needs a Create, and whoever deletes ends the story.
			if op == chosen || op == Delete || chosen == Create && (op == Write || op == Finish) {
				continue
			}
			if err := request(t.Context(), s); errors.Is(err, ErrInjected) {
				t.Errorf("%s failed, %s was chosen: %v", op, chosen, err)
			}
		}
	}
}

func TestWritesAreThoseThatLeaveATrace(t *testing.T) {
	for op, request := range requests {
		inner := holding(t)
		must(t, request(t.Context(), New(inner, nil)))
		if got := names(t, inner); (got != "x") != op.Writes() {
			t.Errorf("%s leaves %q, Writes is %v", op, got, op.Writes())
		}
	}
}

func TestTheHookHearsOfEachRequestInOrder(t *testing.T) {
	var heard []string
	var numbers []int
	s := New(holding(t), func(op Op, name string, n int) Fault {
		heard, numbers = append(heard, string(op)+" "+name), append(numbers, n)
		return None
	})
	for _, op := range []Op{Get, Finish, Put, List, Get} {
		if err := requests[op](t.Context(), s); err != nil && op != Put {
			t.Error(err)
		}
	}
	want := []string{"get x", "create new", "finish new", "put new", "list x", "get x"}
	if !slices.Equal(heard, want) || !slices.Equal(numbers, []int{1, 2, 3, 4, 5, 6}) {
		t.Errorf("heard %q as %v, want %q", heard, numbers, want)
	}
	if s.Count(Get) != 2 || s.Count(Put) != 1 || s.Count(Delete) != 0 {
		t.Errorf("counted %d, %d, %d", s.Count(Get), s.Count(Put), s.Count(Delete))
	}
}

// A request that fails by itself has its own error: a refusal is no lost answer.
func TestAFaultAfterDoesNotHideARefusal(t *testing.T) {
	s := New(holding(t), func(Op, string, int) Fault { return After })
	if err := s.PutIfAbsent(t.Context(), "x", nil); !errors.Is(err, objstore.ErrExists) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.Swap(t.Context(), "x", "", nil); !errors.Is(err, objstore.ErrChanged) {
		t.Errorf("swap: %v", err)
	}
	if _, _, err := s.Get(t.Context(), "none"); !errors.Is(err, objstore.ErrNotFound) {
		t.Errorf("get: %v", err)
	}
}

func TestAFlippedBitIsSeenByTheReaderOnly(t *testing.T) {
	inner := holding(t)
	data, _, err := New(inner, on(Get, Flip)).Get(t.Context(), "x")
	if err != nil || string(data) != "acc" {
		t.Errorf("%q, %v", data, err)
	}
	p := make([]byte, 3)
	if err := New(inner, on(ReadAt, Flip)).ReadAt(t.Context(), "x", p, 0); err != nil || string(p) != "acc" {
		t.Errorf("%q, %v", p, err)
	}
	if data, _, err := inner.Get(t.Context(), "x"); err != nil || string(data) != "abc" {
		t.Errorf("%q, %v", data, err)
	}
	must(t, New(inner, on(ReadAt, Flip)).ReadAt(t.Context(), "x", nil, 0)) // no bit to flip
}

func TestAfterStopEveryRequestFailsAndNothingChanges(t *testing.T) {
	inner := holding(t)
	s := New(inner, nil)
	open, err := s.Create(t.Context(), "begun")
	must(t, err)
	s.Stop()
	if err := open.Finish(); !errors.Is(err, ErrInjected) {
		t.Errorf("the end of what was begun before: %v", err)
	}
	for op, request := range requests {
		if err := request(t.Context(), s); !errors.Is(err, ErrInjected) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if got := names(t, inner); got != "x" {
		t.Errorf("there is %q", got)
	}
}
