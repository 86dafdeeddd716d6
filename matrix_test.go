package aquifer

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
)

var (
	unalignedSeeds = flag.Uint64("unaligned.seeds", 1, "how many random runs there are of each topology and rescaling")
	unalignedSeed  = flag.Uint64("unaligned.seed", 0, "the first of their seeds; 0 for a random one")
)

// rescalings are those that each topology goes through.
var rescalings = [][2]int{{1, 2}, {2, 3}, {3, 7}, {2, 1}, {3, 2}, {7, 3}, {1, 1}, {7, 7}}

// kinds of failures.
const (
	inFunction = "function" // of a user, for a row
	inSnapshot = "snapshot" // a write of a checkpoint, or what a sink prepares for it
	inRestore  = "restore"  // what is asked for before there are rows
	inClose    = "close"    // a commit, or a function's end
)

// troubles fail now and then, each kind as often as it is told to.
type troubles struct {
	mu    sync.Mutex
	rng   *rand.Rand
	left  map[string]int // how many will come
	until map[string]int // how many chances are let pass
	had   map[string]int
	fresh bool // nothing of a shard has been read since tasks began
}

// patience is how many chances pass without trouble, at most.
var patience = map[string]int{inFunction: 120, inSnapshot: 12, inRestore: 4, inClose: 6}

func newTroubles(rng *rand.Rand, each int) *troubles {
	x := &troubles{rng: rng, left: map[string]int{}, until: map[string]int{}, had: map[string]int{}}
	for _, kind := range slices.Sorted(maps.Keys(patience)) {
		x.left[kind], x.until[kind] = each, rng.IntN(patience[kind])
	}
	return x
}

// int draws from the trial's random numbers.
func (x *troubles) int(n int) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.rng.IntN(n)
}

// come reports whether trouble comes at this chance.
func (x *troubles) come(kind string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.left[kind] == 0 {
		return false
	}
	if x.until[kind]--; x.until[kind] >= 0 {
		return false
	}
	x.left[kind]--
	x.had[kind]++
	x.until[kind] = x.rng.IntN(patience[kind])
	return true
}

func (x *troubles) total() (had int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, n := range x.had {
		had += n
	}
	return had
}

// awaited reports whether there will be trouble without any more rows.
func (x *troubles) awaited() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.left[inSnapshot]+x.left[inClose] > 0
}

var errTrouble = errors.New("a trouble")

func (x *troubles) at(kind string) error {
	if x.come(kind) {
		return fmt.Errorf("%w in %s", errTrouble, kind)
	}
	return nil
}

func (x *troubles) inFunction() error {
	err := x.at(inFunction)
	if err != nil && x.int(2) == 0 {
		panic(err)
	}
	return err
}

// inSink is asked at each step of the sink.
func (x *troubles) inSink(step string) error {
	kind := map[string]string{"write": inFunction, "prepare": inSnapshot, "commit": inClose, "recover": inRestore}[step]
	return x.at(kind)
}

// inStore is asked at each request to the store.
func (x *troubles) inStore(op fault.Op, name string, _ int) fault.Fault {
	kind := inSnapshot
	if op == fault.ReadAt || op == fault.Get {
		kind = inRestore
	}
	first := !strings.HasPrefix(name, "shards/") || strings.HasSuffix(name, ".flight") || x.first()
	switch {
	case kind == inRestore && !first, kind == inSnapshot && !op.Writes(), !x.come(kind):
		return fault.None
	case kind == inSnapshot && x.int(2) == 0:
		return fault.After
	}
	return fault.Before
}

// begin says that tasks begin; first reports whether a read is the first one of state since then.
func (x *troubles) begin() { x.mu.Lock(); defer x.mu.Unlock(); x.fresh = true }
func (x *troubles) first() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	was := x.fresh
	x.fresh = false
	return was
}

