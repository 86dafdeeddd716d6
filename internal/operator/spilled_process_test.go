package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/state"
)

// journal is a function with a value, a map and timers. What a row asks for depends on its number.
type journal struct {
	sum state.Value[int64]
	by  state.Map[int64, int64]
}

func (j *journal) Open(s *state.Scope) (err error) {
	if j.sum, err = state.NewValue[int64](s, "sum"); err != nil {
		return err
	}
	j.by, err = state.NewMap[int64, int64](s, "by")
	return err
}

func (j *journal) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	at := e.Time + e.N%50 + 1
	switch e.N % 8 {
	case 4:
		return errors.Join(j.by.Set(ctx, e.N%5, e.N), ctx.RegisterEventTimer(at))
	case 5:
		return errors.Join(j.by.Remove(ctx, e.N%5), ctx.CancelEventTimer(at))
	case 6:
		return errors.Join(j.sum.Clear(ctx), ctx.RegisterEventTimer(at), j.tell(ctx, out))
	case 7:
		return errors.Join(j.tell(ctx, out), j.by.Clear(ctx))
	}
	n, _, err := j.sum.Get(ctx)
	if e.N%3 == 0 {
		v, ok, getErr := j.by.Get(ctx, e.N%5)
		out.Emit(fmt.Sprintf("%s@%d=%d,%d,%v", e.Key, e.Time, n, v, ok))
		err = errors.Join(err, getErr)
	}
	return errors.Join(err, j.sum.Set(ctx, n+e.N))
}

// tell emits all that the key has.
func (j *journal) tell(ctx *flow.Context, out flow.Collector[string]) error {
	n, ok, err := j.sum.Get(ctx)
	size, lenErr := j.by.Len(ctx)
	all, allErr := j.by.All(ctx)
	if err := errors.Join(err, lenErr, allErr); err != nil {
		return err
	}
	entries := maps.Collect(all)
	text := fmt.Sprintf("%s@%d:%d,%v,%d", flow.Key[string](ctx), ctx.Time, n, ok, size)
	for _, k := range slices.Sorted(maps.Keys(entries)) {
		text += fmt.Sprintf(",%d=%d", k, entries[k])
	}
	out.Emit(text)
	return nil
}

func (j *journal) OnTimer(ctx *flow.Context, _ flow.Timer, out flow.Collector[string]) error {
	return j.tell(ctx, out)
}

func newJournal() ProcessFunc[event, string] { return &journal{} }

type processRig struct {
	*rig
	out *collector[string]
}

func newProcessRig(t testing.TB, b bounds, groups int) *processRig {
	t.Helper()
	r := &processRig{out: &collector[string]{}}
	plan := PlanProcess[string, event, string]("p", newJournal)
	r.rig = newRigOf(t, b, "p", groups, plan, func(_ *rig, env *Env) (Operator, error) {
		return NewProcess(env, r.out, eventKey, newJournal())
	})
	return r
}

func (r *processRig) show() string {
	all := strings.Join(slices.Sorted(slices.Values(r.out.rows)), " ")
	r.out.rows = nil
	return all
}

func (r *processRig) expect(want string) {
	r.t.Helper()
	if got := r.show(); got != want {
		r.t.Fatalf("got %q, want %q", got, want)
	}
}

// crowd are events of many keys that nobody asks for again, half of which have a map and a timer that comes
// before all others: they take the places of those in memory.
func crowd(from, n int) (events []event) {
	for i := range n {
		events = append(events, event{fmt.Sprint("crowd-", from+i), -10_000, int64(4 + 4*(i%2))})
	}
	return events
}

// displace brings keys until all others are out of memory.
func (r *processRig) displace(from int) {
	r.t.Helper()
	for i := range 4 {
		r.rows(nil, crowd(from+700*i, 700)...)
		if r.checkpoint() == nil {
			r.t.Fatal("no checkpoint")
		}
	}
	r.out.rows = nil
}

// rows sends events and waits for all that follows from them.
func (r *processRig) rows(rng *rand.Rand, events ...event) {
	r.t.Helper()
	r.rig.rows(rng, events...)
	r.settle()
}

// watermark moves event time and forgets what the crowd has to say to it.
func (r *processRig) watermark(t int64) {
	r.t.Helper()
	r.rig.watermark(t)
	r.settle()
	r.out.rows = slices.DeleteFunc(r.out.rows, func(row string) bool { return strings.HasPrefix(row, "crowd") })
}

// mustBeAway checks that something has to be read for a use of state.
func (r *processRig) mustBeAway(use func()) {
	r.t.Helper()
	before := r.found.Load()
	if use(); r.found.Load() == before {
		r.t.Error("nothing was read: all of it was in memory all the time")
	}
}

