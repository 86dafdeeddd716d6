package lsm

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// A compaction that fails is tried again by Pebble at once, for ever. Its turn comes later and later instead.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 10 * time.Second
)

// opening is for how long a database compacts nothing after it has been opened with tables, unless an ingestion waits.
const opening = time.Second

// turns decides when a database may compact: while compactions of the process are free, and after a pause that
// doubles with each failure. It implements pebble.CompactionScheduler.
//
// Pebble calls it holding its own mutex, so a mutex here is never held while calling Pebble, with one
// exception: granting, which Pebble takes no part in.
type turns struct {
	res  *Resources
	hold *Hold // nil for none

	granting sync.Mutex // held while db is being called by the granter
	gone     bool       // under granting

	// under res.mu:
	db      pebble.DBForCompaction
	running int
	pause   time.Duration
	timer   *time.Timer // runs during a pause
	opened  *time.Timer // runs until compactions may begin; nil afterwards
	left    bool        // the database is being closed
	behind  int         // the depth of L0, as far as it is known
	pressed int         // ingestions that wait for it to become less

	ended <-chan struct{} // closed when the shard is
	read  atomic.Bool     // since L0 was compacted
}

// A database that nobody reads from, because all that it has is in memory as well, is compacted less often: for
// nothing but the length of its list.
const idleBehind = 12

// patient reports whether L0 can wait. res.mu is held.
func (t *turns) patient() bool {
	depth := t.res.scaled(t.behind)
	idle := depth > 1 && depth < idleBehind && !t.read.Load()
	return (idle || t.opened != nil) && t.pressed == 0
}

// opens lets the first reads go before compactions: a state that has just been opened is not in memory, and a
// compaction reads megabytes ahead.
func (t *turns) opens() {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	t.opened = time.AfterFunc(t.res.opening, func() {
		t.res.mu.Lock()
		t.opened = nil
		t.res.mu.Unlock()
		t.res.wake()
	})
}

// reading says that the database is being read from.
func (t *turns) reading() {
	if !t.read.Load() {
		t.read.Store(true)
		t.res.wake()
	}
}

// deepen says that L0 is about to have so many more sublevels, at most; is, how many it has.
func (t *turns) deepen(sublevels int) {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	t.behind += sublevels
}

func (t *turns) is(sublevels int32) {
	t.res.mu.Lock()
	t.behind = int(sublevels)
	t.res.mu.Unlock()
	t.res.wake()
}

// depth is that of L0; without end while an ingestion waits for it.
func (t *turns) depth() int {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	return t.lag()
}

// lag is depth. res.mu is held.
func (t *turns) lag() int {
	if t.pressed > 0 {
		return math.MaxInt
	}
	return t.res.scaled(t.behind)
}

// urgency is the depth of L0, or that of another database that waits for a turn, if it is deeper: while a compaction
// rests, it waits for longer.
func (t *turns) urgency() int {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	most := t.lag()
	for o := range t.res.waiting {
		if o.running == 0 {
			most = max(most, o.lag())
		}
	}
	return most
}

func (t *turns) isPressed() bool { return t.depth() == math.MaxInt }

// press says that an ingestion waits for L0 to become less deep, or has ceased to.
func (t *turns) press(by int) {
	t.res.mu.Lock()
	t.pressed += by
	t.res.mu.Unlock()
	t.res.wake()
}

var _ pebble.CompactionScheduler = (*turns)(nil)

// Register implements pebble.CompactionScheduler.
func (t *turns) Register(_ int, db pebble.DBForCompaction) {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	t.db = db
}

// Unregister implements pebble.CompactionScheduler: no call of the database is made after it.
func (t *turns) Unregister() {
	t.res.mu.Lock()
	delete(t.res.waiting, t)
	t.left = true
	t.endPause()
	if t.opened != nil {
		t.opened.Stop()
	}
	t.res.mu.Unlock()
	t.granting.Lock()
	t.gone = true
	t.granting.Unlock()
}

