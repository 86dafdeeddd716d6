package objstore

import (
	"context"
	"errors"
	"iter"
)

// Errors that callers tell apart; backends wrap them with the request and the name.
var (
	// ErrNotFound means that there is no object of that name.
	ErrNotFound = errors.New("object not found")
	// ErrExists is the refusal of PutIfAbsent: an object of that name is there already.
	ErrExists = errors.New("object exists")
	// ErrChanged is the refusal of Swap: the object is not at the given version.
	ErrChanged = errors.New("object changed")
	// ErrLocked means that another live process uses the store.
	ErrLocked = errors.New("in use by another live process")
)

// Version identifies the content of an object for Swap. The zero Version stands for "no object".
type Version string

// Object is what List tells of an object.
type Object struct {
	Name string
	Size int64
}

// Store is an object store. All methods are safe for concurrent use, and honour the context's end.
type Store interface {
	// ReadAt fills p with the object's bytes from offset off on, whole or with an error.
	ReadAt(ctx context.Context, name string, p []byte, off int64) error

	// Get returns a whole (small) object and its version.
	Get(ctx context.Context, name string) ([]byte, Version, error)

	// Stat returns the object's size in bytes.
	Stat(ctx context.Context, name string) (Object, error)

	// Create begins an object of any size. It becomes visible at Finish, replacing nothing: an
	// object that is there already makes Finish fail with ErrExists.
	Create(ctx context.Context, name string) (Writer, error)

	// PutIfAbsent writes a small object, or fails with ErrExists. When an error other than ErrExists
	// comes back, it may or may not have been written.
	PutIfAbsent(ctx context.Context, name string, data []byte) error

	// Swap replaces the object at version old (the zero Version: creates it) and returns the new version,
	// or fails with ErrChanged. When any other error comes back, it may or may not have been replaced.
	Swap(ctx context.Context, name string, old Version, data []byte) (Version, error)

	// List yields the objects whose names begin with prefix, in the order of their names. The
	// iteration ends after the first error.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Delete removes an object. Deleting what is not there is no error.
	Delete(ctx context.Context, name string) error

	// Lock claims the store for this process until the returned function is called or the process
	// ends, or fails with ErrLocked. It guards against mistakes; safety rests on Swap.
	Lock(ctx context.Context) (release func() error, err error)

	// Near reports whether the store is on this machine: then reads wait for little else than a processor, and more of
	// them at a time than keep the processors busy are of no use.
	Near() bool

	// String describes the store for messages, without secrets.
	String() string
}

// Writer receives the bytes of one object. It is used by one goroutine at a time. Exactly one of Finish
// and Abort ends it.
type Writer interface {
	// Write appends p, which may be reused afterwards.
	Write(p []byte) (int, error)
	// Finish makes the object durable and visible.
	Finish() error
	// Abort drops what was written.
	Abort()
}
