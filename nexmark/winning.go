package nexmark

import (
	"cmp"
	"errors"
	"slices"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/state"
)

// WinningBid is a row of q9, the best bid on an auction, in its time, with what others need of the auction.
type WinningBid struct {
	Auction, Price, Time      int64
	Category, Seller, Expires int64
}

// beats says whether a bid is better than another: by its price, and of equal ones the earlier.
func (w *WinningBid) beats(other *WinningBid) bool {
	return w.Price > other.Price || w.Price == other.Price && w.Time < other.Time
}

// WinningBids are the winning bids of all auctions, as they change.
func WinningBids(events aquifer.Stream[nexmark.Event]) aquifer.Stream[Change[WinningBid]] {
	auctions := aquifer.KeyBy(lots(events, everything), lotID)
	bids := aquifer.KeyBy(offers(events), offerAuction)
	return aquifer.CoProcess(aquifer.Connect(auctions, bids), "winning",
		func() aquifer.CoProcessFunc[lot, offer, Change[WinningBid]] { return &winning{} })
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

func (w *winning) ProcessLeft(ctx *aquifer.Context, l *lot, out aquifer.Collector[Change[WinningBid]]) error {
	if err := w.auction.Set(ctx, *l); err != nil {
		return err
	}
	early, err := w.waiting.All(ctx)
	if err != nil {
		return err
	}
	for o := range early {
		if err := w.bid(ctx, l, &o, out); err != nil {
			return err
		}
	}
	return w.waiting.Clear(ctx)
}

func (w *winning) ProcessRight(ctx *aquifer.Context, o *offer, out aquifer.Collector[Change[WinningBid]]) error {
	l, ok, err := w.auction.Get(ctx)
	if err != nil {
		return err
	}
	if !ok {
		return w.waiting.Append(ctx, *o)
	}
	return w.bid(ctx, &l, o, out)
}

func (w *winning) bid(ctx *aquifer.Context, l *lot, o *offer, out aquifer.Collector[Change[WinningBid]]) error {
	if o.Time < l.Time || o.Time > l.Expires {
		return nil
	}
	row := WinningBid{o.Auction, o.Price, o.Time, l.Category, l.Seller, l.Expires}
	best, ok, err := w.best.Get(ctx)
	if err != nil || ok && !row.beats(&best) {
		return err
	}
	if ok {
		out.Emit(Change[WinningBid]{best, true})
	}
	out.Emit(Change[WinningBid]{Row: row})
	return w.best.Set(ctx, row)
}

// average is a row of q4, and what makes it: a sum and a number.
type average struct {
	Category, Sum, Count int64
}

func q4(events aquifer.Stream[nexmark.Event], out *Output) {
	byCategory := aquifer.KeyBy(WinningBids(events), func(c *Change[WinningBid]) int64 { return c.Row.Category })
	averages := aquifer.Process(byCategory, "averages",
		func() aquifer.ProcessFunc[Change[WinningBid], Change[average]] { return &averaging{} })
	writeChanges(averages, out, func(dst []byte, a *average) []byte { return columns(dst, a.Category, a.Sum/a.Count) })
}

// averaging sums up the prices of a category, also those that are taken back.
type averaging struct{ now state.Value[average] }

func (a *averaging) Open(s *state.Scope) (err error) {
	a.now, err = state.NewValue[average](s, "average")
	return err
}

func (a *averaging) Process(
	ctx *aquifer.Context, c *Change[WinningBid], out aquifer.Collector[Change[average]],
) error {
	before, _, err := a.now.Get(ctx)
	if err != nil {
		return err
	}
	after := average{c.Row.Category, before.Sum + c.Row.Price, before.Count + 1}
	if c.Retract {
		after = average{c.Row.Category, before.Sum - c.Row.Price, before.Count - 1}
	}
	if before.Count > 0 {
		out.Emit(Change[average]{before, true})
	}
	if after.Count > 0 {
		out.Emit(Change[average]{Row: after})
	}
	return errors.Join(err, a.now.Set(ctx, after))
}

// sellerAverage is a row of q6: the average price of the last auctions of a seller.
type sellerAverage struct{ Seller, Average int64 }

// lastAuctions is how many of them count.
const lastAuctions = 10

func q6(events aquifer.Stream[nexmark.Event], out *Output) {
	bySeller := aquifer.KeyBy(WinningBids(events), func(c *Change[WinningBid]) int64 { return c.Row.Seller })
	averages := aquifer.Process(bySeller, "last-auctions",
		func() aquifer.ProcessFunc[Change[WinningBid], Change[sellerAverage]] { return &lastSales{} })
	writeChanges(averages, out, func(dst []byte, a *sellerAverage) []byte { return columns(dst, a.Seller, a.Average) })
}

// sale is an auction as lastSales orders it.
type sale struct{ Expires, Auction, Price int64 }

// lastSales keeps all auctions of a seller: when one of the last is taken back, one before them counts again.
type lastSales struct {
	all state.Map[int64, sale]
	now state.Value[sellerAverage]
}

func (l *lastSales) Open(s *state.Scope) (err error) {
	if l.all, err = state.NewMap[int64, sale](s, "sales"); err != nil {
		return err
	}
	l.now, err = state.NewValue[sellerAverage](s, "average")
	return err
}

func (l *lastSales) Process(
	ctx *aquifer.Context, c *Change[WinningBid], out aquifer.Collector[Change[sellerAverage]],
) error {
	if c.Retract {
		if err := l.all.Remove(ctx, c.Row.Auction); err != nil {
			return err
		}
	} else if err := l.all.Set(ctx, c.Row.Auction, sale{c.Row.Expires, c.Row.Auction, c.Row.Price}); err != nil {
		return err
	}
	before, had, err := l.now.Get(ctx)
	if err != nil {
		return err
	}
	average, has, err := l.average(ctx)
	if err != nil || had == has && average == before.Average {
		return err
	}
	if had {
		out.Emit(Change[sellerAverage]{before, true})
	}
	if !has {
		return l.now.Clear(ctx)
	}
	row := sellerAverage{c.Row.Seller, average}
	out.Emit(Change[sellerAverage]{Row: row})
	return l.now.Set(ctx, row)
}

// average is that of the last auctions.
func (l *lastSales) average(ctx *aquifer.Context) (average int64, ok bool, err error) {
	all, err := l.all.All(ctx)
	if err != nil {
		return 0, false, err
	}
	var last []sale
	for _, s := range all {
		last = append(last, s)
	}
	if len(last) == 0 {
		return 0, false, nil
	}
	slices.SortFunc(last, func(a, b sale) int {
		return cmp.Or(cmp.Compare(b.Expires, a.Expires), cmp.Compare(b.Auction, a.Auction))
	})
	last = last[:min(len(last), lastAuctions)]
	for _, s := range last {
		average += s.Price
	}
	return average / int64(len(last)), true, nil
}
