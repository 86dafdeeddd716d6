// Package fault is an object store that misbehaves on purpose, around any other.
//
// What always holds: without a fault it is the store it wraps; with one, exactly the request that the hook chose
// fails, in the way that the hook chose. After Stop every request fails and changes nothing, which is what a
// crash looks like from inside.
package fault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Op is a kind of request.
type Op string

// The kinds of requests.
const (
	ReadAt Op = "read"
	Get    Op = "get"
	Stat   Op = "stat"
	Create Op = "create" // the begin of an object
	Write  Op = "write"  // a part of it
	Finish Op = "finish" // its end
	Put    Op = "put"
	Swap   Op = "swap"
	List   Op = "list"
	Delete Op = "delete"
)

// Writes reports whether a request of the kind changes the store.
func (o Op) Writes() bool { return o == Finish || o == Put || o == Swap || o == Delete }

// Fault is what is to happen to a request.
type Fault uint8

const (
	// None lets it pass.
	None Fault = iota
	// Before fails it, undone.
	Before
	// After does it and then says that it failed.
	After
	// Flip changes a bit of what is read.
	Flip
)

// ErrInjected is in the chain of every error that this package makes.
var ErrInjected = errors.New("injected fault")

// Hook chooses the fault of a request; n counts requests from 1. It is called by one goroutine at a time.
type Hook func(op Op, name string, n int) Fault

// Store wraps another store.
type Store struct {
	objstore.Store
	mu      sync.Mutex
	hook    Hook
	n       int
	stopped bool
	counts  map[Op]int
}

// New wraps a store. A nil hook makes no faults.
func New(s objstore.Store, hook Hook) *Store {
	return &Store{Store: s, hook: hook, counts: map[Op]int{}}
}

// Stop makes every later request fail.
func (s *Store) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// Count is the number of requests of a kind so far.
func (s *Store) Count(op Op) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[op]
}

// fault asks the hook. The error is not nil if the request must not be done.
func (s *Store) fault(op Op, name string) (Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	s.counts[op]++
	f := None
	if s.hook != nil {
		f = s.hook(op, name, s.n)
	}
	if s.stopped {
		f = Before
	}
	if f == Before {
		return f, failure(op, name)
	}
	return f, nil
}

func failure(op Op, name string) error { return fmt.Errorf("%s %s: %w", op, name, ErrInjected) }

// do carries out a request, which is told its fault, and makes it fail before or after.
func (s *Store) do(op Op, name string, request func(Fault) error) error {
	f, err := s.fault(op, name)
	if err != nil {
		return err
	}
	err = request(f)
	if err == nil && f == After {
		err = failure(op, name)
	}
	return err
}

// ReadAt implements objstore.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	return s.do(ReadAt, name, func(f Fault) error {
		err := s.Store.ReadAt(ctx, name, p, off)
		if err == nil && f == Flip && len(p) > 0 {
			p[len(p)/2] ^= 1
		}
		return err
	})
}

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, name string) (data []byte, v objstore.Version, err error) {
	err = s.do(Get, name, func(f Fault) error {
		data, v, err = s.Store.Get(ctx, name)
		if err == nil && f == Flip && len(data) > 0 {
			data[len(data)/2] ^= 1
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return data, v, nil
}

// Stat implements objstore.Store.
func (s *Store) Stat(ctx context.Context, name string) (o objstore.Object, err error) {
	err = s.do(Stat, name, func(Fault) error { o, err = s.Store.Stat(ctx, name); return err })
	return o, err
}

// Create implements objstore.Store.
func (s *Store) Create(ctx context.Context, name string) (objstore.Writer, error) {
	f, err := s.fault(Create, name)
	if err != nil {
		return nil, err
	}
	w, err := s.Store.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	if f == After {
		w.Abort()
		return nil, failure(Create, name)
	}
	return &writer{w, s, name}, nil
}

type writer struct {
	objstore.Writer
	store *Store
	name  string
}

func (w *writer) Write(p []byte) (n int, err error) {
	err = w.store.do(Write, w.name, func(Fault) error { n, err = w.Writer.Write(p); return err })
	return n, err
}

func (w *writer) Finish() error {
	f, err := w.store.fault(Finish, w.name)
	if err != nil {
		w.Abort()
		return err
	}
	if err := w.Writer.Finish(); err != nil {
		return err
	}
	if f == After {
		return failure(Finish, w.name)
	}
	return nil
}

// PutIfAbsent implements objstore.Store.
func (s *Store) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	return s.do(Put, name, func(Fault) error { return s.Store.PutIfAbsent(ctx, name, data) })
}

// Swap implements objstore.Store.
func (s *Store) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (v objstore.Version, err error) {
	err = s.do(Swap, name, func(Fault) error { v, err = s.Store.Swap(ctx, name, old, data); return err })
	return v, err
}

// List implements objstore.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	f, err := s.fault(List, prefix)
	if err != nil {
		return func(yield func(objstore.Object, error) bool) { yield(objstore.Object{}, err) }
	}
	if f != After {
		return s.Store.List(ctx, prefix)
	}
	return func(yield func(objstore.Object, error) bool) {
		for o, err := range s.Store.List(ctx, prefix) {
			if !yield(o, err) || err != nil {
				return
			}
		}
		yield(objstore.Object{}, failure(List, prefix))
	}
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	return s.do(Delete, name, func(Fault) error { return s.Store.Delete(ctx, name) })
}
