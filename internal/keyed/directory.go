package keyed

// Slot is the place of a key in every state of a store, or of an entry in a map or pane.
type Slot uint32

const (
	pageBits = 8
	pageLen  = 1 << pageBits // slots in a page
	pageMask = pageLen - 1

	firstWords = 8 // words in a part that holds its first key
)

// directory finds the slot of a key. It has one part for each key group, so that growing one is a small
// step and so that the entries of a group can be visited without the others.
//
// A part is an open-addressing table of words: the upper half of a word is a tag from the key's hash, the lower
// half its slot + 1; zero is free. Slots are numbered over all parts; each page of slots belongs to one part.
type directory[K comparable] struct {
	parts []part
	keys  []*[pageLen]K // by page
	owner []uint16      // the part of each page
	used  int           // keys in all parts
	bytes int64
	slab  slab[[pageLen]K]
	words slab[uint64]
}

type part struct {
	words []uint64
	n     int    // keys, those included that are about to be reclaimed
	next  Slot   // the next unused slot of the newest page
	end   Slot   // the end of that page
	free  []Slot // slots to be used again
}

func newDirectory[K comparable](parts int) directory[K] {
	return directory[K]{parts: make([]part, parts)}
}

func tagOf(hash uint64) uint32 { return uint32(hash >> 24) }

func word(hash uint64, s Slot) uint64 { return uint64(tagOf(hash))<<32 | uint64(s+1) }

func (d *directory[K]) key(s Slot) *K { return &d.keys[s>>pageBits][s&pageMask] }

// find returns the slot of a key in a part.
func (d *directory[K]) find(p int, hash uint64, key *K) (Slot, bool) {
	words := d.parts[p].words
	if len(words) == 0 {
		return 0, false
	}
	mask, tag := uint64(len(words)-1), tagOf(hash)
	for i := hash & mask; words[i] != 0; i = (i + 1) & mask {
		if uint32(words[i]>>32) == tag {
			if s := Slot(uint32(words[i])) - 1; *d.key(s) == *key {
				return s, true
			}
		}
	}
	return 0, false
}

// insert adds a key that is not there and returns its slot.
func (d *directory[K]) insert(p int, hash uint64, key K, rehash func(K) uint64) Slot {
	t := &d.parts[p]
	if (t.n+1)*5 > len(t.words)*4 {
		d.grow(t, rehash)
	}
	s := d.allocate(p)
	*d.key(s) = key
	d.place(t, word(hash, s), hash)
	t.n++
	d.used++
	return s
}

func (d *directory[K]) place(t *part, w, hash uint64) {
	mask := uint64(len(t.words) - 1)
	i := hash & mask
	for t.words[i] != 0 {
		i = (i + 1) & mask
	}
	t.words[i] = w
}

func (d *directory[K]) grow(t *part, rehash func(K) uint64) {
	old := t.words
	t.words = d.words.take(max(firstWords, 2*len(old)))
	d.bytes += int64(8 * (len(t.words) - len(old)))
	for _, w := range old {
		if w != 0 {
			d.place(t, w, rehash(*d.key(Slot(uint32(w)) - 1)))
		}
	}
}

// allocate returns an unused slot of the part.
func (d *directory[K]) allocate(p int) Slot {
	t := &d.parts[p]
	if n := len(t.free); n > 0 {
		s := t.free[n-1]
		t.free = t.free[:n-1]
		return s
	}
	if t.next == t.end {
		page := d.slab.next()
		t.next = Slot(len(d.keys)) << pageBits
		t.end = t.next + pageLen
		d.keys = append(d.keys, page)
		d.owner = append(d.owner, uint16(p))
		d.bytes += int64(sizeOf[[pageLen]K]())
	}
	t.next++
	return t.next - 1
}

// remove takes a key out and makes its slot free, closing the gap in the chain of probes.
func (d *directory[K]) remove(s Slot, hash uint64, rehash func(K) uint64) {
	p := int(d.owner[s>>pageBits])
	t := &d.parts[p]
	mask := uint64(len(t.words) - 1)
	i := hash & mask
	for Slot(uint32(t.words[i]))-1 != s || t.words[i] == 0 {
		i = (i + 1) & mask
	}
	t.words[i] = 0
	for j := (i + 1) & mask; t.words[j] != 0; j = (j + 1) & mask {
		home := rehash(*d.key(Slot(uint32(t.words[j])) - 1)) & mask
		if (j-home)&mask >= (j-i)&mask {
			t.words[i], t.words[j] = t.words[j], 0
			i = j
		}
	}
	var zero K
	*d.key(s) = zero
	t.free = append(t.free, s)
	t.n--
	d.used--
}

// empty takes all keys out of a part.
func (d *directory[K]) empty(p int) {
	t := &d.parts[p]
	for s := range t.slots {
		t.free = append(t.free, s)
	}
	clear(t.words)
	d.used -= t.n
	t.n = 0
}

// partOf is the part of a slot.
func (d *directory[K]) partOf(s Slot) int { return int(d.owner[s>>pageBits]) }

// slots yields the slots of one part that hold keys, in no particular order.
func (t *part) slots(yield func(Slot) bool) {
	for _, w := range t.words {
		if w != 0 && !yield(Slot(uint32(w))-1) {
			return
		}
	}
}
