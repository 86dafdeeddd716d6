package lsm_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/lsm"
)

// facts are all that state holds, as text: "kind key …" leads to a value.
type facts map[string]string

// region is one subtask of an operator: hot tables with a state of each kind, over a shard.
type region struct {
	groups base.KeyGroupRange
	keys   lsm.Range
	shard  *lsm.Shard
	stale  *lsm.Shard // of a planted bug

	store  *keyed.Store[string]
	value  *keyed.Column[int64]
	entry  *keyed.Map[int64, string]
	panes  *keyed.Panes[string, int64]
	timers *keyed.Timers
	sum    *keyed.Sum[string] // which is joined: the order shows
	list   *keyed.List[string]
}

// operator is the beginning of all table keys.
const operator = 7

func keysOf(groups base.KeyGroupRange) lsm.Range {
	bound := func(g base.KeyGroup) []byte {
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(nil, operator), uint16(g))
	}
	return lsm.Range{Start: bound(groups.Start), End: bound(groups.End)}
}

// below is what a region reads from.
type below struct {
	*lsm.Shard
	keys lsm.Range
}

func (b below) Scan(ctx context.Context, start, end []byte, visit func(key, value []byte) error) error {
	if end == nil {
		end = b.keys.End
	}
	return b.Shard.Scan(ctx, lsm.Range{Start: start, End: end}, visit)
}

// declare makes the states.
func (r *region) declare(config keyed.Config, namespaces []int64) {
	var err error
	r.store, err = keyed.NewStore[string](config)
	check(err)
	r.value, err = keyed.NewColumn[int64](r.store, "value")
	check(err)
	r.entry, err = keyed.NewMap[int64, string](r.store, "entry")
	check(err)
	r.panes, err = keyed.NewPanes[int64](r.store, "panes", namespaces)
	check(err)
	r.timers, err = keyed.NewTimers(r.store, "timers")
	check(err)
	r.sum, err = keyed.NewSum(r.store, "sum", func(into, from *string) { *into += *from })
	check(err)
	r.list, err = keyed.NewList[string](r.store, "list")
	check(err)
}

// close may be called again.
func (r *region) close() error {
	r.store.Close()
	if r.stale != nil {
		check(r.stale.Close())
	}
	return r.shard.Close()
}

// wrong is what a history ends with.
type wrong string

func check(err error) {
	if err != nil {
		panic(wrong(err.Error()))
	}
}

// same compares what was found with a fact.
func (m facts) same(name, got string, there bool) {
	if want, ok := m[name]; ok != there || got != want {
		panic(wrong(fmt.Sprintf("%s is %.100q, %v; want %.100q, %v", name, got, there, want, ok)))
	}
}

func (r *region) slot(key string) (keyed.Slot, uint64) {
	hash := r.store.Hash(key)
	var slots [1]keyed.Slot
	check(r.store.Lookup([]string{key}, []uint64{hash}, slots[:]))
	return slots[0], hash
}

// change does something to a key, or looks at it.
func (r *region) change(rng *rand.Rand, m facts, key string) {
	slot, hash := r.slot(key)
	n := rng.Int64N(8)
	switch rng.IntN(7) {
	case 0:
		r.changeValue(rng, m, slot, key)
	case 1:
		r.changeMap(rng, m, slot, key, n)
	case 2:
		r.changePane(rng, m, hash, key, n)
	case 3:
		name := fmt.Sprintf("timer %s %d", key, n)
		if rng.IntN(3) == 0 {
			r.timers.Cancel(slot, n)
			delete(m, name)
			return
		}
		r.timers.Register(slot, n)
		m[name] = ""
	case 4, 5:
		r.changeParts(rng, m, slot, key)
	case 6:
		r.look(m, slot, key, n)
	}
}

func (r *region) changeValue(rng *rand.Rand, m facts, slot keyed.Slot, key string) {
	if rng.IntN(3) == 0 {
		r.value.Clear(slot)
		delete(m, "value "+key)
		return
	}
	v := rng.Int64()
	r.value.Set(slot, &v)
	m["value "+key] = fmt.Sprint(v)
}

func (r *region) changeMap(rng *rand.Rand, m facts, slot keyed.Slot, key string, n int64) {
	switch rng.IntN(8) {
	case 0:
		check(r.entry.Clear(slot))
		m.forget("entry " + key + " ")
	case 1, 2:
		r.entry.Remove(slot, n)
		delete(m, fmt.Sprintf("entry %s %d", key, n))
	default:
		v := fmt.Sprint(rng.IntN(1000))
		r.entry.Set(slot, n, v)
		m[fmt.Sprintf("entry %s %d", key, n)] = v
	}
}

