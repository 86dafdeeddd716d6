package async

import "testing"

// The bugs that a controller could have, each planted before the true one, each to be found by a history.

type keysApart struct {
	*Controller
	n Key
}

// Records of a key are taken for records of different ones.
func (c *keysApart) Admit(key Key, pending int, overtakes bool) ID {
	c.n += 1000
	return c.Controller.Admit(key+c.n, pending, overtakes)
}

type firstComeFirst struct{ *Controller }

// A timer stands behind the records that came after its watermark.
func (c firstComeFirst) Derive(key Key, pending int) ID {
	id := c.Controller.Derive(key, pending)
	if l := c.keys.find(key); l.last != id && c.records[id].next != 0 && l.first == id {
		l.first, c.records[id].next = c.records[id].next, 0
		c.records[l.last].next, l.last, l.derived = id, id, 0
		c.records[id].stage = waiting
		c.wake(l)
	}
	return id
}

type pushesAhead struct{ *Controller }

// A timer does not wait for the record of its key that has started.
func (c pushesAhead) Derive(key Key, pending int) ID {
	if l := c.keys.find(key); l != nil && c.records[l.first].stage == running {
		return c.Controller.Derive(key+1000, pending)
	}
	return c.Controller.Derive(key, pending)
}

type dueTooEarly struct{ *Controller }

// An event does not wait for the records before it.
func (c dueTooEarly) Due() (EventID, bool) {
	e := c.epoch(c.oldest)
	due := e.closed && !e.due
	e.due = e.due || due
	return c.oldest, due
}

type leavesTooEarly struct{ *Controller }

// An event does not wait for its timers.
func (c leavesTooEarly) Leave() (EventID, bool) {
	e := c.epoch(c.oldest)
	if e.settled {
		e.derived = 0
	}
	return c.Controller.Leave()
}

type neverOpens struct{ *Controller }

// The records of the next epoch are not woken when an event leaves.
func (c neverOpens) Leave() (EventID, bool) {
	if c.epochs.len() > 1 {
		next := c.epoch(c.oldest + 1)
		next.firstHeld, next.lastHeld = 0, 0
	}
	return c.Controller.Leave()
}

type sleepsOn struct{ *Controller }

// The end of a record does not wake the next one of its key.
func (c sleepsOn) Done(id ID) bool {
	if next := c.records[id].next; next != 0 {
		c.records[next].pending++
	}
	return c.Controller.Done(id)
}

type loses struct{ *Controller }

// A read that arrives while its record waits for its key is lost.
func (c loses) Arrived(id ID) {
	if l := c.keys.find(c.records[id].key); l.first == id {
		c.Controller.Arrived(id)
	}
}

type impatient struct{ *Controller }

// A record starts when one of its reads has arrived.
func (c impatient) Arrived(id ID) {
	if c.records[id].pending > 1 {
		c.records[id].pending = 1
	}
	if c.records[id].stage == waiting {
		c.Controller.Arrived(id)
	}
}

type counts struct{ *Controller }

// A record that comes after an event counts as one that came before it.
func (c counts) Admit(key Key, pending int, overtakes bool) ID {
	id := c.Controller.Admit(key, pending, overtakes)
	if r := &c.records[id]; r.epoch > c.oldest {
		c.epoch(r.epoch).left--
		r.epoch--
		c.epoch(r.epoch).left++
	}
	return id
}

type alwaysFree struct{ *Controller }

func (c alwaysFree) Done(id ID) bool {
	c.Controller.Done(id)
	return true
}

type reuses struct{ *Controller }

// The ID of a record that ends is given to the next one, and that of the next one too.
func (c reuses) Done(id ID) bool {
	free := c.Controller.Done(id)
	c.records[c.free].next = c.free
	return free
}

type alwaysReady struct{ *Controller }

func (c alwaysReady) Ready(bool) bool { return true }

type overtakesAll struct{ *Controller }

// Every record overtakes events.
func (c overtakesAll) Admit(key Key, pending int, _ bool) ID {
	return c.Controller.Admit(key, pending, true)
}

type passesHeld struct{ *Controller }

// A record that overtakes events overtakes those, too, that wait for them.
func (c passesHeld) Admit(key Key, pending int, overtakes bool) ID {
	held := c.held
	if c.held = 0; !overtakes {
		c.held = held
	}
	id := c.Controller.Admit(key, pending, overtakes)
	if overtakes {
		c.held += held
	}
	return id
}

type neverBusy struct{ *Controller }

// A key is taken for free while its records have not started.
func (c neverBusy) Busy(key Key) bool {
	l := c.keys.find(key)
	return l != nil && c.records[l.first].stage == running
}

type lastFirst struct{ *Controller }

// Next does not care who was admitted first.
func (c lastFirst) Next() (ID, bool) {
	if q := &c.ready.inOrder; q.len() > 1 {
		a, b := q.at(0), q.at(1)
		*a, *b = *b, *a
	}
	return c.Controller.Next()
}

type startsTwice struct{ *Controller }

// The turn that a timer made void stays good.
func (c startsTwice) Derive(key Key, pending int) ID {
	first := ID(0)
	if l := c.keys.find(key); l != nil && c.records[l.first].stage == isReady {
		first = l.first
	}
	id := c.Controller.Derive(key, pending)
	if first != 0 {
		c.records[first].stage = isReady
	}
	return id
}

type entersAtOnce struct{ *Controller }

func (c entersAtOnce) Enter(id ID, key Key, pending int) bool {
	c.Controller.Enter(id, key, pending)
	return true
}

func TestPlantedBugsAreFound(t *testing.T) {
	for name, plant := range map[string]func(*Controller) controller{
		"keys apart":       func(c *Controller) controller { return &keysApart{Controller: c} },
		"first come first": func(c *Controller) controller { return firstComeFirst{c} },
		"pushes ahead":     func(c *Controller) controller { return pushesAhead{c} },
		"due too early":    func(c *Controller) controller { return dueTooEarly{c} },
		"leaves too early": func(c *Controller) controller { return leavesTooEarly{c} },
		"never opens":      func(c *Controller) controller { return neverOpens{c} },
		"sleeps on":        func(c *Controller) controller { return sleepsOn{c} },
		"loses arrivals":   func(c *Controller) controller { return loses{c} },
		"impatient":        func(c *Controller) controller { return impatient{c} },
		"counts wrong":     func(c *Controller) controller { return counts{c} },
		"always free":      func(c *Controller) controller { return alwaysFree{c} },
		"reuses IDs":       func(c *Controller) controller { return reuses{c} },
		"always ready":     func(c *Controller) controller { return alwaysReady{c} },
		"never busy":       func(c *Controller) controller { return neverBusy{c} },
		"last first":       func(c *Controller) controller { return lastFirst{c} },
		"starts twice":     func(c *Controller) controller { return startsTwice{c} },
		"enters at once":   func(c *Controller) controller { return entersAtOnce{c} },
		"overtakes all":    func(c *Controller) controller { return overtakesAll{c} },
		"passes held":      func(c *Controller) controller { return passesHeld{c} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(100) {
				if fault := newHistory(seed, plant).run(); fault != "" {
					t.Logf("seed %d: %s", seed, fault)
					return
				}
			}
			t.Error("a hundred histories do not show it")
		})
	}
}
