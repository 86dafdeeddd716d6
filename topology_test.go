package aquifer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/window"
)

// shape is what the job of a topology is made with. Its functions are called by many goroutines.
type shape struct {
	source numbers
	// parallelism is that of the job; spread that of its last exchange.
	parallelism, spread int
	// options are those of functions with state.
	options []Option
	// step is asked before each row of a slow function, touch before each row of any other, resume when a split is gone
	// on with, and close when a function ends; nil for none of them.
	step, touch, resume, close func() error
	// rest says that the source is to hold back its second half.
	rest func() bool
	// wrong hears of rows that are lost, doubled or out of order.
	wrong func(what string)
	sink  *collected[int64]
}

func ask(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

var errOrder = errors.New("out of order")

func (s *shape) disorder(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if s.wrong != nil {
		s.wrong(what)
	}
	return fmt.Errorf("%s: %w", what, errOrder)
}

// tap is a source whose splits are gone on with by resume, and which may rest.
type tap struct {
	numbers
	shape *shape
}

type tapReader struct {
	*numberReader
	shape *shape
}

func (s tap) Open(ctx context.Context, split flow.Split) (flow.Reader[int64], error) {
	if split.Position != nil {
		if err := ask(s.shape.resume); err != nil {
			return nil, err
		}
	}
	r, err := s.numbers.Open(ctx, split)
	if err != nil {
		return nil, err
	}
	return tapReader{r.(*numberReader), s.shape}, nil
}

func (r tapReader) Read(ctx context.Context, out *flow.Batch[int64]) (flow.Status, error) {
	if r.next > r.end/2 && r.shape.rest != nil && r.shape.rest() {
		<-time.After(200 * time.Microsecond)
		return flow.More, nil
	}
	return r.numberReader.Read(ctx, out)
}

// The keys of the first function: numbers of one key come from one split, if 30 can be divided by the splits.
const givenKeys = 30

// passed is a number that a first function has given its place among those of its key; less than zero for a timer.
type passed struct{ N, Key, Place int64 }

// giver numbers the rows and timers of a key. There is a timer for each row.
type giver struct {
	given state.Value[int64]
	last  state.Map[int64, int64] // by source
	shape *shape
	// direct says that rows come from their sources in order.
	direct bool
}

func (g *giver) Open(s *state.Scope) (err error) {
	if g.given, err = state.NewValue[int64](s, "given"); err != nil {
		return err
	}
	g.last, err = state.NewMap[int64, int64](s, "last")
	return err
}

func (g *giver) Process(ctx *Context, n *int64, out Collector[passed]) error {
	err := ask(g.shape.touch)
	if err == nil && g.direct {
		err = g.follows(ctx, *n)
	}
	if err != nil {
		return err
	}
	return errors.Join(g.give(ctx, *n, out), ctx.RegisterEventTimer(*n))
}

// follows wants the rows of a key and source in their order, without a gap.
func (g *giver) follows(ctx *Context, n int64) error {
	source := n / g.shape.source.end
	last, ok, err := g.last.Get(ctx, source)
	if err != nil {
		return err
	}
	want := last + givenKeys
	if first := source * g.shape.source.end; !ok {
		want = first + (n-first)%givenKeys
	}
	if n != want {
		return g.shape.disorder("number %d comes where %d should", n, want)
	}
	return g.last.Set(ctx, source, n)
}

func (g *giver) OnTimer(ctx *Context, _ Timer, out Collector[passed]) error {
	return g.give(ctx, -1-ctx.Time, out)
}

func (g *giver) give(ctx *Context, n int64, out Collector[passed]) error {
	place, _, err := g.given.Get(ctx)
	if err != nil {
		return err
	}
	out.Emit(passed{n, Key[int64](ctx), place})
	return g.given.Set(ctx, place+1)
}

func (g *giver) Close() error { return ask(g.shape.close) }

// checker wants the rows of each of the first function's keys in their order, without a gap. It is slow.
type checker struct {
	seen  state.Map[int64, int64]
	shape *shape
}

func (c *checker) Open(s *state.Scope) (err error) {
	c.seen, err = state.NewMap[int64, int64](s, "seen")
	return err
}

func (c *checker) Process(ctx *Context, p *passed, out Collector[passed]) error {
	if err := ask(c.shape.step); err != nil {
		return err
	}
	want, _, err := c.seen.Get(ctx, p.Key)
	if err != nil {
		return err
	}
	if p.Place != want {
		return c.shape.disorder("row %d of key %d comes when row %d should", p.Place, p.Key, want)
	}
	out.Emit(*p)
	return c.seen.Set(ctx, p.Key, want+1)
}

func (c *checker) Close() error { return ask(c.shape.close) }

// from is the i-th source. Its numbers are not those of the others; its times are.
func (s *shape) from(job *Job, i int, options ...Option) Stream[int64] {
	name := string(rune('a' + i))
	in := From(job, name, tap{s.source, s}, Monotonic(identity), With[int64](options...))
	return s.through(in, func(n *int64) int64 { return *n + int64(i)*s.source.end })
}

// through is a function without state.
func (s *shape) through(in Stream[int64], fn func(*int64) int64, options ...Option) Stream[int64] {
	return FlatMap(in, func(n *int64, out Collector[int64]) error {
		out.Emit(fn(n))
		return ask(s.touch)
	}, options...)
}

// detour is a way of exchanges without keys, to more and to fewer subtasks.
func (s *shape) detour(in Stream[int64]) Stream[int64] {
	in = s.through(in, identity, Parallelism(s.parallelism+1))
	in = s.through(in, identity, Parallelism(2*s.parallelism))
	return s.through(in, identity, Parallelism(s.parallelism+1))
}

func (s *shape) give(in Stream[int64], name string, direct bool, options ...Option) Stream[passed] {
	return Process(KeyBy(in, func(n *int64) int64 { return *n % givenKeys }), name,
		func() ProcessFunc[int64, passed] { return &giver{shape: s, direct: direct} }, slices.Concat(s.options, options)...)
}

func (s *shape) check(in Stream[passed], name string, options ...Option) Stream[passed] {
	return Process(KeyBy(in, func(p *passed) int64 { return p.Key % 7 }), name,
		func() ProcessFunc[passed, passed] { return &checker{shape: s} }, slices.Concat(s.options, options)...)
}

// show ends a job in its sink, behind a last exchange without keys.
func (s *shape) show(in Stream[int64]) {
	To(s.through(in, identity, Parallelism(s.spread)), "out", s.sink)
}

func number(p *passed) int64 { return p.N }

// topology is a kind of job. Each of its numbers, and a timer of each, comes out; from some more than once.
type topology struct {
	build           func(s *shape, job *Job)
	sources, copies int64
	// more are other rows that come out.
	more func(s *shape) []int64
	// timed says that rows that come late are lost.
	timed bool
	// farther is how many times farther away the store is than it may be: for so long rows wait for their state.
	farther int
}

// job is one of the topology.
func (p topology) job(s *shape) *Job {
	job := NewJob("topology")
	p.build(s, job)
	return job
}

// want are the rows that come out, in order.
func (p topology) want(s *shape) (all []int64) {
	total := p.sources * s.source.end
	for i := range 2 * total * p.copies {
		all = append(all, i/p.copies-total)
	}
	if p.more != nil {
		all = append(all, p.more(s)...)
	}
	slices.Sort(all)
	return all
}

var topologies = map[string]topology{
	"pipeline":               {build: pipeline, sources: 1, copies: 1},
	"union":                  {build: unite, sources: 3, copies: 1},
	"many inputs":            {build: manyInputs, sources: 3, copies: 1},
	"two keyed exchanges":    {build: relay, sources: 2, copies: 1},
	"one stream, two ways":   {build: twoWays, sources: 1, copies: 2},
	"mixed exchanges":        {build: mixed, sources: 2, copies: 1},
	"broadcast":              {build: announced, sources: 1, copies: 1, more: announcements},
	"broadcast without keys": {build: announcedToAll, sources: 1, copies: 1, more: announcedOnce},
	"two inputs":             {build: twoInputs, sources: 2, copies: 1, more: meetings},
	"an outside service":     {build: consults, sources: 2, copies: 1},
	"windows beside a union": {build: besides, sources: 2, copies: 1, more: windowRows, timed: true},
	"windows that overlap and sessions": {
		build: overlapping, sources: 2, copies: 1, more: overlaps, timed: true, farther: 40,
	},
}

// pipeline has exchanges without keys, one with them, and one more.
func pipeline(s *shape, job *Job) {
	s.show(Map(s.check(s.give(s.detour(s.from(job, 0)), "give", false), "check"), number))
}

// unite has a union of pipelines in front of a function without keys.
func unite(s *shape, job *Job) {
	all := Union(s.detour(s.from(job, 0)), s.detour(s.from(job, 1)), s.detour(s.from(job, 2)))
	all = s.through(all, identity, Parallelism(s.spread))
	s.show(Map(s.check(s.give(all, "give", false), "check"), number))
}

// manyInputs has functions with keys, each with another parallelism, that take from two others.
func manyInputs(s *shape, job *Job) {
	given := func(i int) Stream[passed] {
		return s.give(s.from(job, i, Parallelism(s.parallelism+i)), fmt.Sprint("give-", i), true)
	}
	// The sources have other keys for the functions behind them: each of these gives places of its own.
	apart := func(in Stream[passed], i int64) Stream[passed] {
		return Map(in, func(p *passed) passed { return passed{p.N, p.Key + i*givenKeys, p.Place} })
	}
	two := s.check(Union(given(0), apart(given(1), 1)), "check-1", Parallelism(s.parallelism+1))
	three := s.check(Union(two, apart(given(2), 2)), "check-2", Parallelism(s.parallelism+2))
	s.show(Map(three, number))
}

// relay has two sources, a union, two shuffles in a row, and an exchange without keys.
func relay(s *shape, job *Job) {
	s.show(Map(s.check(s.give(Union(s.from(job, 0), s.from(job, 1)), "give", true), "check"), number))
}

// twoWays has a stream that goes to two functions with keys, and comes together again.
func twoWays(s *shape, job *Job) {
	given := s.give(s.from(job, 0), "give", true)
	left := Map(s.check(given, "left"), number)
	right := Map(s.check(given, "right", Parallelism(s.parallelism+1)), number)
	s.show(Union(s.through(left, identity), right))
}

// mixed has a function that takes rows of its own subtask of one and of all subtasks of another.
func mixed(s *shape, job *Job) {
	a, b := s.from(job, 0), s.through(s.from(job, 1), identity, Parallelism(s.parallelism+1))
	both := s.through(Union(a, b), identity)
	both = s.through(Union(both, Filter(both, func(*int64) bool { return false })), identity)
	s.show(Map(s.check(s.give(both, "give", false), "check"), number))
}

// letter is a passed row as the other side of a function has it.
type letter struct {
	By         string
	Place, Key int64
	N          int64
}

// meeter takes rows of two types, wants those of each in their order, and counts both: it says when all have come.
type meeter struct {
	left, right checker
	met         state.Value[int64]
}

func (m *meeter) Open(s *state.Scope) (err error) {
	if m.left.seen, err = state.NewMap[int64, int64](s, "left"); err != nil {
		return err
	}
	if m.right.seen, err = state.NewMap[int64, int64](s, "right"); err != nil {
		return err
	}
	m.met, err = state.NewValue[int64](s, "met")
	return err
}

func (m *meeter) ProcessLeft(ctx *Context, p *passed, out Collector[passed]) error {
	return errors.Join(m.left.Process(ctx, p, out), m.meet(ctx, out))
}

func (m *meeter) ProcessRight(ctx *Context, p *letter, out Collector[passed]) error {
	if p.By != "right" {
		return m.left.shape.disorder("a row of %q comes by the right side", p.By)
	}
	return errors.Join(m.right.Process(ctx, &passed{p.N, p.Key, p.Place}, out), m.meet(ctx, out))
}

func (m *meeter) meet(ctx *Context, out Collector[passed]) error {
	n, _, err := m.met.Get(ctx)
	if err != nil {
		return err
	}
	if key := Key[int64](ctx); n+1 == meetingsOf(m.left.shape, key) {
		out.Emit(passed{N: windowRow(key, 0, n+1)})
	}
	return m.met.Set(ctx, n+1)
}

// meetingsOf is how many rows there are of a key on both sides: each number, and a timer of each.
func meetingsOf(s *shape, key int64) (n int64) {
	for i := range 2 * s.source.end {
		if i%givenKeys%7 == key {
			n += 2
		}
	}
	return n
}

func meetings(s *shape) (all []int64) {
	for key := range int64(7) {
		all = append(all, windowRow(key, 0, meetingsOf(s, key)))
	}
	return all
}

// twoInputs has a function that takes rows of two types from functions of different parallelism.
func twoInputs(s *shape, job *Job) {
	left := s.give(s.from(job, 0), "give-0", true)
	right := Map(s.give(s.from(job, 1, Parallelism(s.parallelism+1)), "give-1", true), func(p *passed) letter {
		return letter{"right", p.Place, p.Key, p.N}
	})
	both := CoProcess(Connect(
		KeyBy(left, func(p *passed) int64 { return p.Key % 7 }), KeyBy(right, func(t *letter) int64 { return t.Key % 7 }),
	), "both", func() CoProcessFunc[passed, letter, passed] {
		return &meeter{left: checker{shape: s}, right: checker{shape: s}}
	}, s.options...)
	s.show(Map(both, number))
}

// heard is how many rows there have been of each key, of those that every subtask gets.
type heard struct{ rows state.Broadcast[int64, int64] }

func (h *heard) open(s *state.Scope) (err error) {
	h.rows, err = state.NewBroadcast[int64, int64](s, "heard")
	return err
}

// one notes a row, which is to be the next of its key.
func (h *heard) one(ctx *BroadcastContext, s *shape, p *passed) error {
	if err := ask(s.touch); err != nil {
		return err
	}
	if want, _ := h.rows.Get(p.Key); p.Place != want {
		return s.disorder("row %d of key %d is announced when row %d should", p.Place, p.Key, want)
	}
	return h.rows.Set(ctx, p.Key, p.Place+1)
}

func (h *heard) all() (rows int64) {
	for _, n := range h.rows.All() {
		rows += n
	}
	return rows
}

// listener is a checker that hears rows which every subtask gets. In the end each key tells how many it has heard.
type listener struct {
	checker
	heard
}

func (l *listener) Open(s *state.Scope) error { return errors.Join(l.heard.open(s), l.checker.Open(s)) }

func (l *listener) Process(ctx *Context, p *passed, out Collector[passed]) error {
	return errors.Join(l.checker.Process(ctx, p, out), ctx.RegisterEventTimer(flow.EndOfTime))
}

func (l *listener) ProcessBroadcast(ctx *BroadcastContext, p *passed, _ Collector[passed]) error {
	return l.one(ctx, l.shape, p)
}

func (l *listener) OnTimer(ctx *Context, _ Timer, out Collector[passed]) error {
	out.Emit(passed{N: windowRow(Key[int64](ctx), 0, l.all())})
	return nil
}

// announced has a function with keys whose subtasks all get the rows of another.
func announced(s *shape, job *Job) {
	all := s.give(s.from(job, 1, Parallelism(s.parallelism+1)), "give-1", true, Parallelism(s.parallelism+1))
	given := KeyBy(s.give(s.from(job, 0), "give-0", true), func(p *passed) int64 { return p.Key % 7 })
	told := ProcessBroadcast(given, Broadcast(all), "listen", func() BroadcastFunc[passed, passed, passed] {
		return &listener{checker: checker{shape: s}}
	}, s.options...)
	s.show(Map(told, number))
}

// announcements are what the keys tell: that they have heard of each number and of a timer of each.
func announcements(s *shape) (all []int64) {
	for key := range int64(7) {
		all = append(all, windowRow(key, 0, 2*s.source.end))
	}
	return all
}

// hearer passes numbers on, and hears rows that every subtask gets: it says when it has heard all.
type hearer struct {
	shape *shape
	heard
}

func (h *hearer) Open(s *state.Scope) error { return h.open(s) }

func (h *hearer) Process(_ *Context, n *int64, out Collector[int64]) error {
	out.Emit(*n)
	return ask(h.shape.step)
}

func (h *hearer) ProcessBroadcast(ctx *BroadcastContext, p *passed, out Collector[int64]) error {
	err := h.one(ctx, h.shape, p)
	if all := h.all(); all == 2*h.shape.source.end {
		out.Emit(windowRow(0, 0, all))
	}
	return err
}

// once passes each number on once.
type once struct{ passed state.Value[bool] }

func (o *once) Open(s *state.Scope) (err error) {
	o.passed, err = state.NewValue[bool](s, "passed")
	return err
}

func (o *once) Process(ctx *Context, n *int64, out Collector[int64]) error {
	_, passed, err := o.passed.Get(ctx)
	if err != nil || passed {
		return err
	}
	out.Emit(*n)
	return o.passed.Set(ctx, true)
}

// announcedToAll has a function without keys whose subtasks all get the rows of another. What each of them says when it
// has heard all comes out once.
func announcedToAll(s *shape, job *Job) {
	all := s.give(s.from(job, 1, Parallelism(s.parallelism+1)), "give-1", true, Parallelism(s.parallelism+1))
	given := Map(s.give(s.from(job, 0), "give-0", true), number)
	told := ProcessUnkeyedBroadcast(given, Broadcast(all), "hear", func() UnkeyedBroadcastFunc[int64, passed, int64] {
		return &hearer{shape: s}
	})
	s.show(Process(KeyBy(told, identity), "once", func() ProcessFunc[int64, int64] { return &once{} }))
}

// announcedOnce is what subtasks say that have heard of each number and of a timer of each.
func announcedOnce(s *shape) []int64 { return []int64{windowRow(0, 0, 2*s.source.end)} }

// consults has functions that wait for an outside service, in order and as it answers, on both sides of an exchange.
func consults(s *shape, job *Job) {
	call := func(_ context.Context, n *int64) ([]int64, error) { return []int64{*n}, ask(s.step) }
	a := Async(s.from(job, 0), "ask", call, AsyncCapacity(3))
	b := Async(s.from(job, 1), "ask-also", call, AsyncCapacity(20), AsyncUnordered(),
		WithAsync(Parallelism(s.parallelism+1)))
	s.show(Map(s.check(s.give(Union(a, b), "give", false), "check"), number))
}

// besides has windows and a function over the same stream, whose rows come together.
func besides(s *shape, job *Job) {
	both := Union(s.from(job, 0), s.from(job, 1, Parallelism(s.parallelism+1)))
	told := Map(s.check(s.give(both, "give", true), "check"), number)
	counts := Aggregate(KeyBy(both, func(n *int64) int64 { return *n % 7 }), "windows", window.Tumbling(ms(windowSize)),
		Count[int64](), WithWindow[int64](s.options...))
	s.show(Union(told, Map(counts, func(w *Windowed[int64, int64]) int64 {
		return windowRow(w.Key, w.Start, w.Value)
	})))
}

const windowSize = 50

func windowRow(key, start, count int64) int64 { return 1<<40 + start<<20 + key<<10 + count }

func windowRows(s *shape) (all []int64) {
	type pane struct{ key, start int64 }
	counts := map[pane]int64{}
	for n := range 2 * s.source.end {
		counts[pane{n % 7, n % s.source.end / windowSize * windowSize}]++
	}
	for p, count := range counts {
		all = append(all, windowRow(p.key, p.start, count))
	}
	return all
}

// overlapping has windows of many keys, of which each row needs some that have been for long: their rows wait for state.
func overlapping(s *shape, job *Job) {
	both := Union(s.from(job, 0), s.from(job, 1, Parallelism(s.parallelism+1)))
	told := Map(s.check(s.give(both, "give", true), "check"), number)
	counts := func(name string, w window.Window, kind int64) Stream[int64] {
		in := KeyBy(both, func(n *int64) int64 { return *n % givenKeys })
		out := Aggregate(in, name, w, Count[int64](), WithWindow[int64](s.options...))
		return Map(out, func(w *Windowed[int64, int64]) int64 { return kind + windowRow(w.Key, w.Start, w.Value) })
	}
	sliding := counts("sliding", window.Sliding(ms(2*windowSize), ms(windowSize)), 0)
	s.show(Union(told, sliding, counts("sessions", window.Session(ms(givenKeys)), sessionRow)))
}

// sessionRow tells rows of sessions from others.
const sessionRow = 1 << 50

// overlaps are the rows of overlapping windows, and one for the session of each key.
func overlaps(s *shape) (all []int64) {
	type pane struct{ key, start int64 }
	counts := map[pane]int64{}
	for n := range 2 * s.source.end {
		start := n % s.source.end / windowSize * windowSize
		counts[pane{n % givenKeys, start}]++
		counts[pane{n % givenKeys, start - windowSize}]++
	}
	for p, count := range counts {
		all = append(all, windowRow(p.key, p.start, count))
	}
	for key := range int64(givenKeys) {
		all = append(all, sessionRow+windowRow(key, key, 2*s.source.end/givenKeys))
	}
	return all
}

func TestEveryTopologyShowsEachNumberWhenNothingFails(t *testing.T) {
	for name, topology := range topologies {
		t.Run(name, func(t *testing.T) {
			s := &shape{source: numbers{end: 90, splits: 3, batch: 8}, parallelism: 2, spread: 3, sink: newCollected[int64]()}
			mustRun(t, topology.job(s), RunOptions{Parallelism: s.parallelism, MaxParallelism: 16})
			if got, want := slices.Sorted(slices.Values(s.sink.rows())), topology.want(s); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
