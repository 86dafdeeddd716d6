package multimap

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/state"
)

var histories = flag.Uint64("multimap.histories", 1, "how many times as many random histories are run")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tables are what lies below a store, in memory. They count what they are asked for and given.
type tables struct {
	keys, values         [][]byte // in the order of keys
	reads, looked, scans int
	written              int
}

func (b *tables) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(b.keys, key, bytes.Compare)
}

func (b *tables) Set(k, v []byte) error {
	b.written++
	at, there := b.find(k)
	if !there {
		b.keys, b.values = slices.Insert(b.keys, at, bytes.Clone(k)), slices.Insert(b.values, at, nil)
	}
	b.values[at] = bytes.Clone(v)
	return nil
}

func (b *tables) Delete(k []byte) error {
	if at, there := b.find(k); there {
		b.keys, b.values = slices.Delete(b.keys, at, at+1), slices.Delete(b.values, at, at+1)
	}
	return nil
}

func (b *tables) DeleteRange(start, end []byte) error {
	from, _ := b.find(start)
	to, _ := b.find(end)
	b.keys, b.values = slices.Delete(b.keys, from, to), slices.Delete(b.values, from, to)
	return nil
}

func (b *tables) Read(_ context.Context, keys [][]byte, found func(int, []byte) error) error {
	b.reads, b.looked = b.reads+1, b.looked+len(keys)
	for i, k := range keys {
		if at, there := b.find(k); there {
			if err := found(i, b.values[at]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *tables) Scan(_ context.Context, start, end []byte, visit func(k, v []byte) error) error {
	b.scans++
	at, _ := b.find(start)
	for ; at < len(b.keys) && (end == nil || bytes.Compare(b.keys[at], end) < 0); at++ {
		if err := visit(b.keys[at], b.values[at]); err != nil {
			return err
		}
	}
	return nil
}

// asked says what has been asked for since it was called last.
func (b *tables) asked() string {
	text := fmt.Sprintf("%d keys in %d reads, %d scans", b.looked, b.reads, b.scans)
	b.reads, b.looked, b.scans = 0, 0, 0
	return text
}

// subject is a store with a map of each kind.
type subject struct {
	t          testing.TB
	below      *tables
	budget     int64
	checkpoint uint64
	store      *keyed.Store[int64]
	ctx        *flow.Context
	m          Map[string]
	rows       Rows[string]
}

func newSubject(t testing.TB, budget int64) *subject {
	t.Helper()
	s := &subject{t: t, below: &tables{}, budget: budget}
	s.open()
	return s
}

func (s *subject) open() {
	s.t.Helper()
	var err error
	s.store, err = keyed.NewStore[int64](keyed.Config{
		Name: "op", MaxParallelism: 4, Groups: base.KeyGroupRange{End: 4}, Budget: keyed.NewBudget(s.budget),
		Context: s.t.Context(), Below: s.below, Restored: s.checkpoint > 0, Checkpoint: s.checkpoint,
	})
	must(s.t, err)
	scope := state.NewScope(s.store)
	defer scope.End()
	s.m, err = Open[string](scope, "map")
	must(s.t, err)
	s.rows, err = OpenRows[string](scope, "rows")
	must(s.t, err)
	s.ctx = flow.NewContext(s.t.Context(), nil)
}

// freeze writes what has changed, which may be forgotten from then on.
func (s *subject) freeze() {
	s.t.Helper()
	f := s.store.Freeze()
	must(s.t, f.WriteTo(s.below))
	f.Done()
}

// restart leaves nothing in memory.
func (s *subject) restart() {
	s.t.Helper()
	s.freeze()
	s.store.Close()
	s.checkpoint++
	s.open()
}

// at makes the context that of a key.
func (s *subject) at(key int64) *flow.Context {
	s.t.Helper()
	slots := make([]keyed.Slot, 1)
	must(s.t, s.store.Lookup([]int64{key}, []uint64{s.store.Hash(key)}, slots))
	s.ctx.Enter(uint32(slots[0]), 1)
	return s.ctx
}

// add adds a row, and says whether it is the first under its number.
func (s *subject) add(ctx *flow.Context, at int64, row string) (first bool) {
	s.t.Helper()
	first, err := s.m.Add(ctx, at, row)
	must(s.t, err)
	return first
}

// each are the rows under some numbers, up to so many.
func (s *subject) each(ctx *flow.Context, from, to int64, most int) string {
	s.t.Helper()
	var all []string
	must(s.t, s.m.Each(ctx, from, to, func(row *string) bool {
		all = append(all, *row)
		return len(all) < most
	}))
	return strings.Join(all, " ")
}

// tellEach tells n random histories, or as many times n as are asked for.
func tellEach(t *testing.T, n uint64, history func(t testing.TB, seed uint64)) {
	t.Helper()
	first := uint64(time.Now().UnixNano())
	for seed := first; seed < first+n**histories && !t.Failed(); seed++ {
		history(t, seed)
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	}
}
