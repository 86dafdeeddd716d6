package nexmark

import (
	"math"
	"slices"
	"strconv"

	"github.com/aquifer-stream/aquifer/flow"
)

// part makes the events of one split in order: the numbers next, next+step, … below end.
type part struct {
	generator
	next, step, end uint64

	people   slab[Person]
	auctions slab[Auction]
	bids     slab[Bid]

	// What Bids makes and drops.
	person  Person
	auction Auction
}

// newPart begins at a position, or at the beginning if that is nil.
func newPart(c Config, s spec, position []byte) (*part, error) {
	p := &part{generator: newGenerator(c), next: s.Part, step: s.Parts, end: uint64(c.Events)}
	if c.Events == 0 {
		p.end = math.MaxInt64
	}
	if position == nil {
		return p, nil
	}
	next, err := strconv.ParseUint(string(position), 10, 63)
	if err != nil {
		return nil, flow.CorruptErrorf("nexmark: position %q is not an event number: %w", position, err)
	}
	if next%p.step != s.Part {
		return nil, flow.CorruptErrorf("nexmark: position %d does not belong to part %d of %d",
			next, s.Part, s.Parts)
	}
	p.next = next
	return p, nil
}

// position is the number of the event that comes next.
func (p *part) position() []byte { return strconv.AppendUint(nil, p.next, 10) }

// left is the number of events that remain, at most n.
func (p *part) left(n int) int {
	if p.next >= p.end {
		return 0
	}
	return int(min(uint64(n), (p.end-p.next-1)/p.step+1))
}

// readEvents appends the next n events: as many as are left, at least.
func readEvents(p *part, out *flow.Batch[Event], n int) {
	first := len(out.Rows)
	out.Rows = out.Rows[:first+n]
	out.Times = slices.Grow(out.Times, n)[:first+n]
	rows, times := out.Rows[first:], out.Times[first:]
	for i := range rows {
		m := p.at(p.next)
		p.next += p.step
		p.arena.reserve(maxStrings)
		times[i] = m.time
		rows[i] = p.event(m)
	}
}

func (p *part) event(m moment) Event {
	e := Event{Time: m.time}
	switch {
	case m.offset > auctionsPer:
		e.Bid = p.bids.next()
		p.generator.bid(m, e.Bid)
	case m.offset > 0:
		e.Auction = p.auctions.next()
		p.generator.auction(m, e.Auction)
	default:
		e.Person = p.people.next()
		p.generator.person(m, e.Person)
	}
	return e
}

// readBids appends the bids among the next n events.
func readBids(p *part, out *flow.Batch[Bid], n int) {
	out.Times = slices.Grow(out.Times, n)
	for range n {
		m := p.at(p.next)
		p.next += p.step
		p.arena.reserve(maxStrings)
		if m.offset <= auctionsPer {
			p.drop(m)
			continue
		}
		row := len(out.Rows)
		out.Rows, out.Times = out.Rows[:row+1], append(out.Times, m.time)
		p.generator.bid(m, &out.Rows[row])
	}
}

// drop makes an event that is not a bid. Nobody sees its strings, so their memory is used again.
func (p *part) drop(m moment) {
	used := p.arena.used
	if m.offset > 0 {
		p.generator.auction(m, &p.auction)
	} else {
		p.generator.person(m, &p.person)
	}
	p.arena.used = used
}
