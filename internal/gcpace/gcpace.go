package gcpace

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// floor is the garbage in bytes that is always worth waiting for.
const floor = 32 << 20

// smallest is the heap in bytes for which the runtime counts at least: at 100 percent it collects no sooner.
const smallest = 4 << 20

// percent is how much of the live heap may become garbage until the next collection.
func percent(live, scan uint64) int {
	return int(max(floor, scan) * 100 / max(smallest, live))
}

// Start paces the collector until stop is called, unless GOGC is set in the environment. It is safe for concurrent
// use; one pace at a time is kept.
func Start() (stop func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	p := &pace{before: debug.SetGCPercent(percent(0, 0))}
	p.watch()
	return p.stop
}

// pace adjusts the percentage after each collection.
type pace struct {
	before  int
	mu      sync.Mutex
	stopped bool
}

// watch waits for the next collection: it makes garbage whose cleanup is the call.
func (p *pace) watch() {
	runtime.AddCleanup(new([16]byte), (*pace).adjust, p)
}

func (p *pace) adjust() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"}}
	metrics.Read(m)
	debug.SetGCPercent(percent(m[0].Value.Uint64(), m[1].Value.Uint64()))
	p.watch()
}

func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.stopped = true
		debug.SetGCPercent(p.before)
	}
}
