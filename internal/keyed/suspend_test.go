package keyed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// drowsy is a shelf that gives the turn away in every call: before it looks, and after.
type drowsy struct {
	*shelf
	rng   *rand.Rand
	now   *actor // whose turn it is
	given []byte
}

var errStopped = errors.New("the job has ended")

// pause lets others go on for some time.
func (d *drowsy) pause() error {
	a := d.now
	for range d.rng.IntN(4) {
		if a.stopped = a.stopped || !a.yield(struct{}{}); a.stopped {
			return errStopped
		}
	}
	return nil
}

// Get implements Yielding. What it gives out is valid for as long as it has to be.
func (d *drowsy) Get(key []byte) (value []byte, there bool, err error) {
	clear(d.given)
	key = bytes.Clone(key)
	if err := d.pause(); err != nil {
		return nil, false, err
	}
	if value, there, err = Get(context.Background(), d.shelf, key); err != nil {
		return nil, false, err
	}
	err = d.pause()
	d.given = value
	return value, there, err
}

// Yield implements Yielding.
func (d *drowsy) Yield(read func(Below) error) error {
	if err := d.pause(); err != nil {
		return err
	}
	return errors.Join(read(d.shelf), d.pause())
}

// actor works on one key after the other, as records do.
type actor struct {
	yield   func(struct{}) bool
	next    func() (struct{}, bool)
	stop    func()
	stopped bool
	busy    string // the key that it works on
	slot    Slot   // of that, once it is held
	holds   bool
}

// stage is a store with actors, and what its state should be.
type stage struct {
	*Store[string]
	rng    *rand.Rand
	below  *drowsy
	actors []*actor
	queue  []*Frozen
	given  int // of the queue: those whose changes can be read below
	wrong  string
	update Update
	ahead  []*foresight

	entry *Map[int64, string]
	list  *List[string]
	sum   *Sum[string]
	timed struct {
		entry *TimedMap[int64, string]
		list  *TimedList[string]
		sum   *TimedSum[string]
	}
	model map[string]*played
	time  int64
	// looping is how many actors go through something, which should not expire meanwhile.
	looping int
}

// played is what a key should have.
type played struct {
	entries, timedEntries map[int64]fleeting
	rows, timedRows       []fleeting
	sum, timedSum         fleeting
}

// fleeting is a value with when it expires; 0 for never.
type fleeting struct {
	text  string
	until int64
}

const stageTTL = 40

func newStage(t testing.TB, seed uint64) *stage {
	rng := rand.New(rand.NewPCG(seed, 7))
	st := &stage{rng: rng, model: map[string]*played{}, time: 1000, update: Update(rng.IntN(3))}
	st.open(t, &shelf{m: map[string]string{}}, 0)
	for range 4 {
		a := &actor{}
		a.next, a.stop = iter.Pull(func(yield func(struct{}) bool) {
			a.yield = yield
			for yield(struct{}{}) && st.wrong == "" {
				st.act(a)
			}
		})
		st.actors = append(st.actors, a)
	}
	return st
}

// open opens the store over what lies below.
func (st *stage) open(t testing.TB, below *shelf, checkpoint uint64) {
	st.below = &drowsy{shelf: below, rng: st.rng}
	var err error
	st.Store, err = NewStore[string](Config{
		Operator: 7, Name: "stage", MaxParallelism: 2, Groups: base.KeyGroupRange{End: 2}, Budget: NewBudget(1),
		Context: t.Context(), Below: below, Yielding: st.below, Restored: checkpoint > 0, Checkpoint: checkpoint,
	})
	must(t, err)
	st.At(st.time)
	join := func(into, from *string) { *into += *from }
	ttl := TTL{stageTTL * time.Millisecond, st.update}
	_, err = NewColumn[string](st, "value")
	must(t, err)
	st.entry, err = NewMap[int64, string](st, "entry")
	must(t, err)
	st.list, err = NewList[string](st, "list")
	must(t, err)
	st.sum, err = NewSum(st, "sum", join)
	must(t, err)
	st.timed.entry, err = NewTimedMap[int64, string](st, "timed entry", ttl)
	must(t, err)
	st.timed.list, err = NewTimedList[string](st, "timed list", TTL{ttl.After, OnWrite})
	must(t, err)
	st.timed.sum, err = NewTimedSum(st, "timed sum", ttl, join)
	must(t, err)
}

// act is one record of some key: its state is brought, then its user code runs.
func (st *stage) act(a *actor) {
	key := fmt.Sprint("key-", st.rng.IntN(12))
	for slices.ContainsFunc(st.actors, func(o *actor) bool { return o.busy == key }) {
		key += "'"
	}
	a.busy = key
	defer func() { a.busy = "" }()
	if st.model[key] == nil {
		st.model[key] = &played{entries: map[int64]fleeting{}, timedEntries: map[int64]fleeting{}}
	}
	var slots [1]Slot
	ahead := st.Find([]string{key}, []uint64{st.Hash(key)}, slots[:])
	st.Hold(slots[0])
	a.slot, a.holds = slots[0], true
	defer st.leave(a)
	if ahead != nil {
		err := errors.Join(ahead.Read(context.Background(), st.below.shelf), st.below.pause())
		if a.stopped {
			return
		}
		if err = errors.Join(err, st.Take(ahead)); err != nil {
			st.wrong = err.Error()
			return
		}
	}
	for range 1 + st.rng.IntN(6) {
		err := st.operate(slots[0], st.model[key])
		if err = errors.Join(err, st.Failure(slots[0])); err != nil {
			if !errors.Is(err, errStopped) && st.wrong == "" {
				st.wrong = fmt.Sprint(key, ": ", err)
			}
			return
		}
	}
}

