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
func percent(live, scan, floor uint64) int {
	return int(max(floor, scan) * 100 / max(smallest, live))
}

// Start paces the collector until stop is called, unless GOGC is set in the environment. One pace at a time is kept.
func Start() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p := &pace{end: make(chan struct{})}
	p.percent = percent(0, 0, floor(math.MaxInt64))
	p.before = debug.SetGCPercent(p.percent)
	p.done.Go(p.run)
	return sync.OnceFunc(p.stop)
}

// pace adjusts the percentage after collections.
type pace struct {
	before, percent int
	cycles          uint64
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
	}
	metrics.Read(m)
	cycles := m[0].Value.Uint64()
	if cycles == p.cycles {
		return
	}
	p.cycles = cycles
	want := percent(m[1].Value.Uint64(), m[2].Value.Uint64(), floor(debug.SetMemoryLimit(-1)))
	if differ := want - p.percent; max(differ, -differ)*10 > p.percent {
		p.percent = want
		debug.SetGCPercent(want)
	}
}

func (p *pace) stop() {
	close(p.end)
	p.done.Wait()
	debug.SetGCPercent(p.before)
}
