package async

// Key is a record's key: its slot in the hot tables. An operator with several tables mixes their number in.
type Key uint64

// ID is a record in flight. It is used again after Done. Zero is none.
type ID uint32

// EventID is an event: the n-th one closed, from zero.
type EventID uint64

type stage uint8

const (
	waiting stage = iota // for reads, its key or its epoch
	isReady              // waits for Next alone
	running
)

type record struct {
	key     Key
	seq     uint64  // in the order of admission
	epoch   EventID // the event that ends its epoch, or that it is derived from
	pending int32   // reads that have not arrived
	next    ID      // in the queue of its key, among those held back, or among those free
	stage   stage
	keyed   bool // false: it has begun and not entered its key's queue
	inside  bool // its function has been entered
	derived bool
}

// epoch is the records since the last event, and the event that ends them.
type epoch struct {
	left                 int // records that have not ended
	derived              int // records derived from the event that have not ended
	closed, due, settled bool
	firstHeld, lastHeld  ID // strict: its records, as long as it may not run
}

// Controller knows the records in flight of one operator of one subtask. Its methods must be called by one
// goroutine at a time, and only with IDs of records in flight. None of them blocks.
type Controller struct {
	records []record // by ID
	free    ID       // records to be used again, linked
	seq     uint64
	keys    keys
	ready   ready
	epochs  queue[epoch] // the last one is open
	oldest  EventID      // the event of the oldest one
	held    int          // records that are held back until their epoch is the oldest
	flying  int
	ended   uint64
	inside  int
}

// New returns a controller without records.
func New() *Controller {
	c := &Controller{records: make([]record, 1, leastKeys), keys: newKeys()}
	c.epochs.push(epoch{})
	return c
}

// Admit takes a record that has come, with so many reads to wait for. It is found by Next when it may start: one that
// overtakes does not wait for the events before it.
func (c *Controller) Admit(key Key, pending int, overtakes bool) ID {
	e := c.open()
	id := c.register(record{key: key, epoch: e, pending: int32(pending), keyed: true})
	c.epoch(e).left++
	l := c.keys.add(key)
	if c.runs(e, overtakes) {
		c.append(l, id)
	} else {
		c.hold(c.epoch(e), id)
	}
	return id
}

// Start takes a record that runs already: it was not admitted, because it could run at once, and is parked now.
// When it began to run, and now, its key must not be busy, and Ready must be true.
func (c *Controller) Start(key Key) ID {
	e := c.open()
	c.epoch(e).left++
	return c.started(record{key: key, epoch: e})
}

// StartDerived is Start of a record that is derived from the event that is due, like [Controller.Derive].
func (c *Controller) StartDerived(key Key) ID {
	c.epoch(c.oldest).derived++
	return c.started(record{key: key, epoch: c.oldest, derived: true})
}

func (c *Controller) started(r record) ID {
	r.keyed, r.inside, r.stage = true, true, running
	id := c.register(r)
	c.inside++
	l := c.keys.add(r.key)
	l.first, l.last = id, id
	return id
}

// Begin takes a record that runs and has no key until it enters one: order by first access. Ready must be true.
func (c *Controller) Begin() ID {
	e := c.open()
	c.epoch(e).left++
	c.inside++
	return c.register(record{epoch: e, stage: running, inside: true})
}

// Enter gives a record that has begun its place among the records of a key, once, with so many reads to wait for. If
// it does not go on at once, it waits for the records before it and for the reads, and Next finds it again.
func (c *Controller) Enter(id ID, key Key, pending int) (goesOn bool) {
	r := &c.records[id]
	r.key, r.keyed, r.stage, r.pending = key, true, waiting, int32(pending)
	l := c.keys.add(key)
	if l.first == 0 && pending == 0 {
		l.first, l.last = id, id
		r.stage = running
		return true
	}
	c.append(l, id)
	return false
}

// Derive takes a record that the event that is due causes, a timer. It may be called from Due until Leave: after
// Settle only by a derived record that has not ended. No limit of records in flight may keep anybody from it.
func (c *Controller) Derive(key Key, pending int) ID {
	c.epoch(c.oldest).derived++
	r := record{key: key, epoch: c.oldest, pending: int32(pending), keyed: true, derived: true}
	id := c.register(r)
	c.insert(c.keys.add(key), id)
	return id
}

// Arrived says that one of the reads that a record is said to wait for is here.
func (c *Controller) Arrived(id ID) {
	r := &c.records[id]
	r.pending--
	if r.pending == 0 {
		c.wake(c.keys.find(r.key))
	}
}

// Next returns a record that may start, or go on after Enter. It runs from now on, until Done.
func (c *Controller) Next() (id ID, ok bool) {
	for {
		t, ok := c.ready.pop()
		if !ok {
			return 0, false
		}
		r := &c.records[t.id]
		if r.stage != isReady || r.seq != t.seq {
			continue // a derived record has come before it, and it gets another turn; or it has run as a derived one
		}
		c.run(t.id)
		return t.id, true
	}
}

func (c *Controller) run(id ID) {
	r := &c.records[id]
	r.stage = running
	if !r.inside {
		r.inside = true
		c.inside++
	}
}

// Done says that a record that ran has ended. The key is free when no other record of it is in flight; a record
// that has not entered one frees none.
func (c *Controller) Done(id ID) (free bool) {
	r := c.records[id]
	c.unregister(id)
	if e := c.epoch(r.epoch); r.derived {
		e.derived--
	} else {
		e.left--
	}
	if !r.keyed {
		return false
	}
	l := c.keys.find(r.key)
	if l.count == 1 {
		c.keys.remove(r.key)
		return true
	}
	l.count--
	c.dequeue(l, id, r.next)
	return false
}

// Busy says whether a record of the key is in flight.
func (c *Controller) Busy(key Key) bool { return c.keys.find(key) != nil }

// Ready says whether a record that comes now may run at once, if its key is not busy and it has what it reads.
func (c *Controller) Ready(overtakes bool) bool { return c.runs(c.open(), overtakes) }

// InFlight is how many records have come and not ended, derived ones included.
func (c *Controller) InFlight() int { return c.flying }

// Ended is how many records have ended, ever.
func (c *Controller) Ended() uint64 { return c.ended }

// Keys is how many keys those in flight have that have entered one.
func (c *Controller) Keys() int { return c.keys.used }

// Parked is how many of those are inside their function.
func (c *Controller) Parked() int { return c.inside }

// Queued is how many of those have not started.
func (c *Controller) Queued() int { return c.flying - c.inside }
