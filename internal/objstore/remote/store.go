package remote

import (
	"context"
	"iter"
	"strings"
	"sync/atomic"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Store is an object store that is reached by requests of a protocol.
type Store struct {
	Kind
	place    string // without parameters, for messages
	prefix   string // empty, or with a slash at its end
	protocol Protocol
	lost     atomic.Pointer[error] // why this process may not write: another one took over its lease
}

var _ objstore.Store = (*Store)(nil)

// New returns the store of the keys that begin with a prefix (empty, or with a slash at its end). The place is what
// errors call it.
func New(k Kind, place, prefix string, p Protocol) *Store {
	return &Store{Kind: k, place: place, prefix: prefix, protocol: p}
}

// String implements objstore.Store.
func (s *Store) String() string { return s.place }

// Near implements objstore.Store: each request goes over a network.
func (s *Store) Near() bool { return false }

// key returns the key of an object.
func (s *Store) key(name string) string { return s.prefix + name }

// check refuses what must not become a request.
func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return objstore.CheckName(name)
}

// checkWrite is check for requests that change the store.
func (s *Store) checkWrite(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if lost := s.lost.Load(); lost != nil {
		return *lost
	}
	return nil
}

// Stat implements objstore.Store.
func (s *Store) Stat(ctx context.Context, name string) (objstore.Object, error) {
	if err := check(ctx, name); err != nil {
		return objstore.Object{}, err
	}
	h, err := s.head(ctx, name)
	if err != nil {
		return objstore.Object{}, s.explain(ctx, s.Requests.Head, name, err)
	}
	return objstore.Object{Name: name, Size: h.Size}, nil
}

func (s *Store) head(ctx context.Context, name string) (h Head, err error) {
	_, err = s.repeat(ctx, func() error {
		h, err = s.protocol.Head(ctx, s.key(name))
		return err
	})
	return h, err
}

// List implements objstore.Store. Keys beneath the prefix that are no names of objects are not ours, and left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		last := ""
		for o, err := range s.keys(ctx, prefix) {
			o.Name = strings.TrimPrefix(o.Name, s.prefix)
			if err == nil && objstore.CheckName(o.Name) != nil {
				continue
			}
			if err == nil && o.Name <= last {
				err = s.unsorted(prefix)
			}
			last = o.Name
			if err != nil {
				o = objstore.Object{}
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

// keys yields what the server lists, page by page.
func (s *Store) keys(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		for from, more := "", true; more; {
			var page Page
			_, err := s.repeat(ctx, func() (err error) {
				page, err = s.protocol.List(ctx, s.key(prefix), from)
				return err
			})
			if err != nil {
				yield(objstore.Object{}, s.explain(ctx, s.Requests.List, prefix, err))
				return
			}
			for _, o := range page.Objects {
				if !yield(o, nil) {
					return
				}
			}
			from, more = page.Next, page.Next != ""
		}
	}
}

// unsorted refuses a store whose lists have no order.
func (s *Store) unsorted(prefix string) error {
	return base.Errorf(base.Config, "%s %s/%s: the list is not in the order of the names: use %s",
		s.Requests.List, s, prefix, s.Condition)
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.checkWrite(ctx, name); err != nil {
		return err
	}
	_, err := s.repeat(ctx, func() error { return s.protocol.Delete(ctx, s.key(name)) })
	if err != nil && !s.missing(err) {
		return s.explain(ctx, s.Requests.Delete, name, err)
	}
	return nil
}

// missing reports that there is no such object or upload.
func (s *Store) missing(err error) bool {
	v := s.protocol.Judge(err)
	return v.Missing && v.Advice == nil
}