// trial runs a job of a topology with troubles, ends it at once in the middle, and goes on with another parallelism.
type trial struct {
	*troubles
	topology topology
	from, to int
	store    *audit
	shape    shape
	maximum  int
	aligned  bool // in the first life
	real     bool // time is: no checkpoint has a limit that the machine's load may break

	wrongs  []string
	ready   atomic.Bool      // the first life was ended
	cut     CheckpointStored // after this
	resumed bool             // the second life went on from it
}

func newTrial(seed uint64, p topology, from, to int) *trial {
	rng := rand.New(rand.NewPCG(seed, uint64(from*10+to)))
	x := &trial{troubles: newTroubles(rng, 2), topology: p, from: from, to: to, store: newAudit()}
	x.maximum = []int{16, 31, 128}[x.int(3)]
	x.aligned = x.int(6) == 0
	pace := func(int64) error { <-time.After(200 * time.Microsecond); return nil }
	end := int64([]int{90, 180, 270}[x.int(3)])
	splits := []int64{1, 2, 3, 5}[x.int(4)]
	if p.timed { // a split that waits for another to end is late
		splits = min(splits, int64(from), int64(to))
	}
	x.shape = shape{
		source: numbers{end: end, splits: splits, batch: []int{1, 5, 40}[x.int(3)], gate: pace},
		spread: 1 + x.int(3), step: x.step, touch: x.inFunction, sink: newCollected[int64](), rest: x.rests,
		resume: func() error { return x.at(inRestore) }, close: func() error { return x.at(inClose) }, wrong: x.wrong,
	}
	x.shape.sink.fault = x.inSink
	return x
}

// step is slow: rows pile up in front of it.
func (x *trial) step() error {
	if x.int(2) == 0 {
		<-time.After(time.Duration(x.int(400)) * time.Microsecond)
	}
	return x.inFunction()
}

// rests reports whether the job is to go on until something happens.
func (x *trial) rests() bool { return !x.ready.Load() || x.awaited() }

func (x *trial) wrong(what string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.wrongs = append(x.wrongs, what)
}

// draw draws all that may be another with each life.
func (x *trial) draw() RunOptions {
	x.shape.options = nil
	if n := x.int(4); n > 0 {
		x.shape.options = append(x.shape.options, InFlight([]int{1, 3, 64}[n-1]))
	}
	if x.int(4) == 0 {
		x.shape.options = append(x.shape.options, RelaxedWatermarks())
	}
	if x.int(4) == 0 {
		x.shape.options = append(x.shape.options, FirstAccessOrder())
	}
	micro := func(from, to int) time.Duration { return time.Duration(from+x.int(to-from)) * time.Microsecond }
	var objects objstore.Store = fault.New(x.store, x.inStore)
	if away := x.topology.farther + min(1, x.int(4)); away > 0 {
		objects = distant{objects, time.Duration(away) * 100 * time.Microsecond}
	}
	return RunOptions{
		MaxParallelism: x.maximum, CheckpointInterval: micro(1000, 6000), FlushAfter: micro(20, 10_000),
		CheckpointTimeout: []time.Duration{0, 0, 300 * time.Millisecond}[x.int(3)],
		UnalignedAfter:    []time.Duration{-1, -1, time.Millisecond, 100 * time.Microsecond}[x.int(4)],
		TolerateFailures:  []int{3, 1, -1}[x.int(3)], Restarts: 1 + x.int(4), RestartDelay: micro(100, 2000),
		Retain: 1 + x.int(3), Memory: []int64{0, 0, 0, 1 << 20}[x.int(4)], objects: objects,
	}
}

// longestLife is many times what a life takes that nothing holds up.
const longestLife = 20 * time.Second

