package keyed

// Gather reads in one go what want adds to an Ahead, as user code reads: other records may use the store meanwhile.
// Everything is of one slot, whose record waits.
func Gather(r Registry, s Slot, want func(a *Ahead)) error {
	c := r.registry()
	a := c.newAhead()
	want(a)
	if a.Len() == 0 {
		return nil
	}
	// Nobody else changes what the slot has, and memory keeps what it knows of it: so what has been read by the end can
	// be taken, whatever has been written meanwhile.
	defer c.keep(s)()
	a.kept = true
	if err := c.yield(func(below Below) error { return a.Read(c.Context, below) }); err != nil {
		return c.readError(err)
	}
	defer c.keys.charge()
	if err := a.load(c); err != nil {
		return c.readError(err)
	}
	return a.useRanges(c)
}
