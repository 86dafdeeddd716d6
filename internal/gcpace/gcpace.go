package gcpace

import (
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// The garbage in bytes that is always worth waiting for is between least and most: an eighth of the limit on memory.
// With 32 MiB a cycle of the collector, which takes some ten milliseconds of a busy machine, is under way a third of the
// time for a job that allocates a gigabyte a second.
const (
	least = 32 << 20
	most  = 128 << 20
)

// smallest is the heap in bytes for which the runtime counts at least: at 100 percent it collects no sooner.
const smallest = 4 << 20

// every is how often is looked at how large the heap has become. A heap that grows from next to nothing has a large
// percentage until then.
const every = 20 * time.Millisecond

// floor is the garbage in bytes that is always worth waiting for, under a limit on memory in bytes.
func floor(limit int64) uint64 { return uint64(min(most, max(least, limit/8))) }

// percent is how much of the live heap may become garbage until the next collection.
func percent(live, scan, garbage uint64) int {
	return int(max(garbage, scan) * 100 / max(smallest, live))
}

// A collection marks each object, and many small ones take it long although there is nothing in them to scan: the strings
// of values do. Where collections take more than dear of the processors they become fewer, and more again below cheap.
const dear, cheap = 0.08, 0.04

// worth is the garbage in bytes that is worth waiting for when so much was until now and collections took a share of the
// processors: up to half of what the limit leaves, or half of what is alive if there is none.
func worth(before uint64, share float64, live uint64, limit int64) uint64 {
	room := live / 2
	if limit < math.MaxInt64 {
		room = uint64(max(0, limit-int64(live))) / 2
	}
	switch {
	case share > dear:
		before += before / 4
	case share < cheap:
		before -= before / 5
	}
	return max(floor(limit), min(before, room))
}

// Start paces the collector until stop is called, unless GOGC is set in the environment. One pace at a time is kept.
func Start() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p := &pace{end: make(chan struct{}), garbage: most}
	p.percent = percent(0, 0, most)
	p.before = debug.SetGCPercent(p.percent)
	p.done.Go(p.run)
	return sync.OnceFunc(p.stop)
}

// pace adjusts the percentage after collections.
type pace struct {
	before, percent int
	cycles          uint64
	garbage         uint64  // that is worth waiting for
	collecting, all float64 // seconds of the processors until the last collection
	end             chan struct{}
	done            sync.WaitGroup
}

func (p *pace) run() {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.end:
			return
		case <-tick.C:
			p.adjust()
		}
	}
}

// adjust sets another percentage, if there has been a collection and it is worth it: that stops the world.
func (p *pace) adjust() {
	m := []metrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
	}
	metrics.Read(m)
	cycles := m[0].Value.Uint64()
	if cycles == p.cycles {
		return
	}
	p.cycles = cycles
	live, share := m[1].Value.Uint64(), p.share(m[3].Value.Float64()-m[4].Value.Float64(), m[5].Value.Float64())
	p.garbage = worth(p.garbage, share, live, debug.SetMemoryLimit(-1))
	want := percent(live, m[2].Value.Uint64(), p.garbage)
	if differ := want - p.percent; max(differ, -differ)*10 > p.percent {
		p.percent = want
		debug.SetGCPercent(want)
	}
}

// share is what part of the processors collections have taken since it was asked last, by the seconds until now. What they
// take while there is nothing else to do does not count.
func (p *pace) share(collecting, all float64) float64 {
	took, of := collecting-p.collecting, all-p.all
	p.collecting, p.all = collecting, all
	if of <= 0 {
		return 0
	}
	return took / of
}

func (p *pace) stop() {
	close(p.end)
	p.done.Wait()
	debug.SetGCPercent(p.before)
}
