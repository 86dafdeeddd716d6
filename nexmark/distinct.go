package nexmark

import (
	"errors"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/table"
)

// classes are a number of all, and of those in each class of prices.
type classes [4]int64

// audience is a row of q15 and q16: the bids of a day, by a channel or by all, and how many there are of those who made
// them and of what they were made on.
type audience struct {
	Channel                 string
	Day, Minute             int64 // the latest minute of the day
	Bids, Bidders, Auctions classes
}

// view is a bid as q15 and q16 see it.
type view struct {
	Channel string
	offer
}

// channelDay is the key of q15, where the channel is empty, and of q16.
type channelDay struct {
	Channel string
	Day     int64
}

// audiences counts by day and by what channelOf says.
func audiences(
	events aquifer.Stream[nexmark.Event], channelOf func(b *nexmark.Bid) string,
) table.Changelog[audience] {
	views := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[view]) error {
		if b := e.Bid; b != nil {
			out.Emit(view{channelOf(b), offer{b.Auction, b.Bidder, b.Price, b.Time}})
		}
		return nil
	}, aquifer.Name("bids"))
	byDay := aquifer.KeyBy(views, func(v *view) channelDay { return channelDay{v.Channel, dayOf(v.Time)} })
	return aquifer.Process(byDay, "audience", func() aquifer.ProcessFunc[view, aquifer.Change[audience]] { return &counting{} })
}

func q15(events aquifer.Stream[nexmark.Event], out *Output) {
	all := audiences(events, func(*nexmark.Bid) string { return "" })
	writeChanges(all, out, func(dst []byte, a *audience) []byte { return a.numbers(appendDay(dst, a.Day)) })
}

func q16(events aquifer.Stream[nexmark.Event], out *Output) {
	all := audiences(events, func(b *nexmark.Bid) string { return b.Channel })
	writeChanges(all, out, func(dst []byte, a *audience) []byte {
		dst = appendDay(append(append(dst, a.Channel...), '|'), a.Day)
		return a.numbers(appendMinute(append(dst, '|'), a.Minute))
	})
}

// numbers appends the counts.
func (a *audience) numbers(dst []byte) []byte {
	for _, c := range []classes{a.Bids, a.Bidders, a.Auctions} {
		dst = columns(append(dst, '|'), c[:]...)
	}
	return dst
}

// counting has the row of a key, and which bidders and auctions are in which classes of prices: a bit for each.
type counting struct {
	now      state.Value[audience]
	bidders  state.Map[int64, uint8]
	auctions state.Map[int64, uint8]
}

func (c *counting) Open(s *state.Scope) (err error) {
	if c.now, err = state.NewValue[audience](s, "audience"); err != nil {
		return err
	}
	if c.bidders, err = state.NewMap[int64, uint8](s, "bidders"); err != nil {
		return err
	}
	c.auctions, err = state.NewMap[int64, uint8](s, "auctions")
	return err
}

func (c *counting) Prefetch(ctx *aquifer.Prefetch, v *view) error {
	c.bidders.Prefetch(ctx, v.Bidder)
	c.auctions.Prefetch(ctx, v.Auction)
	return nil
}

func (c *counting) Process(ctx *aquifer.Context, v *view, out aquifer.Collector[aquifer.Change[audience]]) error {
	a, ok, err := c.now.Get(ctx)
	if err != nil {
		return err
	}
	var before *audience
	if ok {
		had := a
		before = &had
	} else {
		a.Channel, a.Day = v.Channel, dayOf(v.Time)
	}
	class := rankOf(v.Price)
	a.Minute = max(a.Minute, minuteOf(v.Time))
	a.Bids[0]++
	a.Bids[1+class]++
	err = errors.Join(
		distinct(ctx, c.bidders, v.Bidder, class, &a.Bidders), distinct(ctx, c.auctions, v.Auction, class, &a.Auctions))
	aquifer.Update(ctx, out, before, &a)
	return errors.Join(err, c.now.Set(ctx, a))
}

// distinct counts an id, if it is new among all or in its class.
func distinct(ctx *aquifer.Context, seen state.Map[int64, uint8], id int64, class int, counts *classes) error {
	in, _, err := seen.Get(ctx, id)
	bit := uint8(1) << class
	if err != nil || in&bit != 0 {
		return err
	}
	if in == 0 {
		counts[0]++
	}
	counts[1+class]++
	return seen.Set(ctx, id, in|bit)
}
