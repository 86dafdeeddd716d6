package async

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// Swinging is how a load was taken that swings tenfold.
type Swinging struct {
	// SecondS is how long the load stays as it is, in seconds.
	SecondS float64 `json:"second_s"`
	// Capacity is the throughput without a limit to the load, in rows per second.
	Capacity float64 `json:"capacity_per_s"`
	// Offered and Done are the rows of each such time.
	Offered []int64 `json:"offered"`
	Done    []int64 `json:"done"`
	// LeftS is how long it took after that until all was done.
	LeftS float64 `json:"left_s"`
	// MostInFlight are rows that had come and were not done; those that were not let in are not among them.
	MostInFlight int64 `json:"most_in_flight"`
	// BeforeBytes is the heap before the load came, PeakBytes the largest.
	BeforeBytes uint64 `json:"heap_before_bytes"`
	PeakBytes   uint64 `json:"heap_peak_bytes"`
	// Worst is the throughput of the worst period by that of the best: from a high time to the next one.
	Worst float64 `json:"worst"`
	// OK says that Worst is not below a half.
	OK bool `json:"ok"`
}

const (
	swings      = 10 // half of them high
	tenfold     = 10
	leastPeriod = 0.5
)

// beyond is how far the high load is above what the operator has been measured to take: it has to catch up later.
const beyond = 1.2

// swing lets the load swing between somewhat more than what the operator can take, where memory is full, and a tenth
// of that.
func (b *bench) swing(ctx context.Context) (err error) {
	g := newGround(ofProcess(func() function { return &wideCounts{} }))
	if err := g.lay(ctx, each(order(b.part(), laying), batchLen, oneByOne)); err != nil {
		return err
	}
	s, err := g.open(ctx, setting{latency: b.o.Latency, memory: g.bytes / 4})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	w := &wave{stage: s, second: b.o.fed() / 2, next: endless(b.part(), visiting)}
	fmt.Fprintln(b.progress, "how much can be taken of a load that swings, when memory is full and changes are written")
	var capacity float64
	for _, long := range []time.Duration{swings / 2 * w.second, b.o.fed()} { // at first there is little to merge
		if capacity, err = w.flood(long); err != nil {
			return err
		}
	}
	fmt.Fprintf(b.progress, "a load that swings tenfold, %d times\n", swings)
	runtime.GC() // of what has been before
	w.high, w.before = beyond*capacity, w.fed
	w.r = Swinging{SecondS: w.second.Seconds(), Capacity: capacity, BeforeBytes: heapBytes()}
	err = w.run()
	b.report.Swing = &w.r
	return err
}

// endless is an order that begins again.
func endless(n, step int64) func() int64 {
	next := order(n, step)
	return func() int64 {
		if k := next(); k >= 0 {
			return k
		}
		next = order(n, step)
		return next()
	}
}

// wave is a load that swings.
type wave struct {
	*stage
	second time.Duration
	next   func() int64
	high   float64 // rows in a second, when the load is high
	before int64   // rows, when the load began to swing
	begin  time.Time
	r      Swinging
}

func (w *wave) done() int64 { return w.env.Stats.RowsOut.Load() - w.before }

// flood offers more than can be taken for some time, and returns how many rows were done in a second.
func (w *wave) flood(long time.Duration) (perSecond float64, err error) {
	begin, before := time.Now(), w.done()
	for time.Since(begin) < long {
		if _, err := w.feed(w.rows(batchLen)); err != nil {
			return 0, err
		}
	}
	if err := w.settle(); err != nil {
		return 0, err
	}
	return float64(w.done()-before) / time.Since(begin).Seconds(), nil
}

// rows fills batches with as many rows.
func (w *wave) rows(n int64) filler {
	return func(b *flow.Batch[row]) {
		for range n {
			b.Append(oneByOne(w.next()), flow.NoTime)
		}
	}
}