// live is one life of the job. The first is cut off after some troubles, when a barrier has overtaken
// something; if none ever does, then after some checkpoints.
func (x *trial) live(t *testing.T, first bool) (Result, error) {
	ctx, cancel := context.WithTimeout(t.Context(), longestLife)
	defer cancel()
	o := x.draw()
	x.shape.parallelism = x.to
	if first {
		x.shape.parallelism = x.from
	}
	if x.aligned {
		o.UnalignedAfter = 0
	}
	if x.real || x.topology.farther > 0 { // one row after the other may wait for its state
		o.CheckpointTimeout = 0
	}
	o.Parallelism = x.shape.parallelism
	checkpoints := 0
	o.OnEvent = func(e Event) {
		switch e := e.(type) {
		case Started:
			x.begin()
		case CheckpointStored:
			checkpoints++
			if first && ctx.Err() == nil && x.total() >= 2 && (e.Overtaken > 0 || checkpoints > 12) {
				x.cut = e
				x.ready.Store(true)
				cancel()
			}
		}
	}
	return x.topology.job(&x.shape).Run(ctx, o)
}

// run says what is wrong.
func (x *trial) run(t *testing.T) error {
	for range 30 {
		first := x.cut.Checkpoint == 0
		r, err := x.live(t, first)
		x.resumed = x.resumed || !first && x.cut.Overtaken > 0 && r.ResumedFrom == x.cut.Checkpoint
		if len(x.wrongs) > 0 {
			return errors.New(x.wrongs[0])
		}
		for _, f := range r.Failures {
			if strange(f.Message) {
				return fmt.Errorf("a failure that is no trouble: %+v", f)
			}
		}
		if err != nil && strange(err.Error()) {
			return fmt.Errorf("the end of a life that is no trouble: %w", err)
		}
		if err == nil && r.Finished {
			return x.ended(t)
		}
	}
	return errors.New("it never finished")
}

// strange reports whether an error does not tell of what this file makes fail.
func strange(err string) bool {
	return !strings.Contains(err, errTrouble.Error()) && !strings.Contains(err, fault.ErrInjected.Error()) &&
		!strings.Contains(err, context.Canceled.Error())
}

// ended says what is wrong with the output, and with what is in the store.
func (x *trial) ended(t *testing.T) error {
	got, want := slices.Sorted(slices.Values(x.shape.sink.rows())), x.topology.want(&x.shape)
	if !slices.Equal(got, want) {
		return fmt.Errorf("%d rows, want %d: %s", len(got), len(want), difference(got, want))
	}
	if wrong := x.store.collect(t, "topology"); wrong != "" {
		return errors.New(wrong)
	}
	return nil
}

// difference tells of a row that is in one of two sorted lists only.
func difference(got, want []int64) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Sprintf("%d where %d should be", got[i], want[i])
		}
	}
	return "there is more of one"
}

// tally counts over trials.
type tally struct{ trials, troubles, cut, overtaken, resumed int }

func (y *tally) add(x *trial) {
	y.trials++
	y.troubles += x.total()
	if x.cut.Checkpoint > 0 {
		y.cut++
	}
	if x.cut.Overtaken > 0 {
		y.overtaken++
	}
	if x.resumed {
		y.resumed++
	}
}

func firstSeed() uint64 {
	if *unalignedSeed != 0 {
		return *unalignedSeed
	}
	return uint64(time.Now().UnixNano())
}

func TestRowsInFlightAreNeitherLostNorDoubledNorReorderedWhateverFails(t *testing.T) {
	seed := firstSeed()
	for _, name := range slices.Sorted(maps.Keys(topologies)) {
		t.Run(name, func(t *testing.T) {
			var all tally
			for _, scale := range rescalings {
				for i := range *unalignedSeeds {
					bubble.Test(t, func(t *testing.T) {
						x := newTrial(seed+i, topologies[name], scale[0], scale[1])
						if err := x.run(t); err != nil {
							t.Fatalf("-unaligned.seed=%d, from %d to %d: %v", seed+i, scale[0], scale[1], err)
						}
						if len(x.had) < len(patience)-1 || x.total() < 5 {
							t.Errorf("-unaligned.seed=%d, from %d to %d: only %v", seed+i, scale[0], scale[1], x.had)
						}
						all.add(x)
					})
				}
			}
			t.Logf("%+v", all)
			if all.resumed == 0 {
				t.Errorf("no life went on with rows in flight: %+v", all)
			}
		})
	}
}
