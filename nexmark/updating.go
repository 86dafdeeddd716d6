package nexmark

import (
	"cmp"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/table"
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

// dayKey is the key of q17.
type dayKey struct{ Auction, Day int64 }

// auctionDay is what q17 knows of the bids on an auction on a day.
type auctionDay struct {
	Bids          int64
	Ranks         [3]int64
	Min, Max, Sum int64
}

func q17(events aquifer.Stream[nexmark.Event], out *Output) {
	byDay := aquifer.KeyBy(offers(events), func(o *offer) dayKey { return dayKey{o.Auction, dayOf(o.Time)} })
	days := table.Aggregate(byDay, "days", aquifer.Aggregator[offer, auctionDay, auctionDay]{
		Add: func(d *auctionDay, o *offer) {
			if d.Bids == 0 {
				d.Min, d.Max = o.Price, o.Price
			}
			d.Bids++
			d.Ranks[rankOf(o.Price)]++
			d.Min, d.Max, d.Sum = min(d.Min, o.Price), max(d.Max, o.Price), d.Sum+o.Price
		},
		Result: func(d *auctionDay) auctionDay { return *d },
	})
	writeChanges(days, out, func(dst []byte, g *table.Grouped[dayKey, auctionDay]) []byte {
		d := &g.Value
		dst = appendDay(append(columns(dst, g.Key.Auction), '|'), g.Key.Day)
		return columns(append(dst, '|'), d.Bids, d.Ranks[0], d.Ranks[1], d.Ranks[2], d.Min, d.Max, d.Sum/d.Bids, d.Sum)
	})
}

// topBids is how many bids of an auction q19 shows.
const topBids = 10

// priced is a bid as q19 shows it.
type priced struct{ Auction, Price int64 }

func q19(events aquifer.Stream[nexmark.Event], out *Output) {
	prices := aquifer.Map(offers(events), func(o *offer) priced { return priced{o.Auction, o.Price} })
	byAuction := aquifer.KeyBy(prices, func(p *priced) int64 { return p.Auction })
	top := table.TopRanked(byAuction, "top", topBids, func(a, b *priced) int { return cmp.Compare(b.Price, a.Price) })
	writeChanges(top, out, func(dst []byte, r *table.Ranked[priced]) []byte {
		return columns(dst, r.Row.Auction, r.Row.Price, r.Rank)
	})
}
