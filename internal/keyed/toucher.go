package keyed

import "unsafe"

// toucher reads from what slots lead to, and does nothing else: what is far from the processor comes while it goes on,
// many at a time, where encoding a key would make it wait for one after the other. What it returns means nothing.
type toucher func(slots []Slot) uint64

// touchPages touches what lies in pages by slot.
func touchPages[T any](pages []*[pageLen]T) toucher {
	return func(slots []Slot) (sum uint64) {
		for _, s := range slots {
			sum += uint64(*(*byte)(unsafe.Pointer(&pages[s>>pageBits][s&pageMask])))
		}
		return sum
	}
}

// touchOwners touches entries and then the keys of their owners.
func touchOwners(ownerOf func(entry Slot) Slot, keys toucher) toucher {
	var owners []Slot
	return func(entries []Slot) uint64 {
		owners = owners[:0]
		for _, e := range entries {
			owners = append(owners, ownerOf(e))
		}
		return keys(owners)
	}
}
