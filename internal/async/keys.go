package async

// line is what is in flight of a key: those in its queue, linked from first to last, and those held back.
type line struct {
	key         Key
	first, last ID
	derived     ID     // the last in the queue that was derived from an event, or none
	count       uint32 // of all in flight; zero marks a free place of the table
}

// keys are the lines of the keys that have records in flight: open addressing, without tombstones, because a line
// comes and goes with almost every record. Go's map takes three times as long.
type keys struct {
	lines []line // a power of two
	used  int
	shift uint // of the hash, to a place
}

const leastKeys = 64

func newKeys() keys { return keys{lines: make([]line, leastKeys), shift: 64 - 6} }

// home is where a key is looked for first. Keys are often consecutive numbers: the factor spreads them.
func (t *keys) home(key Key) int { return int(uint64(key) * 0x9e3779b97f4a7c15 >> t.shift) }

// place is where a key is, or the free place where it would be.
func (t *keys) place(key Key) int {
	i := t.home(key)
	for t.lines[i].count > 0 && t.lines[i].key != key {
		i = (i + 1) & (len(t.lines) - 1)
	}
	return i
}

// find returns the line of a key, or nil. It is good until the next add or remove.
func (t *keys) find(key Key) *line {
	if l := &t.lines[t.place(key)]; l.count > 0 {
		return l
	}
	return nil
}

// add counts a record of a key and returns its line, which is good until the next add or remove.
func (t *keys) add(key Key) *line {
	if 2*t.used >= len(t.lines) {
		t.grow()
	}
	l := &t.lines[t.place(key)]
	if l.count == 0 {
		t.used++
		l.key = key
	}
	l.count++
	return l
}

// remove frees the place of a line and moves those behind it up that would not be found otherwise.
func (t *keys) remove(key Key) {
	mask := len(t.lines) - 1
	hole := t.place(key)
	for i := (hole + 1) & mask; t.lines[i].count > 0; i = (i + 1) & mask {
		if (i-t.home(t.lines[i].key))&mask >= (i-hole)&mask {
			t.lines[hole] = t.lines[i]
			hole = i
		}
	}
	t.lines[hole] = line{}
	t.used--
}

func (t *keys) grow() {
	old := t.lines
	t.lines = make([]line, 2*len(old))
	t.shift--
	for i := range old {
		if old[i].count > 0 {
			t.lines[t.place(old[i].key)] = old[i]
		}
	}
}
