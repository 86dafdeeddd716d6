package flow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// folded is a batch that a function fills through a collector that folds.
type folded struct {
	batch         Batch[Change[int]]
	ctx           *Context
	out           Collector[Change[int]]
	sent, vacated uint64
}

func newFolded() *folded {
	f := &folded{ctx: NewContext(context.Background(), nil)}
	f.out = NewCollector(&f.batch, &f.ctx.Time).Folding(NewFold(&f.sent, &f.vacated))
	return f
}

// update is one of the key in a slot; negative numbers are no row.
func (f *folded) update(slot uint32, before, after int) {
	row := func(n int) *int {
		if n < 0 {
			return nil
		}
		return &n
	}
	f.ctx.Enter(slot, int64(after))
	Update(f.ctx, f.out, row(before), row(after))
	f.ctx.Leave()
}

func (f *folded) text() (s string) {
	for i, c := range f.batch.Rows {
		s += fmt.Sprintf("%v%d@%d ", c.Kind, c.Row, f.batch.Times[i])
	}
	return s
}

func TestUpdatesOfAKeyInABatchAreOne(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(f *folded)
		want string
	}{
		"new":               {func(f *folded) { f.update(1, -1, 5); f.update(1, 5, 6) }, "+I6@6 "},
		"changed":           {func(f *folded) { f.update(1, 4, 5); f.update(1, 5, 6) }, "-U4@5 +U6@6 "},
		"of two keys":       {func(f *folded) { f.update(1, 4, 5); f.update(2, 5, 6) }, "-U4@5 +U5@5 -U5@6 +U6@6 "},
		"in one place":      {func(f *folded) { f.update(1, 4, 5); f.update(1+places, 5, 6) }, "-U4@5 +U5@5 -U5@6 +U6@6 "},
		"gone":              {func(f *folded) { f.update(1, -1, 5); f.update(1, 5, -1) }, "+I5@5 -D5@-1 "},
		"gone and come":     {func(f *folded) { f.update(1, 5, -1); f.update(1, -1, 6) }, "-D5@-1 +I6@6 "},
		"nothing":           {func(f *folded) { f.update(1, -1, -1) }, ""},
		"the batch is sent": {func(f *folded) { f.update(1, 4, 5); f.sent++; f.update(1, 5, 6) }, "-U4@5 +U5@5 -U5@6 +U6@6 "},
		"the slot is another key's": {
			func(f *folded) { f.update(1, 4, 5); f.vacated++; f.update(1, 7, 8) }, "-U4@5 +U5@5 -U7@8 +U8@8 ",
		},
	} {
		f := newFolded()
		if c.do(f); f.text() != c.want {
			t.Errorf("%s: %q, want %q", name, f.text(), c.want)
		}
	}
}

func TestWithoutAFoldUpdatesComeOneByOne(t *testing.T) {
	f := newFolded()
	f.out = NewCollector(&f.batch, &f.ctx.Time)
	f.update(1, -1, 5)
	f.update(1, 5, 6)
	if got := f.text(); got != "+I5@5 -U5@6 +U6@6 " {
		t.Errorf("%q", got)
	}
}

func TestFoldedChangesAddUpToTheSameTable(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for i := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, i))
		f, table, now := newFolded(), map[int]int64{}, map[uint32]int{}
		add := func() {
			for _, c := range f.batch.Rows {
				table[c.Row] += c.Kind.Weight()
			}
			f.batch.Reset()
			f.sent++
		}
		for range 200 {
			slot := uint32(rng.IntN(3) * places / 2)
			had, ok := now[slot]
			if !ok {
				had = -1
			}
			now[slot] = rng.IntN(5) - 1
			if f.update(slot, had, now[slot]); rng.IntN(20) == 0 {
				add()
			}
		}
		add()
		for _, row := range now {
			table[row]--
		}
		for row, n := range table {
			if n != 0 && row >= 0 {
				t.Fatalf("seed %d, %d: row %d is there %d times too often", seed, i, row, n)
			}
		}
	}
}

func TestKindsHaveTheirShortForms(t *testing.T) {
	for k, want := range map[Kind]string{Insert: "+I 1", UpdateBefore: "-U -1", UpdateAfter: "+U 1", Delete: "-D -1", 9: "? 1"} {
		if got := fmt.Sprint(k, " ", k.Weight()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
