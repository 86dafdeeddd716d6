package keyed

// awaited counts, by slot, the times that it has lost something of which the tables below have not been told: in
// this epoch, and in those of snapshots that are not written. A slot may wait for several snapshots.
type awaited []uint32

func (a *awaited) add(s Slot) {
	for int(s) >= len(*a) {
		*a = append(*a, 0)
	}
	(*a)[s]++
}

// told takes one away and reports whether it was the last.
func (a awaited) told(s Slot) bool {
	a[s]--
	return a[s] == 0
}

// has reports whether a slot waits for any.
func (a awaited) has(s Slot) bool { return int(s) < len(a) && a[s] > 0 }

// lost lets a slot that has lost state wait for the next snapshot to be written.
func (c *core) lost(s Slot) {
	c.cleared = append(c.cleared, s)
	c.awaited.add(s)
}
