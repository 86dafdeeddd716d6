package operator

// Stalling is an operator whose user code may come to stand still: it waits for something that another row has, such as a
// lock, and that row sleeps until it has state. Only the operator's task could begin its read, or wake it, and it is what
// stands still.
type Stalling interface {
	// Turn is the number of the turn that user code has, if rows sleep meanwhile. It is zero if none sleeps, or no user
	// code runs. It is safe for concurrent use.
	Turn() uint64
}

// Turn implements Stalling.
func (p *Process[K, In, Out]) Turn() uint64 {
	turn := p.crew.turns.Load()
	if turn%2 == 0 || p.crew.sleepers.Load() == 0 {
		return 0
	}
	return turn
}
