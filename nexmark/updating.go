package nexmark

import (
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/state"
)

// dayOf is the day of a time in milliseconds, counted from 1970.
func dayOf(t int64) int64 { return t / (24 * 3600 * 1000) }

// appendDay appends a day as text.
func appendDay(dst []byte, day int64) []byte {
	return time.UnixMilli(day*24*3600*1000).UTC().AppendFormat(dst, "2006-01-02")
}

// minuteOf is the minute of the day of a time in milliseconds.
func minuteOf(t int64) int64 { return t / 60_000 % (24 * 60) }

// appendMinute appends a minute of the day as text.
func appendMinute(dst []byte, minute int64) []byte {
	return time.UnixMilli(minute*60_000).UTC().AppendFormat(dst, "15:04")
}

// rankOf is the class of a price: 0, 1 or 2.
func rankOf(price int64) int {
	switch {
	case price < 10_000:
		return 0
	case price < 1_000_000:
		return 1
	}
	return 2
}

// auctionDay is a row of q17: the bids on an auction on a day.
type auctionDay struct {
	Auction, Day, Bids int64
	Ranks              [3]int64
	Min, Max, Sum      int64
}

// dayKey is the key of q17.
type dayKey struct{ Auction, Day int64 }

func q17(events aquifer.Stream[nexmark.Event], out *Output) {
	byDay := aquifer.KeyBy(offers(events), func(o *offer) dayKey { return dayKey{o.Auction, dayOf(o.Time)} })
	days := aquifer.Process(byDay, "days", func() aquifer.ProcessFunc[offer, Change[auctionDay]] { return &auctionDays{} })
	writeChanges(days, out, func(dst []byte, d *auctionDay) []byte {
		dst = appendDay(append(columns(dst, d.Auction), '|'), d.Day)
		return columns(append(dst, '|'), d.Bids, d.Ranks[0], d.Ranks[1], d.Ranks[2], d.Min, d.Max, d.Sum/d.Bids, d.Sum)
	})
}

type auctionDays struct{ now state.Value[auctionDay] }

func (a *auctionDays) Open(s *state.Scope) (err error) {
	a.now, err = state.NewValue[auctionDay](s, "day")
	return err
}

func (a *auctionDays) Process(ctx *aquifer.Context, o *offer, out aquifer.Collector[Change[auctionDay]]) error {
	d, ok, err := a.now.Get(ctx)
	if err != nil {
		return err
	}
	if ok {
		out.Emit(Change[auctionDay]{d, true})
	} else {
		d = auctionDay{Auction: o.Auction, Day: dayOf(o.Time), Min: o.Price, Max: o.Price}
	}
	d.Bids++
	d.Ranks[rankOf(o.Price)]++
	d.Min, d.Max, d.Sum = min(d.Min, o.Price), max(d.Max, o.Price), d.Sum+o.Price
	out.Emit(Change[auctionDay]{Row: d})
	return a.now.Set(ctx, d)
}

// ranked is a row of q19.
type ranked struct{ Auction, Price, Rank int64 }

// topBids is how many bids of an auction q19 shows.
const topBids = 10

func q19(events aquifer.Stream[nexmark.Event], out *Output) {
	byAuction := aquifer.KeyBy(offers(events), offerAuction)
	top := aquifer.Process(byAuction, "top", func() aquifer.ProcessFunc[offer, Change[ranked]] { return &topPrices{} })
	writeChanges(top, out, func(dst []byte, r *ranked) []byte { return columns(dst, r.Auction, r.Price, r.Rank) })
}

// prices are the best of an auction, the highest first.
type prices struct {
	Best [topBids]int64
	N    int64
}

type topPrices struct{ now state.Value[prices] }

func (t *topPrices) Open(s *state.Scope) (err error) {
	t.now, err = state.NewValue[prices](s, "prices")
	return err
}

// Process shifts the lower prices by one rank.
func (t *topPrices) Process(ctx *aquifer.Context, o *offer, out aquifer.Collector[Change[ranked]]) error {
	p, _, err := t.now.Get(ctx)
	if err != nil {
		return err
	}
	before := p.Best[:p.N]
	at, _ := slices.BinarySearchFunc(before, o.Price, func(have, price int64) int {
		if have >= price {
			return -1
		}
		return 1
	})
	if at == topBids {
		return nil
	}
	price := o.Price
	for i := at; i < topBids; i++ {
		rank := int64(i + 1)
		if i < int(p.N) && p.Best[i] == price {
			continue
		}
		if i < int(p.N) {
			out.Emit(Change[ranked]{ranked{o.Auction, p.Best[i], rank}, true})
		}
		out.Emit(Change[ranked]{Row: ranked{o.Auction, price, rank}})
		if i >= int(p.N) {
			p.Best[i] = price
			p.N++
			break
		}
		p.Best[i], price = price, p.Best[i]
	}
	return t.now.Set(ctx, p)
}
