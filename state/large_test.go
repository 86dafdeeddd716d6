package state

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// tables take what a store writes, and fail when they are told to.
type tables struct {
	keys, values [][]byte
	fail         error
}

func (b *tables) Set(k, v []byte) error {
	b.keys, b.values = append(b.keys, bytes.Clone(k)), append(b.values, bytes.Clone(v))
	return nil
}

func (b *tables) Delete([]byte) error              { return errors.New("nothing is deleted here") }
func (b *tables) DeleteRange([]byte, []byte) error { return errors.New("nothing is deleted here") }

func (b *tables) Read(_ context.Context, keys [][]byte, found func(int, []byte) error) error {
	for i, k := range keys {
		if at, ok := slices.BinarySearchFunc(b.keys, k, bytes.Compare); ok {
			if err := found(i, b.values[at]); err != nil {
				return err
			}
		}
	}
	return b.fail
}

func (b *tables) Scan(_ context.Context, start, end []byte, visit func(k, v []byte) error) error {
	at, _ := slices.BinarySearchFunc(b.keys, start, bytes.Compare)
	for ; at < len(b.keys) && bytes.Compare(b.keys[at], end) < 0; at++ {
		if b.fail != nil {
			return b.fail
		}
		if err := visit(b.keys[at], b.values[at]); err != nil {
			return err
		}
	}
	return nil
}

// large is a map and a list that are too large to be kept in memory, after a restore.
func large(t *testing.T) (*desk, *tables, Map[int64, string], List[string]) {
	t.Helper()
	below := &tables{}
	open := func(checkpoint uint64) (*desk, Map[int64, string], List[string]) {
		store, err := keyed.NewStore[string](keyed.Config{
			Name: "op", MaxParallelism: 4, Groups: base.KeyGroupRange{End: 4}, Below: below,
			Context: context.Background(), Restored: len(below.keys) > 0, Checkpoint: checkpoint,
		})
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{t, store, NewScope(store), flow.NewContext(context.Background(), nil)}
		return d, must(NewMap[int64, string](d.scope, "map")), must(NewList[string](d.scope, "list"))
	}
	d, m, l := open(0)
	ctx := d.at("a")
	for n := range int64(5000) {
		if err := errors.Join(m.Set(ctx, n, "entry"), l.Append(ctx, strings.Repeat("row ", 100))); err != nil {
			t.Fatal(err)
		}
	}
	f := d.store.Freeze()
	if err := f.WriteTo(below); err != nil {
		t.Fatal(err)
	}
	f.Done()
	d, m, l = open(1)
	return d, below, m, l
}

// through counts what comes until the tables below fail.
func through(d *desk, below *tables) (entry func(int64, string) bool, row func(string) bool, n *int) {
	n = new(int)
	one := func() bool { *n++; below.fail = errors.New("down"); return true }
	return func(int64, string) bool { return one() }, func(string) bool { return one() }, n
}

func TestWhatIsTooLargeToKeepComesFromBelow(t *testing.T) {
	d, _, m, l := large(t)
	ctx, entries, rows := d.at("a"), 0, 0
	for range must(m.All(ctx)) {
		entries++
	}
	for range must(l.All(ctx)) {
		rows++
	}
	slot, _ := ctx.Slot()
	if err := d.store.Failure(keyed.Slot(slot)); entries != 5000 || rows != 5000 || err != nil {
		t.Errorf("%d entries, %d rows, %v", entries, rows, err)
	}
	if n, k := must(m.Len(ctx)), must(l.Len(ctx)); n != 5000 || k != 5000 {
		t.Errorf("%d entries and %d rows are counted", n, k)
	}
	if bytes := d.store.Bytes(); bytes > 500_000 {
		t.Errorf("%d bytes stay in memory", bytes)
	}
}

// The engine asks the store for the reason and fails the call.
func TestAnIterationThatCannotBeReadToItsEndSaysSoAfterwards(t *testing.T) {
	d, below, m, l := large(t)
	ctx := d.at("a")
	slot, _ := ctx.Slot()
	entries, rows := must(m.All(ctx)), must(l.All(ctx))
	entry, row, n := through(d, below)
	entries(entry)
	if err := d.store.Failure(keyed.Slot(slot)); err == nil || *n == 0 || *n == 5000 {
		t.Errorf("the map ended after %d entries, %v", *n, err)
	}
	below.fail, *n = nil, 0
	rows(row)
	err := d.store.Failure(keyed.Slot(slot))
	if want := `operator "op": read state: down`; err == nil || err.Error() != want || *n == 0 || *n == 5000 {
		t.Errorf("the list ended after %d rows, %v", *n, err)
	}
	if _, err := m.All(ctx); err == nil {
		t.Error("an iteration began that cannot be read")
	}
}
