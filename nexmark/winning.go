package nexmark

import (
	"errors"

	"cmp"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/state"
	"github.com/aquifer-stream/aquifer/table"
)

// WinningBid is a row of q9, the best bid on an auction, in its time, with what others need of the auction.
type WinningBid struct {
	// Auction is the ID of one, Price that of the bid in cents, Time when it was made.
	Auction, Price, Time int64
	// Category and Seller are IDs, Expires is when the auction ends. Times are in milliseconds since 1970 UTC.
	Category, Seller, Expires int64
}

// beats says whether a bid is better than another: by its price, and of equal ones the earlier.
func (w *WinningBid) beats(other *WinningBid) bool {
	return w.Price > other.Price || w.Price == other.Price && w.Time < other.Time
}

// WinningBids are the winning bids of all auctions, as they change.
func WinningBids(events aquifer.Stream[nexmark.Event]) table.Changelog[WinningBid] {
	auctions := aquifer.KeyBy(lots(events, everything), lotID)
	bids := aquifer.KeyBy(offers(events), offerAuction)
	return aquifer.CoProcess(aquifer.Connect(auctions, bids), "winning",
		func() aquifer.CoProcessFunc[lot, offer, aquifer.Change[WinningBid]] { return &winning{} })
}

func q9(events aquifer.Stream[nexmark.Event], out *Output) {
	writeChanges(WinningBids(events), out, func(dst []byte, w *WinningBid) []byte {
		return columns(dst, w.Auction, w.Price, w.Time)
	})
}

// winning keeps an auction and its best bid, and bids that come before their auction.
type winning struct {
	auction state.Value[lot]
	best    state.Value[WinningBid]
	waiting state.List[offer]
}

func (w *winning) Open(s *state.Scope) (err error) {
	if w.auction, err = state.NewValue[lot](s, "auction"); err != nil {
		return err
	}
	if w.best, err = state.NewValue[WinningBid](s, "best"); err != nil {
		return err
	}
	w.waiting, err = state.NewList[offer](s, "waiting")
	return err
}

// PrefetchLeft names the bids that may wait for an auction.
func (w *winning) PrefetchLeft(ctx *aquifer.Prefetch, _ *lot) error {
	w.waiting.Prefetch(ctx)
	return nil
}

// PrefetchRight names nothing: the values of its auction are all that a bid needs, and come by themselves.
func (w *winning) PrefetchRight(*aquifer.Prefetch, *offer) error { return nil }

func (w *winning) ProcessLeft(ctx *aquifer.Context, l *lot, out aquifer.Collector[aquifer.Change[WinningBid]]) error {
	if err := w.auction.Set(ctx, *l); err != nil {
		return err
	}
	var failed error
	err := w.waiting.Each(ctx, func(o *offer) bool {
		failed = w.bid(ctx, l, o, out)
		return failed == nil
	})
	return errors.Join(failed, err, w.waiting.Clear(ctx))
}

func (w *winning) ProcessRight(ctx *aquifer.Context, o *offer, out aquifer.Collector[aquifer.Change[WinningBid]]) error {
	l, ok, err := w.auction.Get(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return w.waiting.Append(ctx, *o)
	}
	return w.bid(ctx, &l, o, out)
}

func (w *winning) bid(ctx *aquifer.Context, l *lot, o *offer, out aquifer.Collector[aquifer.Change[WinningBid]]) error {
	if o.Time < l.Time || o.Time > l.Expires {
		return nil
	}
	row := WinningBid{o.Auction, o.Price, o.Time, l.Category, l.Seller, l.Expires}
	best, ok, err := w.best.Get(ctx)
	if err != nil || ok && !row.beats(&best) {
		return err
	}
	var before *WinningBid
	if ok {
		before = &best
	}
	aquifer.Update(ctx, out, before, &row)
	return w.best.Set(ctx, row)
}

// mean is a sum and the number of what is in it.
type mean struct{ Sum, Count int64 }

// average is the aggregator of mean values, truncated.
func average[T any](number func(*T) int64) aquifer.Aggregator[T, mean, int64] {
	return aquifer.Aggregator[T, mean, int64]{
		Add:    func(m *mean, row *T) { *m = mean{m.Sum + number(row), m.Count + 1} },
		Remove: func(m *mean, row *T) { *m = mean{m.Sum - number(row), m.Count - 1} },
		Result: func(m *mean) int64 { return m.Sum / m.Count },
	}
}

// averageText is the text of a row of q4 and q6.
func averageText(dst []byte, g *table.Grouped[int64, int64]) []byte {
	return columns(dst, g.Key, g.Value)
}

func q4(events aquifer.Stream[nexmark.Event], out *Output) {
	byCategory := table.KeyBy(WinningBids(events), func(w *WinningBid) int64 { return w.Category })
	averages := table.AggregateChanges(byCategory, "averages", average(func(w *WinningBid) int64 { return w.Price }))
	writeChanges(averages, out, averageText)
}

// lastAuctions is how many auctions of a seller q6 goes by.
const lastAuctions = 10

// sale is an auction as q6 orders it.
type sale struct{ Seller, Expires, Auction, Price int64 }

func q6(events aquifer.Stream[nexmark.Event], out *Output) {
	sales := table.Map(WinningBids(events), func(w *WinningBid) sale {
		return sale{w.Seller, w.Expires, w.Auction, w.Price}
	})
	seller := func(s *sale) int64 { return s.Seller }
	// When one of the last is taken back, one before them counts again.
	last := table.TopChanges(table.KeyBy(sales, seller), "last-auctions", lastAuctions, func(a, b *sale) int {
		return cmp.Or(cmp.Compare(b.Expires, a.Expires), cmp.Compare(b.Auction, a.Auction))
	})
	averages := table.AggregateChanges(table.KeyBy(last, seller), "averages", average(func(s *sale) int64 { return s.Price }))
	writeChanges(averages, out, averageText)
}
