package keyed

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// aged is what a key has, as text, and when it expires.
type aged struct {
	text  string
	until int64
}

// life is a history of state that expires, over a shard, and what it should be: by name, a row after another.
type life struct {
	rng      *rand.Rand
	objects  *mem.Store
	res      *lsm.Resources
	budget   int64
	update   Update // of what is not of all kinds
	after    int64  // the time-to-live, in milliseconds; a restore may change it
	now      int64
	named    int
	shard    *lsm.Shard
	store    *Store[string]
	values   [3]*TimedColumn[string] // by Update
	entry    *TimedMap[int64, string]
	sum      *TimedSum[string]
	list     *TimedList[string]
	model    map[string][]aged
	last     *lsm.List // of the last checkpoint
	then     map[string][]aged
	number   uint64
	restores int      // restores
	found    [][]byte // by a sweep, and not looked up yet
}

// whole7 is all table keys of operator 7.
var whole7 = lsm.Range{Start: []byte{0, 0, 0, 0, 0, 0, 0, 7}, End: []byte{0, 0, 0, 0, 0, 0, 0, 8}}

// shardBelow is a shard that a store reads from.
type shardBelow struct{ *lsm.Shard }

func (b shardBelow) Scan(ctx context.Context, start, end []byte, visit func(k, v []byte) error) error {
	if end == nil {
		end = whole7.End
	}
	return b.Shard.Scan(ctx, lsm.Range{Start: start, End: end}, visit)
}

func newLife(seed uint64) *life {
	l := &life{
		rng: rand.New(rand.NewPCG(seed, 0)), objects: mem.New(), now: 1000, model: map[string][]aged{}, after: 50,
	}
	l.budget = []int64{0, 1, 200_000}[l.rng.IntN(3)]
	l.update = Update(l.rng.IntN(3))
	var err error
	l.res, err = lsm.NewResources(l.objects, 1<<20, 2, 1)
	check(err)
	l.open()
	return l
}

// wrong is what a history ends with.
type wrong string

func check(err error) {
	if err != nil {
		panic(wrong(err.Error()))
	}
}

func (l *life) name(kind string) string {
	l.named++
	return fmt.Sprintf("shards/%d.%s", l.named, kind)
}

// open goes on from the last checkpoint.
func (l *life) open() {
	var lists []lsm.List
	if l.last != nil {
		lists = append(lists, *l.last)
	}
	var err error
	l.shard, err = lsm.OpenShard(context.Background(), l.res, l.name("shard"), whole7, lists...)
	check(err)
	l.store, err = NewStore[string](Config{
		Operator: 7, Name: "life", MaxParallelism: 4, Groups: base.KeyGroupRange{End: 4}, Budget: NewBudget(l.budget),
		Context: context.Background(), Below: shardBelow{l.shard}, Restored: l.last != nil, Checkpoint: l.number,
	})
	check(err)
	ttl := TTL{time.Duration(l.after) * time.Millisecond, l.update}
	for u := range l.values {
		l.values[u], err = NewTimedColumn[string](l.store, fmt.Sprint("value", u), TTL{ttl.After, Update(u)})
		check(err)
	}
	l.entry, err = NewTimedMap[int64, string](l.store, "entry", ttl)
	check(err)
	l.sum, err = NewTimedSum(l.store, "sum", ttl, func(into, from *string) { *into += *from })
	check(err)
	l.list, err = NewTimedList[string](l.store, "list", ttl)
	check(err)
	l.store.At(l.now)
}

func (l *life) close() {
	if l.shard != nil {
		l.store.Close()
		_ = l.shard.Close()
	}
}

// live is what has not expired of what there is by a name.
func (l *life) live(name string) []aged {
	rows := slices.DeleteFunc(slices.Clone(l.model[name]), func(a aged) bool { return a.until <= l.now })
	if len(rows) == 0 {
		delete(l.model, name)
		return nil
	}
	return rows
}

// write notes what has been written over, or to, what there was.
func (l *life) write(name string, u Update, text string, add bool) {
	a := aged{text, l.now + l.after}
	if before := l.live(name); before != nil {
		if u == OnCreation {
			a.until = before[0].until
		}
		if add {
			a.text = before[0].text + text
		}
	}
	l.model[name] = []aged{a}
}

