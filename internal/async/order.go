package async

// register gives a record an ID and its place in the order of admission.
func (c *Controller) register(r record) ID {
	c.seq++
	r.seq = c.seq
	c.flying++
	id := c.free
	if id == 0 {
		c.records = append(c.records, r)
		return ID(len(c.records) - 1)
	}
	c.free = c.records[id].next
	c.records[id] = r
	return id
}

func (c *Controller) unregister(id ID) {
	if c.records[id].inside {
		c.inside--
	}
	c.flying--
	c.ended++
	c.records[id] = record{next: c.free}
	c.free = id
}

// append puts a record at the end of its key's queue.
func (c *Controller) append(l *line, id ID) {
	if l.first == 0 {
		l.first = id
	} else {
		c.records[l.last].next = id
	}
	l.last = id
	c.wake(l)
}

// insert puts a derived record behind what has started and what was derived before, and in front of the others.
func (c *Controller) insert(l *line, id ID) {
	before := l.derived
	l.derived = id
	if before == 0 && l.first != 0 {
		if first := &c.records[l.first]; first.stage == running {
			before = l.first
		} else {
			first.stage = waiting // its turn, if it had one, is void
		}
	}
	if before == 0 {
		c.records[id].next, l.first = l.first, id
	} else {
		c.records[id].next, c.records[before].next = c.records[before].next, id
	}
	if c.records[id].next == 0 {
		l.last = id
	}
	c.wake(l)
}

// dequeue takes the first record, which has ended, out of the queue of a key.
func (c *Controller) dequeue(l *line, id, next ID) {
	l.first = next
	if l.derived == id {
		l.derived = 0
	}
	c.wake(l)
}

// wake lets the first record of a key have its turn, if it waits for nothing else.
func (c *Controller) wake(l *line) {
	if l.first == 0 {
		return
	}
	if r := &c.records[l.first]; r.stage == waiting && r.pending == 0 {
		r.stage = isReady
		c.ready.push(turn{r.seq, l.first})
	}
}
