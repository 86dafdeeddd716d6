package keyed

// byPart orders the pages of a snapshot by the key group that they belong to, and steps through them.
type byPart[V any] struct {
	*frozenPages[V]
	touchKeys toucher
	order     []uint32 // of pages
	part      []uint16 // by page
	next      int
	touched   int // how many in order have been
	slots     []Slot
	sum       uint64 // of what has been touched
}

func newByPart[V any](f *frozenPages[V], owners []uint16, touchKeys toucher) byPart[V] {
	b := byPart[V]{
		frozenPages: f, touchKeys: touchKeys, order: make([]uint32, len(f.pages)), part: make([]uint16, len(f.pages)),
	}
	var at []int             // by part: where its next page is in order
	for n := range f.pages { // whose other fields may be changing
		b.part[n] = owners[f.pages[n].index]
		at = append(at, make([]int, max(0, int(b.part[n])+2-len(at)))...)
		at[b.part[n]+1]++
	}
	for p := 1; p < len(at); p++ {
		at[p] += at[p-1]
	}
	for n, p := range b.part {
		b.order[at[p]] = uint32(n)
		at[p]++
	}
	return b
}

// visit yields the changed slots of a part.
func (b *byPart[V]) visit(part int, yield func(s Slot, v *V)) {
	for ; b.next < len(b.order) && int(b.part[b.order[b.next]]) == part; b.next++ {
		if b.next == b.touched {
			b.touch(b.order[b.next:min(b.next+touchedPages, len(b.order))])
		}
		b.entries(int(b.order[b.next]), yield)
	}
}

// Of so many pages that are about to be read, so many changes each are touched together.
const (
	touchedPages   = 32
	touchedChanges = 4
)

// touch reads from pages that are about to be read, and from their keys, so that the waits for memory overlap: in a
// large state that changes here and there nearly each change is on a page of its own, far from all others. Where many
// changes are on a page, the first of them will do.
func (b *byPart[V]) touch(pages []uint32) {
	b.slots = b.firstOf(pages, b.slots[:0])
	b.sum += b.touchKeys(b.slots)
	b.touched += len(pages)
}
