package memory

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Sharer takes a share of the memory. Its methods are safe for concurrent use.
type Sharer interface {
	// Used is the number of bytes taken.
	Used() int64
	// SetLimit gives it a share, in bytes, to be kept to as soon as possible.
	SetLimit(bytes int64)
}

// Outsider is a Sharer with memory that the runtime of Go knows nothing of.
type Outsider interface {
	Sharer
	// OutsideHeap is how many of the bytes that are used are such.
	OutsideHeap() int64
}

// Bounded is what goes by the limit itself, and has no share.
type Bounded interface {
	// Within says what the limit is, in bytes. It is safe for concurrent use.
	Within(limit int64)
}

// Limit is a bound on the memory of a process, in bytes, which may change. It is safe for concurrent use.
type Limit struct{ bytes atomic.Int64 }

// NewLimit returns a limit; zero for none.
func NewLimit(bytes int64) *Limit {
	l := &Limit{}
	l.Set(bytes)
	return l
}

// Set changes the limit.
func (l *Limit) Set(bytes int64) { l.bytes.Store(bytes) }

// Bytes is the limit; zero for none.
func (l *Limit) Bytes() int64 { return l.bytes.Load() }

// channelShare is the part of the limit, as 1/channelShare, that rows between subtasks may take.
const channelShare = 10

// Channels is how many bytes the rows between subtasks may take; zero for no bound.
func (l *Limit) Channels() int64 { return l.Bytes() / channelShare }

// interval is the time between two looks at what is used.
const interval = 500 * time.Millisecond

// Manager keeps to a limit.
type Manager struct {
	limit    *Limit
	tables   Sharer
	blocks   Outsider
	others   Bounded
	shares   Shares
	set      int64 // the limit when last looked at
	told     int64 // the limit that the runtime has been told
	cycles   uint64
	before   int64 // what tables and blocks used when last looked at
	overfull atomic.Bool
}

// NewManager returns a manager that has given first shares, or none if there is no limit.
func NewManager(limit *Limit, tables Sharer, blocks Outsider, others Bounded) *Manager {
	m := &Manager{limit: limit, tables: tables, blocks: blocks, others: others}
	if n := limit.Bytes(); n > 0 {
		m.give(first(n))
		m.others.Within(n)
	}
	return m
}

func (m *Manager) give(s Shares) {
	m.shares = s
	m.tables.SetLimit(s.Tables)
	m.blocks.SetLimit(s.Blocks)
}

// Run keeps to the limit until the context ends.
func (m *Manager) Run(ctx context.Context) {
	if m.limit.Bytes() <= 0 {
		return
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(-1))
	}
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		m.look()
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// look gives new shares if there is news: of the limit, or of what is alive.
func (m *Manager) look() {
	limit := m.limit.Bytes()
	outside := m.blocks.OutsideHeap()
	m.tell(max(limit-outside, smallest))
	live, scan, cycles := heap()
	live += outside
	used := m.tables.Used() + m.blocks.Used()
	if cycles != m.cycles || limit != m.set {
		// What was used at the collection is not known, but before and after it: the less of both leaves more to
		// the rest.
		less := min(used, m.before)
		u := Use{Live: live, Scan: scan, Tables: m.tables.Used(), Blocks: m.blocks.Used()}
		u.Live += used - less
		m.give(divide(limit, u, m.shares))
	}
	if limit != m.set {
		m.others.Within(limit)
	}
	if limit < m.set && m.tables.Used() > m.shares.Tables/4*5 {
		m.overfull.Store(true)
	}
	m.cycles, m.set, m.before = cycles, limit, used
}

// tell tells the runtime how much it may take.
func (m *Manager) tell(limit int64) {
	if limit != m.told && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit)
		m.told = limit
	}
}

// TakeOverfull reports, once, that the limit has become less and that the hot tables have more than they may. They
// do not give memory back: they must be opened anew.
func (m *Manager) TakeOverfull() bool { return m.overfull.CompareAndSwap(true, false) }

// smallest is the limit below which the runtime would do little but collect.
const smallest = 64 << 20

// heap is what was alive at the last collection, how much of that there was to scan, and how many there have been.
func heap() (live, scan int64, cycles uint64) {
	m := []metrics.Sample{
		{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/heap:bytes"}, {Name: "/gc/cycles/total:gc-cycles"},
	}
	metrics.Read(m)
	bytes := func(i int) int64 { return int64(min(m[i].Value.Uint64(), math.MaxInt64)) }
	return bytes(0), bytes(1), m[2].Value.Uint64()
}
