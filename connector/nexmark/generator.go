package nexmark

// firstTime is the event time of event 0, in milliseconds since 1970 UTC.
const firstTime = 1_436_918_400_000

// In every 50 events the first is a person, the next three are auctions and the others bids. IDs begin at 1000.
const (
	cycle        = 50
	auctionsPer  = 3
	firstID      = 1000
	hotEvery     = 100  // every hundredth person or auction is a hot one
	recentPeople = 1000 // who still sells and bids
	openAuctions = 100
	peopleAhead  = 10 // ids a little ahead of those that exist are used too
)

// maxStrings is more than the bytes that the strings of one event take, with what letters writes behind.
const maxStrings = 1024

// generator makes events by their number. It is used by one goroutine at a time.
type generator struct {
	seed, rate, group uint64
	pages             *pageTable
	arena             arena
}

func newGenerator(c Config) generator {
	return generator{
		seed: c.Seed, rate: uint64(c.Rate), group: uint64(c.Group), pages: pages(),
	}
}

// moment is an event before its kind is looked at.
type moment struct {
	id         uint64
	time       int64
	offset     uint64 // within the cycle: 0 a person, up to auctionsPer an auction, else a bid
	lastPerson int64  // the number of the newest person
}

// id is the place in event time of event number e: numbers are shuffled within each group.
func (g *generator) id(e uint64) uint64 {
	if g.group == 1 {
		return e
	}
	return e/g.group*g.group + e*953%g.group
}

// elapsed is the event time, in milliseconds, from event 0 to the event with the given id.
func (g *generator) elapsed(id uint64) int64 { return int64(id * 1000 / g.rate) }

// at returns what is common to all kinds of events.
func (g *generator) at(e uint64) moment {
	id := g.id(e)
	epoch := id / cycle
	return moment{id, firstTime + g.elapsed(id), id - epoch*cycle, int64(epoch)}
}

// lastAuction is the number of the newest auction.
func (m *moment) lastAuction() int64 {
	// A person comes before the auctions of its cycle, a bid after them.
	return auctionsPer*m.lastPerson - 1 + int64(min(m.offset, auctionsPer))
}

// anyPerson draws one of the recent persons or of those just ahead.
func (m *moment) anyPerson(bits uint64) int64 {
	people := m.lastPerson + 1
	recent := min(people, recentPeople)
	return people - recent + scale(bits, recent+peopleAhead)
}

// newest returns the newest hot one up to last.
func newest(last int64) int64 { return int64(uint64(last) / hotEvery * hotEvery) }

// bid fills in a bid. It runs for nearly every event: what depends on a toss of a coin is computed both ways
// and then chosen, for a branch that cannot be predicted costs more than a draw that is not used.
func (g *generator) bid(m moment, b *Bid) {
	r := newRNG(g.seed, m.id)
	last := m.lastAuction()
	oldest := max(last-openAuctions, 0)

	hot := r.next() >> 63
	auction := oldest + scale(r.peek(), last-oldest+11)
	r.skip(1 - hot)
	b.Auction = firstID + choose(hot, newest(last), auction)

	hot = min(r.next()>>62, 1)
	bidder := m.anyPerson(r.peek())
	r.skip(1 - hot)
	b.Bidder = firstID + choose(hot, newest(m.lastPerson)+1, bidder)

	b.Price = price(r.next())
	hot = r.next() >> 63
	i := hotPages*int64(1-hot) + r.below(choose(hot, hotPages, coldPages))
	b.Channel, b.URL = g.pages.at(i)
	b.Time = m.time
	b.Extra = g.bidExtra(r)
}
