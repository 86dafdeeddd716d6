package keyed

import "math/bits"

// bitmap has one bit for each slot of a page. Slots of the whole store may be given: only their place in the
// page counts.
type bitmap [pageLen / 64]uint64

func (b *bitmap) has(s Slot) bool { return b[s&pageMask>>6]>>(s&63)&1 != 0 }
func (b *bitmap) set(s Slot)      { b[s&pageMask>>6] |= 1 << (s & 63) }
func (b *bitmap) unset(s Slot)    { b[s&pageMask>>6] &^= 1 << (s & 63) }

func (b *bitmap) add(o bitmap) {
	for i, w := range o {
		b[i] |= w
	}
}

// without returns the bits that are not set in o.
func (b bitmap) without(o bitmap) bitmap {
	for i, w := range o {
		b[i] &^= w
	}
	return b
}

// all yields the places of the bits that are set, ascending.
func (b *bitmap) all(yield func(Slot) bool) {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			if !yield(Slot(i*64 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}
