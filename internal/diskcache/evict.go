package diskcache

// queueID names a queue that a slot is in.
type queueID uint8

const (
	nobodys queueID = iota // not in the files, or about to be filled: in no queue
	free
	small   // chunks on probation
	large   // those that were used again
	loading // read from the file, but not in order yet
	queueCount
)

const (
	maxUses = 3
	// maxSpared bounds how long one search for a victim takes: after so many spared chunks the next one goes.
	maxSpared = 256
)

// queue is a list of slots, linked through them.
type queue struct {
	newest, oldest uint32
	n              int
}

// move takes a slot out of the queue that it is in and makes it the newest of another.
func (x *index) move(id uint32, to queueID) {
	s := x.slot(id)
	x.unlink(id)
	s.queue = to
	if to == nobodys {
		return
	}
	q := &x.queues[to]
	s.next, s.prev = noSlot, q.newest // next is newer, prev is older
	if q.newest != noSlot {
		x.slot(q.newest).next = id
	} else {
		q.oldest = id
	}
	q.newest = id
	q.n++
}

func (x *index) unlink(id uint32) {
	s := x.slot(id)
	if s.queue == nobodys {
		return
	}
	q := &x.queues[s.queue]
	if s.next != noSlot {
		x.slot(s.next).prev = s.prev
	} else {
		q.newest = s.prev
	}
	if s.prev != noSlot {
		x.slot(s.prev).next = s.next
	} else {
		q.oldest = s.next
	}
	q.n--
}

// replace puts a slot that is nobody's where another is in its queue, which becomes nobody's.
func (x *index) replace(old, id uint32) {
	o, s := x.slot(old), x.slot(id)
	s.queue, s.next, s.prev, s.uses = o.queue, o.next, o.prev, o.uses
	q := &x.queues[s.queue]
	if s.next != noSlot {
		x.slot(s.next).prev = id
	} else {
		q.newest = id
	}
	if s.prev != noSlot {
		x.slot(s.prev).next = id
	} else {
		q.oldest = id
	}
	o.queue = nobodys
}

// use counts a use. Those within one second are one: a chunk that is scanned block by block is used once.
func (x *index) use(id, now uint32) {
	s := x.slot(id)
	if s.used == now {
		return
	}
	s.used = now
	s.uses = min(s.uses+1, maxUses)
	x.touchPage(id)
}

// enter queues a chunk that has just been attached: on probation, unless it went from there only a while ago.
func (x *index) enter(id uint32) {
	s := x.slot(id)
	if x.ghosts.take(s.object, s.chunk) {
		x.move(id, large)
	} else {
		x.move(id, small)
	}
}

// evict drops the chunk that is worth least, if there is one. Its slot is the newest of the free ones then.
func (x *index) evict() bool {
	for spared := 0; x.held() > 0; spared++ {
		from := x.crowded()
		id := x.queues[from].oldest
		s := x.slot(id)
		if s.uses == 0 || spared >= maxSpared {
			if from == small {
				x.ghosts.add(s.object, s.chunk)
			}
			x.drop(id)
			return true
		}
		if from == small {
			s.uses = 0
		} else {
			s.uses--
		}
		x.move(id, large)
		x.touchPage(id)
	}
	return false
}

// crowded is the queue that has to give: the small one once it has more than a tenth.
func (x *index) crowded() queueID {
	if x.queues[large].n == 0 || x.queues[small].n*10 > x.held() {
		return small
	}
	return large
}

// ghosts remembers chunks that have gone from probation, about as many as there are slots; a newer one takes the
// place of an older one at random, and one in four billion is mistaken for another, which costs nothing but
// order.
type ghosts []uint32

// resize makes room to remember so many. All is forgotten, unless the room is about right.
func (g *ghosts) resize(n uint32) {
	if n > uint32(len(*g)) || n < uint32(len(*g))/4 {
		*g = make(ghosts, n+n/4)
	}
}

func (g ghosts) place(k key, chunk uint32) (at *uint32, print uint32) {
	if len(g) == 0 {
		return nil, 0
	}
	h := (k.lo + uint64(chunk)) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	return &g[(h>>32)*uint64(len(g))>>32], uint32(h) | 1
}

func (g ghosts) add(k key, chunk uint32) {
	if at, print := g.place(k, chunk); at != nil {
		*at = print
	}
}

// take tells whether a chunk is remembered, and forgets it.
func (g ghosts) take(k key, chunk uint32) bool {
	at, print := g.place(k, chunk)
	if at == nil || *at != print {
		return false
	}
	*at = 0
	return true
}