// run offers the load. What is not let in is offered later.
func (w *wave) run() error {
	w.begin = time.Now()
	end := w.watch()
	err := w.offerAll()
	end()
	if err == nil {
		err = w.settle()
	}
	w.r.LeftS = (time.Since(w.begin) - swings*w.second).Seconds()
	w.r.judge()
	return err
}

// offered is how many rows are due at a time.
func (w *wave) offered(at time.Duration) int64 {
	var rows float64
	for i := range swings {
		rows += w.rate(i) * min(w.second, max(0, at-time.Duration(i)*w.second)).Seconds()
	}
	return int64(rows)
}

func (w *wave) rate(second int) float64 {
	if second%2 == 0 {
		return w.high / tenfold
	}
	return w.high
}

// watch counts what is done in each second, on a goroutine of its own, until end is called.
func (w *wave) watch() (end func()) {
	stop := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		var done int64
		for i := range swings {
			w.peaks(stop, w.begin.Add(time.Duration(i+1)*w.second))
			now := w.done()
			w.r.Done = append(w.r.Done, now-done)
			w.r.Offered = append(w.r.Offered, w.offered(time.Duration(i+1)*w.second)-w.offered(time.Duration(i)*w.second))
			done = now
		}
	})
	return func() { close(stop); group.Wait() }
}

// peaks looks at the heap until a time comes or stop is closed.
func (w *wave) peaks(stop <-chan struct{}, until time.Time) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(until) {
		w.r.PeakBytes = max(w.r.PeakBytes, heapBytes())
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// offerAll feeds what is due, as far as there is room, until the last second is over.
func (w *wave) offerAll() error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for at := time.Since(w.begin); at < swings*w.second; at = time.Since(w.begin) {
		if err := w.offer(w.offered(at)); err != nil {
			return err
		}
		select {
		case <-w.flying.Wake():
			if err := w.flying.Resume(); err != nil {
				return err
			}
		case <-tick.C:
		case <-w.env.Context.Done():
			return context.Cause(w.env.Context)
		}
	}
	return nil
}

// offer feeds a batch, if so many rows are due and there is room.
func (w *wave) offer(due int64) error {
	fed := w.fed - w.before
	if w.flying.Full() || due <= fed {
		return nil
	}
	_, err := w.feed(w.rows(min(due-fed, batchLen)))
	w.r.MostInFlight = max(w.r.MostInFlight, w.fed-w.before-w.done())
	return err
}

// heapBytes is what objects take, those included that nobody needs any more.
func heapBytes() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// judge compares the periods, each from the beginning of a high time to that of the next one: what comes in a high time
// is in part done in the low time behind it.
func (s *Swinging) judge() {
	var periods []int64
	for i := 1; i+1 < len(s.Done); i += 2 {
		periods = append(periods, s.Done[i]+s.Done[i+1])
	}
	if best := slices.Max(append(periods, 0)); best > 0 {
		s.Worst = float64(slices.Min(periods)) / float64(best)
	}
	s.OK = s.Worst >= leastPeriod
}

func (s *Swinging) print(w io.Writer) {
	numbers := func(all []int64) string { return strings.Trim(fmt.Sprint(all), "[]") }
	fmt.Fprintf(w, "\nA load that swings tenfold every %g s: %d rows in flight at most, heap %.0f MiB, at most %.0f MiB; "+
		"%.0f rows/s without a limit\n", s.SecondS, s.MostInFlight, mib(s.BeforeBytes), mib(s.PeakBytes), s.Capacity)
	fmt.Fprintf(w, "offered: %s\ndone:    %s\n", numbers(s.Offered), numbers(s.Done))
	verdict := "no collapse"
	if !s.OK {
		verdict = "COLLAPSED"
	}
	fmt.Fprintf(w, "from one high time to the next the worst throughput is %.2f of the best (wanted ≥ %g): %s; "+
		"%.2f s were left\n",
		s.Worst, leastPeriod, verdict, s.LeftS)
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }
