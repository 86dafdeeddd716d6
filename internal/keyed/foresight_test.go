package keyed

import (
	"slices"
	"testing"
)

// foresight is a read of what the next record of a key may use, while somebody works on that key.
type foresight struct {
	ahead *Ahead
	slot  Slot
	read  bool
}

// foresee begins to read ahead, or goes on with it.
func (st *stage) foresee(t testing.TB) {
	if a := st.actors[st.rng.IntN(len(st.actors))]; a.holds && st.rng.IntN(3) == 0 {
		f := &foresight{ahead: st.NewAhead(), slot: a.slot}
		st.wantSome(f.ahead, a.slot)
		st.ahead = append(st.ahead, f)
		return
	}
	if len(st.ahead) == 0 {
		return
	}
	f := st.ahead[st.rng.IntN(len(st.ahead))]
	if !f.read {
		must(t, f.ahead.Read(t.Context(), st.below.shelf))
		f.read = true
		return
	}
	st.land(f)
}

// wantSome wants some of the state of a key.
func (st *stage) wantSome(a *Ahead, s Slot) {
	for range 1 + st.rng.IntN(4) {
		switch k := st.rng.Int64N(16); st.rng.IntN(8) {
		case 0, 1:
			st.entry.Want(a, s, k)
		case 2:
			st.entry.WantAll(a, s)
		case 3:
			st.list.Want(a, s)
		case 4:
			st.sum.Want(a, s)
		case 5:
			st.timed.entry.Want(a, s, k)
		case 6:
			st.timed.list.Want(a, s)
		default:
			st.timed.sum.Want(a, s)
		}
	}
}

// land takes what has been read.
func (st *stage) land(f *foresight) {
	if err := st.Take(f.ahead); err != nil && st.wrong == "" {
		st.wrong = err.Error()
	}
	st.ahead = slices.DeleteFunc(st.ahead, func(o *foresight) bool { return o == f })
}

// leave ends an actor's work on a key. What was wanted for it is given up: without a read, nothing comes.
func (st *stage) leave(a *actor) {
	st.ahead = slices.DeleteFunc(st.ahead, func(f *foresight) bool { return f.slot == a.slot })
	a.holds = false
	st.Release(a.slot)
}
