package aqtest

import "sync"

// gate holds the sources of a job when they have given a number of rows, until something has been done.
type gate struct {
	mu    sync.Mutex
	given int  // rows, of the whole input
	holds bool // at the number of rows
	at    int
	// reached is closed when the sources are held, released when they are not any more.
	reached, released chan struct{}
}

// hold lets the sources give rows up to a number of them, counted over all lives.
func (g *gate) hold(at int) (reached <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release()
	g.holds, g.at, g.reached = true, at, make(chan struct{})
	return g.reached
}

// open lets the sources give all rows.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.release()
}

func (g *gate) release() {
	if g.released != nil {
		close(g.released)
	}
	g.holds, g.released = false, nil
}

// rewind makes the gate that of a life which begins after so many rows.
func (g *gate) rewind(given int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.given, g.holds, g.released = given, false, nil
}

// row lets a row pass, or returns what to wait for.
func (g *gate) row() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if wait := g.held(); wait != nil {
		return wait
	}
	g.given++
	return nil
}

// end lets a split end, or returns what to wait for.
func (g *gate) end() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held()
}

// held returns what to wait for, if the sources are held.
func (g *gate) held() <-chan struct{} {
	if !g.holds || g.given < g.at {
		return nil
	}
	if g.released == nil {
		g.released = make(chan struct{})
		close(g.reached)
	}
	return g.released
}

// rows is how many have been given.
func (g *gate) rows() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.given
}
