package nexmark

import (
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/table"
	"github.com/aquifer-stream/aquifer/window"
)

// Hot is an auction with its number of bids in a window that ends at End.
type Hot struct {
	// Auction is the ID of one, Count how many bids it had in the window, End when that ended, in milliseconds since 1970 UTC.
	Auction, Count, End int64
}

// auctionIDs are the auctions that were bid on.
func auctionIDs(events aquifer.Stream[nexmark.Event]) aquifer.Stream[int64] {
	return aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[int64]) error {
		if e.Bid != nil {
			out.Emit(e.Bid.Auction)
		}
		return nil
	}, aquifer.Name("auctions"))
}

// HotAuctions is q5: the auctions with the most bids of each window of ten seconds, ties all.
func HotAuctions(events aquifer.Stream[nexmark.Event]) aquifer.Stream[Hot] {
	byAuction := aquifer.KeyBy(auctionIDs(events), func(auction *int64) int64 { return *auction })
	counts := aquifer.Aggregate(byAuction, "counts",
		window.Sliding(10*time.Second, 2*time.Second), aquifer.Count[int64]())
	byWindow := aquifer.KeyBy(counts, func(w *aquifer.Windowed[int64, int64]) int64 { return w.End })
	return aquifer.Process(byWindow, "hottest", newHottest)
}

func q5(events aquifer.Stream[nexmark.Event], out *Output) {
	write(HotAuctions(events), out, func(dst []byte, h *Hot) []byte { return columns(dst, h.Auction, h.Count) })
}

// hottest keeps, for each window, the highest count so far and the auctions that have it.
type hottest struct {
	most state.Value[int64]
	ties state.Map[int64, int64] // the count of each auction that had the highest when it came
}

type auctionCount = aquifer.Windowed[int64, int64]

func newHottest() aquifer.ProcessFunc[auctionCount, Hot] { return &hottest{} }

func (h *hottest) Open(s *state.Scope) (err error) {
	if h.most, err = state.NewValue[int64](s, "most"); err != nil {
		return err
	}
	h.ties, err = state.NewMap[int64, int64](s, "ties")
	return err
}

func (h *hottest) Process(ctx *aquifer.Context, w *auctionCount, _ aquifer.Collector[Hot]) error {
	most, seen, err := h.most.Get(ctx)
	if err != nil || w.Value < most {
		return err
	}
	if !seen {
		if err := ctx.RegisterEventTimer(w.End); err != nil {
			return err
		}
	}
	if w.Value > most {
		if err := h.most.Set(ctx, w.Value); err != nil {
			return err
		}
		if err := h.ties.Clear(ctx); err != nil {
			return err
		}
	}
	return h.ties.Set(ctx, w.Key, w.Value)
}

func (h *hottest) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[Hot]) error {
	ties, err := h.ties.All(ctx)
	if err != nil {
		return err
	}
	for auction, count := range ties {
		out.Emit(Hot{auction, count, ctx.Time})
	}
	if err := h.ties.Clear(ctx); err != nil {
		return err
	}
	return h.most.Clear(ctx)
}

func q11(events aquifer.Stream[nexmark.Event], out *Output) {
	bidders := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[int64]) error {
		if e.Bid != nil {
			out.Emit(e.Bid.Bidder)
		}
		return nil
	}, aquifer.Name("bidders"))
	byBidder := aquifer.KeyBy(bidders, func(bidder *int64) int64 { return *bidder })
	sessions := aquifer.Aggregate(byBidder, "sessions", window.Session(10*time.Second), aquifer.Count[int64]())
	write(sessions, out, func(dst []byte, w *aquifer.Windowed[int64, int64]) []byte {
		return columns(dst, w.Key, w.Value, w.Start, w.End)
	})
}

// LastBid is a row of q18.
type LastBid struct {
	// Bidder and Auction are IDs, Time is the event time of the bid in milliseconds since 1970 UTC.
	Bidder, Auction, Time int64
}

// pair is the key of q18.
type pair struct{ Bidder, Auction int64 }

func q18(events aquifer.Stream[nexmark.Event], out *Output) {
	bids := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[LastBid]) error {
		if b := e.Bid; b != nil {
			out.Emit(LastBid{b.Bidder, b.Auction, b.Time})
		}
		return nil
	}, aquifer.Name("bids"))
	byPair := aquifer.KeyBy(bids, func(b *LastBid) pair { return pair{b.Bidder, b.Auction} })
	last := table.KeepLast(byPair, "last")
	writeChanges(last, out, func(dst []byte, b *LastBid) []byte { return columns(dst, b.Bidder, b.Auction, b.Time) })
}
