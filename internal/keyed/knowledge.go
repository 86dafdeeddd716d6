package keyed

// knowledge is whether all that a key has in a state is in memory.
type knowledge uint8

const (
	unasked knowledge = iota
	whole
	inPart
)

// knowledge is what is known of a slot that nothing has been read for.
func (c *core) knowledge(s Slot) knowledge {
	if c.keys.partial(s) {
		return inPart
	}
	return whole
}
