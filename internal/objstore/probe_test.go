package objstore_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/dir"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

func TestSoundStoresPassTheProbeAndAreLeftEmpty(t *testing.T) {
	inDir, err := dir.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []objstore.Store{mem.New(), inDir} {
		for range 3 {
			if err := objstore.Probe(t.Context(), s); err != nil {
				t.Errorf("%s: %v", s, err)
			}
		}
		mustBeEmpty(t, s)
	}
}

func mustBeEmpty(t *testing.T, s objstore.Store) {
	t.Helper()
	for o, err := range s.List(t.Context(), "") {
		t.Errorf("%s is left (%v)", o.Name, err)
	}
}

// unsound is a store in memory that breaks one promise. A nil function keeps its promise.
type unsound struct {
	*mem.Store
	put  func(s *unsound, ctx context.Context, name string, data []byte) error
	swap func(
		s *unsound, ctx context.Context, name string, old objstore.Version, data []byte,
	) (objstore.Version, error)
	get    func(data []byte, v objstore.Version, err error) ([]byte, objstore.Version, error)
	readAt func(p []byte)
	size   func(size int64) int64
	list   func(all []objstore.Object) []objstore.Object
	delete func() (done bool)
}

func (s *unsound) String() string { return "the unsound store" }

func (s *unsound) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if s.put != nil {
		return s.put(s, ctx, name, data)
	}
	return s.Store.PutIfAbsent(ctx, name, data)
}

func (s *unsound) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	if s.swap != nil {
		return s.swap(s, ctx, name, old, data)
	}
	return s.Store.Swap(ctx, name, old, data)
}

func (s *unsound) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	data, v, err := s.Store.Get(ctx, name)
	if s.get != nil {
		return s.get(data, v, err)
	}
	return data, v, err
}

func (s *unsound) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	err := s.Store.ReadAt(ctx, name, p, off)
	if s.readAt != nil {
		s.readAt(p)
	}
	return err
}

func (s *unsound) Stat(ctx context.Context, name string) (objstore.Object, error) {
	o, err := s.Store.Stat(ctx, name)
	if s.size != nil {
		o.Size = s.size(o.Size)
	}
	return o, err
}

func (s *unsound) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	if s.list == nil {
		return s.Store.List(ctx, prefix)
	}
	return func(yield func(objstore.Object, error) bool) {
		var all []objstore.Object
		for o := range s.Store.List(ctx, prefix) {
			all = append(all, o)
		}
		for _, o := range s.list(all) {
			if !yield(o, nil) {
				return
			}
		}
	}
}

func (s *unsound) Delete(ctx context.Context, name string) error {
	if s.delete != nil && s.delete() {
		return nil
	}
	return s.Store.Delete(ctx, name)
}

// overwrite writes whatever is there, as a server does that does not know conditions.
func overwrite(s *unsound, ctx context.Context, name string, data []byte) (objstore.Version, error) {
	for {
		_, now, err := s.Store.Get(ctx, name)
		if err != nil && !errors.Is(err, objstore.ErrNotFound) {
			return "", err
		}
		if v, err := s.Store.Swap(ctx, name, now, data); !errors.Is(err, objstore.ErrChanged) {
			return v, err
		}
	}
}