// forget takes facts away.
func (m facts) forget(prefix string) {
	maps.DeleteFunc(m, func(k, _ string) bool { return strings.HasPrefix(k, prefix) })
}

func (r *region) changePane(rng *rand.Rand, m facts, hash uint64, key string, ns int64) {
	pane := r.panes.Pane(ns)
	var slots [1]keyed.Slot
	check(pane.Lookup([]string{key}, []uint64{hash}, slots[:]))
	name := fmt.Sprintf("pane %d %s", ns, key)
	a := pane.Ptr(slots[0])
	if before, ok := m[name]; ok && before != fmt.Sprint(*a) || !ok && *a != 0 {
		panic(wrong(fmt.Sprintf("%s is %d, want %q", name, *a, before)))
	}
	*a += 1 + rng.Int64N(9)
	m[name] = fmt.Sprint(*a)
}

// changeParts changes what is added to without being read.
func (r *region) changeParts(rng *rand.Rand, m facts, slot keyed.Slot, key string) {
	n := fmt.Sprint(rng.IntN(100), " ")
	switch rng.IntN(12) {
	case 0:
		check(r.sum.Clear(slot))
		delete(m, "sum "+key)
	case 1:
		check(r.list.Clear(slot))
		delete(m, "list "+key)
	case 2, 3, 4, 5, 6:
		acc, _ := r.sum.Part(slot)
		*acc += n
		m["sum "+key] += n
	default:
		if rng.IntN(8) == 0 {
			n = strings.Repeat(n, 1+rng.IntN(1000)) // which fills a chunk
		}
		r.list.Append(slot, &n)
		m["list "+key] += n + ","
	}
}

// look reads what a key has, as operators do.
func (r *region) look(m facts, slot keyed.Slot, key string, n int64) {
	v, ok := r.value.Get(slot)
	if m.same("value "+key, map[bool]string{true: fmt.Sprint(v)}[ok], ok); n%2 == 0 {
		e, ok, err := r.entry.Get(slot, n)
		check(err)
		m.same(fmt.Sprintf("entry %s %d", key, n), e, ok)
		return
	}
	found := facts{}
	r.tell(found, slot, key)
	for _, kind := range []string{"sum ", "list "} {
		got, ok := found[kind+key]
		m.same(kind+key, got, ok)
	}
	for k := range int64(8) {
		name := fmt.Sprintf("entry %s %d", key, k)
		got, ok := found[name]
		m.same(name, got, ok)
	}
}

// tell adds what a key has, but for panes and timers.
func (r *region) tell(into facts, slot keyed.Slot, key string) {
	if v, ok := r.value.Get(slot); ok {
		into["value "+key] = fmt.Sprint(v)
	}
	entries, err := r.entry.All(slot)
	check(err)
	for k, v := range entries {
		into[fmt.Sprintf("entry %s %d", key, k)] = v
	}
	sum, ok, err := r.sum.Get(slot)
	if check(err); ok {
		into["sum "+key] = *sum
	}
	rows, err := r.list.All(slot)
	check(err)
	if list := strings.Join(slices.Collect(rows), ",") + ","; list != "," {
		into["list "+key] = list
	}
	check(r.store.Failure(slot))
}

// tellPanes adds what all keys have in panes.
func (r *region) tellPanes(into facts) {
	for _, ns := range r.panes.Namespaces() {
		for part := range r.groups.Len() {
			check(r.panes.Pane(ns).Each(part, func(k *string, v *int64) error {
				into[fmt.Sprintf("pane %d %s", ns, *k)] = fmt.Sprint(*v)
				return nil
			}))
		}
	}
}

// fire takes the timers up to a time, which must come in the order of their times.
func (r *region) fire(upTo int64) facts {
	fired, last := facts{}, int64(math.MinInt64)
	check(r.timers.Pop(upTo, func(slot keyed.Slot, time int64) error {
		if time < last || time > upTo {
			panic(wrong(fmt.Sprintf("a timer of %d fired after %d, up to %d", time, last, upTo)))
		}
		last = time
		fired[fmt.Sprintf("timer %s %d", *r.store.Key(slot), time)] = ""
		return nil
	}))
	return fired
}