// differ is an error if two things are not the same.
func differ(what string, got, want any) error {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		return fmt.Errorf("%s is %.200s, want %.200s", what, g, w)
	}
	return nil
}

// play gives actors, snapshots and evictions their turns, and returns what went wrong.
func (st *stage) play(t testing.TB, steps int) string {
	defer func() {
		for _, a := range st.actors {
			st.below.now = a
			a.stop()
		}
	}()
	for n := range uint64(steps) {
		switch st.rng.IntN(40) {
		case 0, 1:
			st.queue = append(st.queue, st.Freeze())
		case 2, 3, 4:
			st.advance(t)
		case 5:
			st.squeeze()
		case 6:
			st.expire(t)
		case 7, 8, 9:
			st.foresee(t)
		case 10:
			if st.rng.IntN(20) == 0 {
				st.restart(t, n+1)
			}
		default:
			st.resume(st.actors[st.rng.IntN(len(st.actors))])
		}
		if st.wrong != "" {
			return st.wrong
		}
	}
	return ""
}

func (st *stage) resume(a *actor) {
	st.below.now = a
	a.next()
}

// advance lets the oldest snapshot go on: it is written, or can be read, or all fail.
func (st *stage) advance(t testing.TB) {
	switch {
	case len(st.queue) == 0:
	case st.given > 0:
		st.queue[0].Done()
		st.queue, st.given = st.queue[1:], 0
	case st.rng.IntN(8) == 0:
		for _, f := range st.queue {
			f.Release()
		}
		st.queue = nil
	default:
		out := &tape{}
		must(t, st.queue[0].WriteTo(out))
		st.below.apply(out.entries)
		st.given = 1
	}
}

// squeeze forgets what can be forgotten.
func (st *stage) squeeze() {
	for p := range st.Parts() {
		st.entry.dir.sweep(p, st.entry.evictable, st.entry.evictEntry)
		sweepPart(st.list.chunks, p)
		sweepPart(st.timed.entry.Map, p)
		sweepPart(st.timed.list.chunks, p)
		st.makeRoom(p)
	}
}

func sweepPart[MK comparable, V any](m *Map[MK, V], p int) { m.dir.sweep(p, m.evictable, m.evictEntry) }

// expire lets time go on and removes what has expired, in memory and below.
func (st *stage) expire(t testing.TB) {
	if st.looping > 0 {
		return
	}
	st.time += st.rng.Int64N(stageTTL / 2)
	st.At(st.time)
	for range rounds {
		st.Sweep()
	}
	var suspects [][]byte
	for k, v := range st.below.m {
		if _, until, ok, _, _ := base.SplitValue([]byte(v)); ok && until <= st.time {
			suspects = append(suspects, []byte(k))
		}
	}
	must(t, st.Expire(suspects))
}

// restart ends all that is under way, takes a checkpoint, and goes on from it with another store.
func (st *stage) restart(t testing.TB, checkpoint uint64) {
	for _, a := range st.actors {
		for a.busy != "" && st.wrong == "" {
			st.resume(a)
		}
	}
	st.queue = append(st.queue, st.Freeze())
	for len(st.queue) > 0 {
		out := &tape{}
		must(t, st.queue[0].WriteTo(out))
		st.below.apply(out.entries)
		st.queue[0].Done()
		st.queue = st.queue[1:]
	}
	st.given = 0
	st.open(t, st.below.shelf, checkpoint)
}

// smallStretches makes maps and lists of a few entries large.
func smallStretches(t testing.TB) {
	most := stretchMost
	stretchMost.entries = 5
	t.Cleanup(func() { stretchMost = most })
}

// staged is a history of records that wait for state, and what went wrong in it.
func staged(t testing.TB, seed uint64) string { return newStage(t, seed).play(t, 3000) }

func TestRecordsThatWaitForStateLeaveEachOthersStateAlone(t *testing.T) {
	smallStretches(t)
	tellEach(t, 8, staged)
}

// Each of these would lose or bring back what a record wrote.
func TestFaultsOfReadsThatGiveTheTurnAwayAreFound(t *testing.T) {
	smallStretches(t)
	for _, fault := range []struct {
		name  string
		plant func(there bool)
	}{
		{"what is gone through is evicted", func(there bool) { evictKept = there }},
		{"tombstones of what is gone through are reclaimed", func(there bool) { reclaimKept = there }},
		{"a key that was evicted is taken for new", forgetEvicted},
	} {
		t.Run(strings.ReplaceAll(fault.name, " ", "-"), func(t *testing.T) {
			fault.plant(true)
			defer fault.plant(false)
			for seed := range uint64(60) {
				if wrong := staged(t, seed); wrong != "" {
					t.Logf("seed %d: %s", seed, wrong)
					return
				}
			}
			t.Error("a store with this fault passes")
		})
	}
}