func TestAKeyThatWasEvictedComesBackWithAllItsState(t *testing.T) {
	r := newProcessRig(t, tight, 1)
	r.rows(nil, event{"a", 1, 1}, event{"a", 2, 4}, event{"a", 3, 12}, event{"a", 4, 16})
	r.displace(0)
	r.mustBeAway(func() { r.rows(nil, event{"a", 900, 7}) })
	r.expect("a@900:17,true,2,2=12,4=4")
	r.displace(10_000)
	r.mustBeAway(func() { r.rows(nil, event{"a", 901, 6}) })
	r.expect("a@901:0,false,0") // the map was cleared, the value is being
}

func TestTimersOfEvictedKeysFireOnce(t *testing.T) {
	r := newProcessRig(t, tight, 1)
	r.rows(nil, event{"a", 0, 4}, event{"b", 10, 12}, event{"c", 20, 20}, event{"d", 0, 4}, event{"d", 0, 45})
	r.displace(0)
	r.mustBeAway(func() { r.watermark(5) })
	r.expect("a@5:0,false,1,4=4 d@5:0,false,1,4=4")
	r.displace(10_000)
	r.mustBeAway(func() { r.watermark(23) })
	r.expect("b@23:0,false,1,2=12")
	r.rescale(1)
	r.watermark(1000)
	r.expect("c@41:0,false,1,0=20")
	r.displace(20_000)
	r.watermark(2000)
	r.expect("")
}

func TestATimerThatWasTakenBackWhileItsKeyWasEvictedDoesNotFire(t *testing.T) {
	r := newProcessRig(t, tight, 1)
	r.rows(nil, event{"a", 0, 4}, event{"b", 0, 4})
	r.displace(0)
	r.rows(nil, event{"a", -1, 5}, event{"a", -41, 45}) // the second is its timer's
	r.displace(10_000)
	r.watermark(1000)
	r.expect("b@5:0,false,1,4=4")
}

func TestChangesAreWrittenOutWhenThereAreMany(t *testing.T) {
	r := newProcessRig(t, bounds{0, 48 * 1000}, 1)
	for i := range 10 {
		r.rows(nil, crowd(500*i, 500)...)
	}
	if r.told != 4 { // before the batches 3, 5, 7 and 9, each with what two have changed
		t.Errorf("%d early snapshots of 7500 changes, 1500 at a time", r.told)
	}
	list, err := r.parts[0].shard.Export(t.Context())
	must(t, err)
	if n := len(list.Objects); n == 0 {
		t.Error("none of them is below")
	}
}

func TestWhereMemoryIsBoundedAnOperatorWaitsForTheEarlySnapshotBeforeTheNext(t *testing.T) {
	r := newProcessRig(t, bounds{1 << 40, 48 * 100}, 1)
	p := r.parts[0]
	r.rows(nil, crowd(0, 200)...)
	r.rows(nil, crowd(200, 200)...) // takes the first
	first := p.queue
	if p.queue = nil; len(first) != 1 {
		t.Fatalf("%d snapshots", len(first))
	}
	took := make(chan StateSnapshot, 1)
	p.env.WriteOut = func(s StateSnapshot) { took <- s }
	done := make(chan struct{})
	go func() { defer close(done); r.rows(nil, crowd(400, 10)...) }()
	first[0].Failed() // its changes are of the next
	second := <-took
	<-done
	if n := second.Entries(); n != 600 {
		t.Errorf("the next has %d changes, want all 600", n)
	}
	p.queue = []StateSnapshot{second}
	must(t, p.flush())
}

func TestAJobThatEndsDoesNotWaitForAnEarlySnapshot(t *testing.T) {
	r := newProcessRig(t, bounds{1 << 40, 48 * 100}, 1)
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	r.parts[0].env.Context = ctx
	r.rows(nil, crowd(0, 200)...)
	r.rows(nil, crowd(200, 200)...)
	r.parts[0].queue = nil // nobody writes it
	cancel(over)
	b := &flow.Batch[event]{}
	b.Append(event{Key: "a"}, 0)
	r.hash(b)
	if err := r.parts[0].Batch(b); !errors.Is(err, over) {
		t.Errorf("%v", err)
	}
}

func TestWhereMemoryIsNotBoundedMoreGathersWhileTheEarlySnapshotIsUnderWay(t *testing.T) {
	r := newProcessRig(t, bounds{0, 48 * 100}, 1)
	p := r.parts[0]
	r.rows(nil, crowd(0, 200)...)
	r.rows(nil, crowd(200, 200)...) // takes the first
	first := p.queue
	p.queue = nil // it is under way
	for i := range 10 {
		r.rows(nil, crowd(400+200*i, 200)...)
	}
	if r.told != 1 {
		t.Errorf("%d snapshots were taken early", r.told)
	}
	p.queue = first
	r.rows(nil, crowd(5000, 10)...)
	if r.told != 2 || p.queue[0].Entries() != 11*300 {
		t.Errorf("%d snapshots were taken early, the last with %d changes", r.told, p.queue[0].Entries())
	}
}

