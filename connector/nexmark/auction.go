package nexmark

const (
	categories    = 5
	firstCategory = 10
	// lifeEvents is how many events an auction is open for, on average.
	lifeEvents = 1666
)

// auction fills in an auction.
func (g *generator) auction(m moment, a *Auction) {
	r := newRNG(g.seed, m.id)
	a.ID = firstID + m.lastAuction()
	a.ItemName = g.str(&r, 20)
	a.Description = g.str(&r, 100)
	a.InitialBid = price(r.next())
	a.Seller = firstID + m.seller(&r)
	a.Category = firstCategory + r.below(categories)
	a.Time = m.time
	a.Expires = m.time + 1 + r.below(max(2*g.life(m), 1))
	a.Reserve = a.InitialBid + price(r.next())
	// Five integers are counted, beside the id.
	a.Extra = g.extra(&r, 8+len(a.ItemName)+len(a.Description)+40, auctionSize)
}

// seller draws a person's number: three times in four the newest hot one.
func (m *moment) seller(r *rng) int64 {
	if r.below(4) > 0 {
		return newest(m.lastPerson)
	}
	return m.anyPerson(r.next())
}

// life is the average time in milliseconds that an auction of this moment is open.
func (g *generator) life(m moment) int64 { return g.elapsed(m.id+lifeEvents) - (m.time - firstTime) }