// compacted notes what a compaction has taken out of L0.
func (t *turns) compacted(info pebble.CompactionInfo) {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	if len(info.Input) > 0 && info.Input[0].Level == 0 {
		t.behind = 0 // or nearly: the next table to come tells
		t.read.Store(false)
	}
}

// UpdateGetAllowedWithoutPermission implements pebble.CompactionScheduler.
func (t *turns) UpdateGetAllowedWithoutPermission() { t.res.wake() }

// TrySchedule implements pebble.CompactionScheduler. A database that is refused waits to be granted a turn.
func (t *turns) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	if t.take() {
		return true, t.newTurn()
	}
	if !t.left {
		t.res.waiting[t] = true
	}
	return false, nil
}

// take reserves a compaction, if one is free for the database. res.mu is held.
func (t *turns) take() bool {
	if t.hold.holds() {
		return false
	}
	if t.left || !t.mayStart() || t.timer != nil || t.patient() || t.running >= t.db.GetAllowedWithoutPermission() {
		return false
	}
	t.res.free--
	t.running++
	return true
}

// mayStart reports whether a compaction is free. One more is for a database whose ingestion waits for it: the job stands
// still meanwhile, and leaves the processors alone. res.mu is held.
func (t *turns) mayStart() bool {
	return t.res.free > 0 || t.res.free == 0 && t.pressed > 0 && t.running == 0
}

func (t *turns) giveBack() {
	t.res.mu.Lock()
	t.res.free++
	t.running--
	t.res.mu.Unlock()
	t.res.wake()
}

// failed begins a pause. It may be called holding Pebble's mutex.
func (t *turns) failed() {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	if t.left {
		return
	}
	t.pause = min(max(2*t.pause, firstPause), lastPause)
	t.endPause()
	t.timer = time.AfterFunc(t.pause, func() {
		t.res.mu.Lock()
		t.timer = nil
		t.res.mu.Unlock()
		t.res.wake()
	})
}

func (t *turns) succeeded() {
	t.res.mu.Lock()
	defer t.res.mu.Unlock()
	t.pause = 0
}

func (t *turns) endPause() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

func (r *Resources) wake() {
	select {
	case r.poke <- struct{}{}:
	default:
	}
}

// grant gives free compactions to databases that wait, until the resources are closed.
func (r *Resources) grant() {
	defer close(r.done)
	for {
		select {
		case <-r.stop:
			return
		case <-r.poke:
		}
		for _, t := range r.candidates() {
			t.grant()
		}
	}
}

// candidates are the databases that wait, those with the most urgent compaction first.
func (r *Resources) candidates() []*turns {
	type candidate struct {
		*turns
		pebble.WaitingCompaction
	}
	r.mu.Lock()
	var all []candidate
	for t := range r.waiting {
		all = append(all, candidate{turns: t})
	}
	r.mu.Unlock()
	var wanting []candidate
	for _, c := range all {
		var wants bool
		c.call(func(db pebble.DBForCompaction) { wants, c.WaitingCompaction = db.GetWaitingCompaction() })
		if wants {
			wanting = append(wanting, c)
		}
	}
	slices.SortFunc(wanting, func(a, b candidate) int {
		if a.Optional != b.Optional {
			return map[bool]int{false: -1, true: 1}[a.Optional]
		}
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(b.Score, a.Score))
	})
	var sorted []*turns
	for _, c := range wanting {
		sorted = append(sorted, c.turns)
	}
	return sorted
}

// call calls the database, unless it has gone.
func (t *turns) call(f func(db pebble.DBForCompaction)) {
	t.granting.Lock()
	defer t.granting.Unlock()
	if !t.gone {
		f(t.db)
	}
}

// grant starts a compaction, if one is free. A database that has no more waiting asks again by itself.
func (t *turns) grant() {
	t.call(func(db pebble.DBForCompaction) {
		t.res.mu.Lock()
		ok := t.take()
		t.res.mu.Unlock()
		if ok && !db.Schedule(t.newTurn()) {
			t.giveBack()
		}
	})
}
