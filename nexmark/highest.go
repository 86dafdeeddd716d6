package nexmark

import (
	"errors"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/state"
)

// fullBid is a row of q7.
type fullBid struct {
	offer
	Extra string
}

// contender is a bid that may be one of the highest of the window that ends at End. A bid at the very end of a window is
// not in it, but belongs to the result if it has the highest price.
type contender struct {
	fullBid
	End int64
}

func (c *contender) inside() bool { return c.Time < c.End }

const (
	// highestWindow is how long the windows of q7 are, in milliseconds.
	highestWindow = 10_000
	// highestShares is in how many shares of bids the highest are looked for first: all bids under one key would be the
	// work of one subtask.
	highestShares = 64
)

// shareKey is a part of the bids of a window.
type shareKey struct{ End, Share int64 }

func q7(events aquifer.Stream[nexmark.Event], out *Output) {
	all := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[contender]) error {
		if b := e.Bid; b != nil {
			bid, end := fullBid{offer{b.Auction, b.Bidder, b.Price, b.Time}, b.Extra}, b.Time-b.Time%highestWindow
			out.Emit(contender{bid, end + highestWindow})
			if b.Time == end {
				out.Emit(contender{bid, end})
			}
		}
		return nil
	}, aquifer.Name("bids"))
	byShare := aquifer.KeyBy(all, func(c *contender) shareKey { return shareKey{c.End, c.Price % highestShares} })
	some := aquifer.Process(byShare, "highest-of-share",
		func() aquifer.ProcessFunc[contender, contender] { return &highest{} })
	byEnd := aquifer.KeyBy(some, func(c *contender) int64 { return c.End })
	rows := aquifer.Process(byEnd, "highest",
		func() aquifer.ProcessFunc[contender, contender] { return &highest{ofAll: true} })
	write(rows, out, func(dst []byte, c *contender) []byte {
		return column(columns(dst, c.Auction, c.Bidder, c.Price, c.Time), c.Extra)
	})
}

// highest keeps those contenders that nothing higher has come before, and when all have come emits the highest.
type highest struct {
	ofAll bool // and not of a share
	price state.Value[int64]
	rows  state.List[contender]
}

func (h *highest) Open(s *state.Scope) (err error) {
	if h.price, err = state.NewValue[int64](s, "price"); err != nil {
		return err
	}
	h.rows, err = state.NewList[contender](s, "rows")
	return err
}

func (h *highest) Process(ctx *aquifer.Context, c *contender, _ aquifer.Collector[contender]) error {
	if ctx.Time < ctx.Watermark {
		return nil // its window has been looked at
	}
	price, ok, err := h.price.Get(ctx)
	if err != nil || ok && c.Price < price {
		return err
	}
	if !ok { // a bid at the very end still counts, and so does the result of a share, which comes after it
		err = ctx.RegisterEventTimer(max(c.End, ctx.Time) + 1)
	}
	if c.inside() && (!ok || c.Price > price) {
		err = errors.Join(err, h.price.Set(ctx, c.Price))
	}
	return errors.Join(err, h.rows.Append(ctx, *c))
}

func (h *highest) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[contender]) error {
	price, ok, err := h.price.Get(ctx)
	if err != nil {
		return err
	}
	err = h.rows.Each(ctx, func(c *contender) bool {
		if c.Price == price && ok || !h.ofAll && (!ok || c.Price > price) {
			out.Emit(*c)
		}
		return true
	})
	return errors.Join(err, h.rows.Clear(ctx), h.price.Clear(ctx))
}