// Snapshots are complete only with those before them: once one has failed, those that follow it fail too, and the
// first that is taken afterwards has all changes.
func TestAfterASnapshotThatFailedTheNextHasItsChangesAndThoseBetweenAreRefused(t *testing.T) {
	r := newProcessRig(t, roomy, 1)
	p := r.parts[0]
	take := func() StateSnapshot {
		s, err := p.Snapshot(0)
		must(t, err)
		return s.State
	}
	r.rows(nil, event{"a", 0, 1})
	first := take()
	r.rows(nil, event{"b", 0, 2})
	between := take()
	first.Failed()
	p.queue = []StateSnapshot{between}
	mustSay(t, p.flush(), `operator "p": an earlier snapshot of the state could not be written`)
	r.rows(nil, event{"c", 0, 3})
	r.rescale(1)
	r.show()
	r.rows(nil, event{"a", 9, 7}, event{"b", 9, 7}, event{"c", 9, 7})
	r.expect("a@9:1,true,0 b@9:2,true,0 c@9:3,true,0")
}

func TestAMissingTableIsAnErrorThatNamesOperatorAndTable(t *testing.T) {
	r := newProcessRig(t, tight, 1)
	r.rows(nil, event{"a", 0, 1})
	op := r.checkpoint()
	lost := op.Subtasks[0].Tables[0].Name
	must(t, r.store.Delete(t.Context(), lost))
	r.close()
	r.open(1, op)
	b := &flow.Batch[event]{}
	b.Append(event{Key: "a"}, 0)
	r.hash(b)
	err := r.parts[0].Batch(b) // the read may have come back by its end
	if err == nil {
		_, err = r.parts[0].Snapshot(9)
	}
	mustSay(t, err, `operator "p": read state: `, lost)
	if base.KindOf(err) != base.Corrupt {
		t.Errorf("%v", err)
	}
}

// typed is a function with one value of a type.
type typed[V any] struct{ v state.Value[V] }

func (f *typed[V]) Open(s *state.Scope) (err error) {
	f.v, err = state.NewValue[V](s, "v")
	return err
}

func (f *typed[V]) Process(ctx *flow.Context, e *event, out flow.Collector[string]) error {
	v, ok, err := f.v.Get(ctx)
	out.Emit(fmt.Sprintf("%s:%+v,%v", e.Key, v, ok))
	if e.N == 0 {
		return err
	}
	var fresh any = &v
	switch v := fresh.(type) {
	case *one:
		v.A = e.N
	case *two:
		v.A, v.B = e.N, fmt.Sprint("b", e.N)
	case *three:
		v.A, v.B, v.C = e.N, fmt.Sprint("b", e.N), e.N%2 == 0
	}
	return errors.Join(err, f.v.Set(ctx, v))
}

type one struct{ A int64 }

type two struct {
	A int64
	B string
}

type three struct {
	A int64
	B string
	C bool
}

// become goes on from a checkpoint with a program whose value has another type.
func become[V any](r *processRig, from *checkpoint.Operator) {
	r.t.Helper()
	newFunc := func() ProcessFunc[event, string] { return &typed[V]{} }
	r.plan = PlanProcess[string, event, string]("p", newFunc)
	r.build = func(_ *rig, env *Env) (Operator, error) { return NewProcess(env, r.out, eventKey, newFunc()) }
	r.close()
	r.open(1, from)
}

func TestValuesOfAllEarlierTypesAreReadSideBySide(t *testing.T) {
	r := newProcessRig(t, tight, 1)
	var last []checkpoint.State
	cut := func() *checkpoint.Operator {
		op := r.checkpoint()
		op.States = checkpoint.Evolve(op.States, last)
		last = op.States
		return op
	}
	become[one](r, nil)
	r.rows(nil, event{"a", 0, 1}, event{"b", 0, 1}, event{"c", 0, 1})
	become[two](r, cut())
	r.rows(nil, event{"b", 0, 2}, event{"c", 0, 2})
	become[three](r, cut())
	r.rows(nil, event{"c", 0, 3})
	op := cut()
	if got := op.States[0].Older; len(got) != 2 || got[0] == got[1] {
		t.Fatalf("older schemas %q", got)
	}
	become[three](r, op)
	r.show()
	r.rows(nil, event{"a", 0, 0}, event{"b", 0, 0}, event{"c", 0, 0})
	r.expect("a:{A:1 B: C:false},true b:{A:2 B:b2 C:false},true c:{A:3 B:b3 C:false},true")
}
