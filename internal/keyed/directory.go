package keyed

import (
	"math/bits"
	"slices"
)

// Slot is the place of a key in every state of a store, or of an entry in a map or pane.
type Slot uint32

const (
	pageBits = 8
	pageLen  = 1 << pageBits // slots in a page
	pageMask = pageLen - 1

	bucket = 8 // words in a bucket: a line of memory, and the words of a part that holds its first key
)

// directory finds the slot of a key. It has one part for each key group, so that growing one is a small
// step and so that the entries of a group can be visited without the others.
//
// A part is an open-addressing table of words: the upper half of a word is its tag, the lower half of the key's hash;
// the lower half is its slot + 1; zero is free. Where a word belongs follows from its tag: nothing else is read to move
// it. Words are looked for bucket by bucket: a bucket is a line of memory, and all of
// it is searched, from the word that the hash names on, before the next. Only a bucket without a free word has been
// passed over. Slots are numbered over all parts; each page of slots belongs to one part.
type directory[K comparable] struct {
	parts []part
	keys  []*[pageLen]K // by page
	owner []uint16      // the part of each page
	marks []marks       // by page
	used  int           // keys in all parts
	// version counts the keys that have been put in or taken out.
	version uint64
	bytes   int64
	slab    slab[[pageLen]K]
	words   slab[uint64]
	// makeRoom is asked to free slots of a part that has none, before it gets another page; before each key that comes,
	// if memory is short and values take more of it than their pages, which heavy reports. A page of 256 values of 20 kB
	// is 5 MB.
	makeRoom func(p int)
	heavy    func() bool
	pinned   []Slot
	// foresee is told of slots of a page that are about to be evicted; nil for nothing to be done then.
	foresee func(page uint32, victims *bitmap)
}

type part struct {
	words []uint64
	n     int    // keys, those included that are about to be reclaimed
	next  Slot   // the next unused slot of the newest page
	end   Slot   // the end of that page
	free  []Slot // slots to be used again
	pages []uint32
	hand  int // of the clock that goes around the pages to find what has not been used for long
	// partial says that keys of the part may be in the tables below and not here.
	partial bool
	// evicted are the keys below, of a part that had none there when it began.
	evicted evicted
	// stuck is when a search for slots to free came to nothing: there is no point in another before more is written.
	stuck uint64
}

func newDirectory[K comparable](parts int) directory[K] {
	return directory[K]{parts: make([]part, parts)}
}

// tagOf is the half of a hash that does not decide about the key group, with its highest bit set: no free word has
// that. The bits of it that lead to the bucket are the same in all words there; there are others enough.
func tagOf(hash uint64) uint32 { return uint32(hash) | 1<<31 }

func word(hash uint64, s Slot) uint64 { return uint64(tagOf(hash))<<32 | uint64(s+1) }

// home is where in a part a word is looked for first, but for a mask.
func home(w uint64) uint64 { return w >> 32 }

func (d *directory[K]) key(s Slot) *K { return &d.keys[s>>pageBits][s&pageMask] }

// matches has a bit for each word of a bucket with a tag, and says whether all are taken. It has no branches and no
// loop: which way they would go nobody could foretell, and to guess wrong takes longer than all of this.
func matches(line *[bucket]uint64, tag uint32) (found uint64, full bool) {
	t := uint64(tag)
	found = ((line[0]>>32^t)-1)>>63<<0 | ((line[1]>>32^t)-1)>>63<<1 | ((line[2]>>32^t)-1)>>63<<2 |
		((line[3]>>32^t)-1)>>63<<3 | ((line[4]>>32^t)-1)>>63<<4 | ((line[5]>>32^t)-1)>>63<<5 |
		((line[6]>>32^t)-1)>>63<<6 | ((line[7]>>32^t)-1)>>63<<7
	taken := line[0] & line[1] & line[2] & line[3] & line[4] & line[5] & line[6] & line[7]
	return found, taken>>63 != 0
}

// find returns the slot of a key in a part.
func (d *directory[K]) find(p int, hash uint64, key *K) (Slot, bool) {
	words := d.parts[p].words
	mask := uint64(len(words) - 1)
	for at, left := hash, len(words); left > 0; left -= bucket {
		line := (*[bucket]uint64)(words[at&mask&^(bucket-1):])
		found, full := matches(line, tagOf(hash))
		for ; found != 0; found &= found - 1 {
			if s := Slot(uint32(line[bits.TrailingZeros64(found)%bucket])) - 1; *d.key(s) == *key {
				return s, true
			}
		}
		if !full {
			break
		}
		at += bucket
	}
	return 0, false
}