func TestAStoreThatBreaksAPromiseIsRefusedByItsName(t *testing.T) {
	for story, c := range map[string]struct {
		promise string
		store   unsound
	}{
		"puts overwrite": {"put-if-absent", unsound{put: func(
			s *unsound, ctx context.Context, n string, d []byte,
		) error {
			_, err := overwrite(s, ctx, n, d)
			return err
		}}},
		"puts are refused always": {"put-if-absent", unsound{put: func(*unsound, context.Context, string, []byte) error {
			return objstore.ErrExists
		}}},
		"a refused put writes": {"put-if-absent", unsound{put: func(
			s *unsound, ctx context.Context, n string, d []byte,
		) error {
			err := s.Store.PutIfAbsent(ctx, n, d)
			if err != nil {
				_, _ = overwrite(s, ctx, n, []byte("other"))
			}
			return err
		}}},
		"swaps overwrite": {"compare-and-swap", unsound{swap: func(
			s *unsound, ctx context.Context, n string, _ objstore.Version, d []byte,
		) (objstore.Version, error) {
			return overwrite(s, ctx, n, d)
		}}},
		"swaps from nothing overwrite": {"compare-and-swap", unsound{swap: func(
			s *unsound, ctx context.Context, n string, old objstore.Version, d []byte,
		) (objstore.Version, error) {
			if old == "" {
				return overwrite(s, ctx, n, d)
			}
			return s.Store.Swap(ctx, n, old, d)
		}}},
		"a refused swap writes": {"compare-and-swap", unsound{swap: func(
			s *unsound, ctx context.Context, n string, old objstore.Version, d []byte,
		) (objstore.Version, error) {
			v, err := s.Store.Swap(ctx, n, old, d)
			if err != nil {
				_, _ = overwrite(s, ctx, n, []byte("other"))
			}
			return v, err
		}}},
		"gets find nothing": {"read-after-write", unsound{get: func(
			[]byte, objstore.Version, error,
		) ([]byte, objstore.Version, error) {
			return nil, "", objstore.ErrNotFound
		}}},
		"ranges are ignored": {"read-after-write", unsound{readAt: func(p []byte) { copy(p, "written by") }}},
		"sizes are wrong":    {"read-after-write", unsound{size: func(n int64) int64 { return n + 1 }}},
		"lists lag behind": {"list-after-write", unsound{list: func([]objstore.Object) []objstore.Object {
			return nil
		}}},
		"lists show sizes of 0": {"list-after-write", unsound{list: withoutSize}},
		"lists show it twice": {"list-after-write", unsound{list: func(all []objstore.Object) []objstore.Object {
			return append(all, all...)
		}}},
		"deletes do nothing": {"delete", unsound{delete: func() bool { return true }}},
		"lists show what was deleted": {"delete", unsound{list: func(all []objstore.Object) []objstore.Object {
			if len(all) == 0 {
				return []objstore.Object{{Name: "probe/deleted"}}
			}
			return all
		}}},
	} {
		t.Run(story, func(t *testing.T) {
			s := &c.store
			s.Store = mem.New()
			err := objstore.Probe(t.Context(), s)
			if base.KindOf(err) != base.Config {
				t.Fatalf("%v (kind %v)", err, base.KindOf(err))
			}
			refusal := "the unsound store does not keep the promise of " + c.promise + " ("
			for _, words := range []string{refusal, "use another store"} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q does not say %q", err, words)
				}
			}
			if s.delete == nil {
				mustBeEmpty(t, s.Store)
			}
		})
	}
}

func withoutSize(all []objstore.Object) []objstore.Object {
	for i := range all {
		all[i].Size = 0
	}
	return all
}

// Every request of a probe may fail: that is no breach of a promise, and the error is the request's own.
func TestAFailingRequestOfAProbeIsTold(t *testing.T) {
	counting := fault.New(mem.New(), nil)
	if err := objstore.Probe(t.Context(), counting); err != nil {
		t.Fatal(err)
	}
	for _, op := range []fault.Op{
		fault.Put, fault.Get, fault.Stat, fault.ReadAt, fault.Swap, fault.List, fault.Delete,
	} {
		if counting.Count(op) == 0 {
			t.Errorf("no %s was made", op)
		}
		for nth := range counting.Count(op) {
			below, seen := mem.New(), 0
			s := fault.New(below, func(o fault.Op, _ string, _ int) fault.Fault {
				if o == op {
					seen++
				}
				if o == op && seen == nth+1 {
					return fault.Before
				}
				return fault.None
			})
			err := objstore.Probe(t.Context(), s)
			if !errors.Is(err, fault.ErrInjected) || base.KindOf(err) != base.Failed {
				t.Errorf("%s %d fails: %v (kind %v)", op, nth+1, err, base.KindOf(err))
			}
			mustBeEmpty(t, below)
		}
	}
}

func TestTheEndOfTheContextEndsAProbe(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := objstore.Probe(ctx, mem.New()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
