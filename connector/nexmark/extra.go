package nexmark

// The average sizes of events in bytes, as serialized by the original suite: integers take 8.
const (
	personSize  = 200
	auctionSize = 500
	bidSize     = 100
	bidFields   = 32
)

// extraRange returns the shortest length, and the number of lengths, of the text that brings an event of size
// cur to avg on average. All events are far below their average without it.
func extraRange(cur, avg int) (shortest, lengths int) {
	missing := avg - cur
	delta := (2*missing + 5) / 10
	return missing - delta, 2 * delta
}

// extra draws the ballast of an event of size cur.
func (g *generator) extra(r *rng, cur, avg int) string {
	shortest, lengths := extraRange(cur, avg)
	return g.letters(r, shortest+int(r.below(int64(lengths))))
}

// letters draws n letters.
func (g *generator) letters(r *rng, n int) string {
	r.letters(g.arena.free(), n)
	return g.arena.take(n)
}

// str draws 3 to limit-1 letters.
func (g *generator) str(r *rng, limit int64) string { return g.letters(r, 3+int(r.below(limit-3))) }

// bidDraws is the number of draws of the longest ballast of a bid.
const bidDraws = 7

// bidExtra is extra for bids. Their lengths differ so little that writing the longest every time is faster than
// a loop, whose end the processor cannot guess. It is the last thing drawn, so it may draw too much.
func (g *generator) bidExtra(r rng) string {
	shortest, lengths := extraRange(bidFields, bidSize)
	n := shortest + int(r.below(int64(lengths)))
	dst := (*[bidDraws * perDraw]byte)(g.arena.free())
	putLetters((*[perDraw]byte)(dst[0*perDraw:]), r.next())
	putLetters((*[perDraw]byte)(dst[1*perDraw:]), r.next())
	putLetters((*[perDraw]byte)(dst[2*perDraw:]), r.next())
	putLetters((*[perDraw]byte)(dst[3*perDraw:]), r.next())
	putLetters((*[perDraw]byte)(dst[4*perDraw:]), r.next())
	putLetters((*[perDraw]byte)(dst[5*perDraw:]), r.next())
	putLetters((*[perDraw]byte)(dst[6*perDraw:]), r.next())
	return g.arena.take(n)
}