// candidate returns the first word that may be the key's, without looking at the key, or zero.
func (t *part) candidate(hash uint64) uint64 {
	mask := uint64(len(t.words) - 1)
	for at, left := hash, len(t.words); left > 0; left -= bucket {
		line := (*[bucket]uint64)(t.words[at&mask&^(bucket-1):])
		found, full := matches(line, tagOf(hash))
		if found != 0 {
			return line[bits.TrailingZeros64(found)%bucket]
		}
		if !full {
			break
		}
		at += bucket
	}
	return 0
}

// insert adds a key that is not there and returns its slot.
func (d *directory[K]) insert(p int, hash uint64, key K) Slot {
	t := &d.parts[p]
	if (t.n+1)*5 > len(t.words)*4 {
		d.grow(t)
	}
	s := d.allocate(p)
	d.marks[s>>pageBits].used.set(s)
	*d.key(s) = key
	t.place(word(hash, s))
	t.n++
	d.used++
	d.version++
	return s
}

// place puts a word into the first bucket with room, from its own on.
func (t *part) place(w uint64) {
	mask := uint64(len(t.words) - 1)
	for at := home(w); ; at += bucket {
		line := (*[bucket]uint64)(t.words[at&mask&^(bucket-1):])
		if free, full := matches(line, 0); !full {
			k := bits.TrailingZeros8(bits.RotateLeft8(uint8(free), -int(at%bucket)))
			line[(at+uint64(k))%bucket] = w
			return
		}
	}
}

func (d *directory[K]) grow(t *part) {
	old := t.words
	t.words = d.words.take(max(bucket, 2*len(old)))
	d.bytes += int64(8 * (len(t.words) - len(old)))
	for _, w := range old {
		if w != 0 {
			t.place(w)
		}
	}
}

// allocate returns an unused slot of the part.
func (d *directory[K]) allocate(p int) Slot {
	t := &d.parts[p]
	if len(t.free) == 0 && d.makeRoom != nil && (t.next == t.end || d.heavy()) {
		d.makeRoom(p)
	}
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
		t.pages = append(t.pages, uint32(len(d.owner)))
		d.owner = append(d.owner, uint16(p))
		d.marks = append(d.marks, marks{})
		d.bytes += int64(sizeOf[[pageLen]K]())
	}
	t.next++
	return t.next - 1
}

// remove takes a key out and makes its slot free. Words that had passed over a full bucket take the places that
// become free in it.
func (d *directory[K]) remove(s Slot, hash uint64) {
	p := int(d.owner[s>>pageBits])
	t := &d.parts[p]
	hole := t.indexOf(s, hash)
	for {
		moved, ok := t.passedOver(hole)
		if !ok {
			break
		}
		t.words[hole] = t.words[moved]
		hole = moved
	}
	t.words[hole] = 0
	var zero K
	*d.key(s) = zero
	d.marks[s>>pageBits].used.unset(s)
	d.marks[s>>pageBits].alone.unset(s)
	t.free = append(t.free, s)
	t.n--
	d.used--
	d.version++
}

// indexOf is where the word of a slot is, which must be there.
func (t *part) indexOf(s Slot, hash uint64) uint64 {
	mask := uint64(len(t.words) - 1)
	for b := hash & mask &^ (bucket - 1); ; b = (b + bucket) & mask {
		for i := b; i < b+bucket; i++ {
			if t.words[i] != 0 && Slot(uint32(t.words[i]))-1 == s {
				return i
			}
		}
	}
}

// passedOver finds a word that lies beyond the bucket of hole although that comes before: it is free to come back.
func (t *part) passedOver(hole uint64) (uint64, bool) {
	mask := uint64(len(t.words) - 1)
	first := hole &^ (bucket - 1)
	for b := first; t.full(b); {
		if b = (b + bucket) & mask; b == first {
			break
		}
		for i := b; i < b+bucket; i++ {
			if w := t.words[i]; w != 0 && (b-home(w)&mask&^(bucket-1))&mask >= (b-first)&mask {
				return i, true
			}
		}
	}
	return 0, false
}

// full reports whether the bucket at b has no free word.
func (t *part) full(b uint64) bool {
	return !slices.Contains(t.words[b:b+bucket], 0)
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
