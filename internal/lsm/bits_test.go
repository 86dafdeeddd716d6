package lsm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// pinned is a state whose largest table is to be damaged: entries, some of which a newer table deletes or replaces.
type pinned struct {
	store *mem.Store
	list  List
	keys  [][]byte // half of them present
	want  map[string]string
	name  string // of the largest table
	bytes int64
}

func newPinned(t *testing.T, rng *rand.Rand, entries int) *pinned {
	t.Helper()
	p := &pinned{store: mem.New(), want: map[string]string{}}
	res := resources(t, p.store)
	res.tune = quiet
	s, err := OpenShard(t.Context(), res, "p/1", all)
	must(t, err)
	n := 0
	newName := func() string { n++; return fmt.Sprint("tables/", n) }
	write := func(f func(*TableSet)) {
		set := NewTableSet(t.Context(), p.store, newName)
		f(set)
		tables, err := set.Finish()
		must(t, err)
		must(t, s.Ingest(t.Context(), tables))
	}
	write(func(set *TableSet) {
		for i := range entries {
			k, v := fmt.Appendf(nil, "k%06d", 2*i), fmt.Sprint(rng.IntN(10), strings.Repeat("0123456789", 60))
			p.keys = append(p.keys, k, fmt.Appendf(nil, "k%06d", 2*i+1))
			p.want[string(k)] = v
			must(t, set.Set(k, []byte(v)))
		}
	})
	write(func(set *TableSet) {
		must(t, set.DeleteRange(p.keys[100], p.keys[150]))
		for _, k := range p.keys[100:150] {
			delete(p.want, string(k))
		}
		for i := 1; i < 100; i += 2 {
			p.want[string(p.keys[i])] = "new"
			must(t, set.Set(p.keys[i], []byte("new")))
		}
	})
	p.list, err = s.Export(t.Context())
	must(t, err)
	must(t, s.Close())
	largest := slices.MaxFunc(p.list.Objects, func(a, b Object) int { return int(a.Bytes - b.Bytes) })
	p.name, p.bytes = largest.Name, largest.Bytes
	return p
}

// read reads all keys over a store in each way. It returns the errors; a wrong value or a missing one without an error
// fails the test.
func (p *pinned) read(t *testing.T, store *mem.Store, what string) error {
	t.Helper()
	res, err := NewResources(store, 8*mib, 1, 1)
	must(t, err)
	defer res.Close()
	res.tune = quiet
	s, err := OpenShard(t.Context(), res, "damaged", all, p.list)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	check := func(way string, read func(see func(k, v []byte) error) error) error {
		seen := map[string]bool{}
		err := read(func(k, v []byte) error {
			if w, ok := p.want[string(k)]; !ok || w != string(v) || seen[string(k)] {
				t.Errorf("%s: %s: %s is %q, want %q (present %v)", what, way, k, v, w, ok)
			}
			seen[string(k)] = true
			return nil
		})
		if err == nil && len(seen) != len(p.want) {
			t.Errorf("%s: %s: %d of %d keys and no error", what, way, len(seen), len(p.want))
		}
		return err
	}
	grouped := check("group", func(see func(k, v []byte) error) error {
		return s.Read(t.Context(), p.keys, func(i int, v []byte) error { return see(p.keys[i], v) })
	})
	single := check("single keys", func(see func(k, v []byte) error) (all error) {
		for i, failed := 0, 0; i < len(p.keys) && failed < 3; i++ {
			k := p.keys[i : i+1]
			if err := s.Read(t.Context(), k, func(_ int, v []byte) error { return see(k[0], v) }); err != nil {
				failed, all = failed+1, err
			}
		}
		return all
	})
	scanned := check("scan", func(see func(k, v []byte) error) error { return s.Scan(t.Context(), all, see) })
	for _, err := range []error{grouped, single, scanned} {
		if err != nil && (base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), p.name) ||
			strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %v (kind %v) does not name %s", what, err, base.KindOf(err), p.name)
		}
	}
	return errors.Join(grouped, single, scanned)
}

// flipped returns a copy of the store in which a bit of the largest table is another.
func (p *pinned) flipped(t *testing.T, at int64, bit int) *mem.Store {
	t.Helper()
	store := p.store.Clone()
	data, _, err := store.Get(t.Context(), p.name)
	must(t, err)
	data[at] ^= 1 << bit
	must(t, store.Delete(t.Context(), p.name))
	must(t, store.PutIfAbsent(t.Context(), p.name, data))
	return store
}

func TestNoFlippedBitOfATableMakesAReadGiveWhatWasNotWritten(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	p := newPinned(t, rng, 500)
	if err := p.read(t, p.store, "nothing flipped"); err != nil {
		t.Fatal(err)
	}
	for i := range 20 / slow {
		at := rng.Int64N(p.bytes)
		if i%2 == 0 { // the end: filter, index, properties and footer
			at = p.bytes - 1 - rng.Int64N(p.bytes/4)
		}
		bit := rng.IntN(8)
		what := fmt.Sprintf("bit %d of byte %d of %d", bit, at, p.bytes)
		// What only statistics are made of is not looked at. The first half of the table has nothing but entries.
		if p.read(t, p.flipped(t, at, bit), what) == nil && at < p.bytes/2 {
			t.Error(what, "is not noticed")
		}
	}
}