// read compares what there is by a name with what was read.
func (l *life) read(name string, u Update, got []string) {
	rows := l.live(name)
	var want []string
	for i := range rows {
		want = append(want, rows[i].text)
		if u == OnRead {
			rows[i].until = l.now + l.after
		}
	}
	if len(rows) > 0 {
		l.model[name] = rows
	}
	if !slices.Equal(got, want) {
		panic(wrong(fmt.Sprintf("%s is %q, want %q", name, got, want)))
	}
}

func (l *life) slot(key string) Slot {
	var slots [1]Slot
	check(l.store.Lookup([]string{key}, []uint64{l.store.Hash(key)}, slots[:]))
	return slots[0]
}

func some(text string, ok bool) []string {
	if !ok {
		return nil
	}
	return []string{text}
}

// look reads all that a key has.
func (l *life) look(key string) {
	s := l.slot(key)
	for u, c := range l.values {
		l.read(fmt.Sprint("value", u, " ", key), Update(u), some(c.Get(s)))
	}
	for n := range int64(3) {
		v, ok, err := l.entry.Get(s, n)
		check(err)
		l.read(fmt.Sprint("entry ", key, n), l.update, some(v, ok))
	}
	acc, ok, err := l.sum.Get(s)
	if check(err); !ok {
		acc = new(string)
	}
	l.read("sum "+key, l.update, some(*acc, ok))
	rows, err := listed(l.store, l.list, s)
	check(err)
	l.read("list "+key, l.update, rows)
}

// lookAtMap reads a map as a whole.
func (l *life) lookAtMap(key string) {
	s := l.slot(key)
	n, err := l.entry.Len(s)
	check(err)
	all, err := l.entry.All(s)
	check(err)
	got := map[int64]string{}
	for k, v := range all {
		got[k] = v
	}
	if len(got) != n {
		panic(wrong(fmt.Sprintf("a map of %d has %d entries", n, len(got))))
	}
	for k := range int64(3) {
		v, ok := got[k]
		l.read(fmt.Sprint("entry ", key, k), l.update, some(v, ok))
	}
}

// change writes something of a key.
func (l *life) change(key string) {
	s, text, n := l.slot(key), fmt.Sprint(l.rng.IntN(1000), " "), l.rng.Int64N(3)
	switch l.rng.IntN(12) {
	case 0, 1, 2:
		u := l.rng.IntN(3)
		l.values[u].Set(s, &text)
		l.write(fmt.Sprint("value", u, " ", key), Update(u), text, false)
	case 3:
		u := l.rng.IntN(3)
		l.values[u].Update(s, func(v *string) { *v += text })
		l.write(fmt.Sprint("value", u, " ", key), Update(u), text, true)
	case 4, 5:
		check(l.entry.Set(s, n, text))
		l.write(fmt.Sprint("entry ", key, n), l.update, text, false)
	case 6:
		l.entry.Remove(s, n)
		delete(l.model, fmt.Sprint("entry ", key, n))
	case 7, 8:
		acc, _, err := l.sum.Part(s)
		check(err)
		*acc += text
		l.sum.Keep(acc)
		l.write("sum "+key, l.update, text, true)
	case 9, 10:
		l.list.Append(s, &text)
		l.model["list "+key] = append(l.live("list "+key), aged{text, l.now + l.after})
	case 11:
		check(l.list.Clear(s))
		delete(l.model, "list "+key)
	}
}

func (l *life) tick(d int64) {
	l.now += d
	l.store.At(l.now)
}

// checkpoint writes what has changed, while the state goes on changing, and makes a list.
func (l *life) checkpoint(meanwhile func()) {
	l.number++
	f, model := l.store.Freeze(), l.clone()
	meanwhile()
	set := lsm.NewTableSet(context.Background(), l.objects, func() string { return l.name("table") })
	check(f.WriteTo(set))
	tables, err := set.Finish()
	check(err)
	check(l.shard.Ingest(context.Background(), tables))
	f.Done()
	list, err := l.shard.Export(context.Background())
	check(err)
	l.last, l.then = &list, model
}

func (l *life) clone() map[string][]aged {
	m := map[string][]aged{}
	for k, v := range l.model {
		m[k] = slices.Clone(v)
	}
	return m
}

// restore goes on from the last checkpoint, perhaps with another time-to-live.
func (l *life) restore() {
	if l.last == nil {
		return
	}
	l.close()
	l.restores++
	l.after = []int64{20, 50, 100}[l.rng.IntN(3)]
	l.model, l.found = maps.Clone(l.then), nil
	for k, v := range l.model {
		l.model[k] = slices.Clone(v)
	}
	l.open()
}

// sweep looks for what has expired below.
func (l *life) sweep() {
	s := l.shard.Sweep(l.now, whole7)
	for {
		keys, err := s.Next(context.Background())
		check(err)
		if len(keys) == 0 {
			break
		}
		l.found = append(l.found, keys...)
	}
	check(s.Finish(context.Background()))
}

func (l *life) expire() {
	check(l.store.Expire(l.found))
	l.found = nil
}

func (l *life) step() {
	key := func() string { return fmt.Sprint("key-", l.rng.IntN(20)) }
	some := func() {
		for range l.rng.IntN(30) {
			l.change(key())
			l.tick(l.rng.Int64N(4))
		}
	}
	switch l.rng.IntN(12) {
	case 0:
		l.restore()
	case 1, 2:
		l.checkpoint(some)
	case 3:
		l.sweep()
	case 4:
		l.expire() // of a sweep of some time ago
	case 5:
		l.store.Sweep()
	case 6:
		l.tick(l.rng.Int64N(60))
	case 7, 8, 9:
		for range 5 {
			l.look(key())
			l.lookAtMap(key())
		}
	default:
		some()
	}
}

// die lets all expire, and says what is left in memory and below.
func (l *life) die() (left string) {
	l.tick(1000)
	for range Rounds {
		l.store.Sweep()
	}
	l.checkpoint(func() {})
	l.sweep()
	l.expire()
	l.checkpoint(func() {})
	l.store.tidy()
	n := 0
	check(l.shard.Scan(context.Background(), whole7, func(k, v []byte) error {
		n++
		for _, t := range l.store.states {
			if id := binary.BigEndian.Uint32(k[prefixLen-4:]); stateID(t.info().Name) == id {
				left = fmt.Sprintf("%q of %s: %x", k[prefixLen:], t.info().Name, v)
			}
		}
		return nil
	}))
	if n > 0 {
		return fmt.Sprintf("%d entries are left below, the last %s", n, left)
	}
	if l.restores == 0 && l.budget == 0 && l.store.Len() > 0 {
		return fmt.Sprintf("%d keys are left in memory", l.store.Len())
	}
	return ""
}

// liveOn tells a history, and what went wrong in it.
func liveOn(seed uint64) (result string) {
	l := newLife(seed)
	defer func() {
		if p := recover(); p != nil {
			w, ok := p.(wrong)
			if !ok {
				panic(p)
			}
			result = fmt.Sprintf("seed %d, budget %d, update %d: %s", seed, l.budget, l.update, w)
		}
		l.close()
		l.res.Close()
	}()
	for range 60 {
		l.step()
	}
	if left := l.die(); left != "" {
		panic(wrong(left))
	}
	return ""
}

func TestWhatExpiresIsAsIfItWereNotThereAndNothingElseIs(t *testing.T) {
	tellEach(t, 15, func(_ testing.TB, seed uint64) string { return liveOn(seed) })
}

func TestHistoriesOfTimeFindPlantedBugs(t *testing.T) {
	for name, bug := range map[string]*bool{
		"deletes a live key for an old version of it": &trustStale,
		"returns what expired before a restore":       &forgetExpiry,
		"loses that something was read":               &loseRefresh,
	} {
		*bug = true
		found := ""
		for seed := uint64(0); seed < 100 && found == ""; seed++ {
			found = liveOn(seed)
		}
		*bug = false
		if found == "" {
			t.Errorf("a store that %s passes", name)
		}
		t.Logf("%s: %s", name, strings.TrimSpace(found))
	}
}
