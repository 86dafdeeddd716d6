package nexmark

import (
	"errors"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/state"
)

// seller is a person as joins see them.
type seller struct {
	ID                int64
	Name, City, State string
}

// sellers are the persons for whom keep is true.
func sellers(events aquifer.Stream[nexmark.Event], keep func(p *nexmark.Person) bool) aquifer.KeyedStream[int64, seller] {
	all := aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[seller]) error {
		if p := e.Person; p != nil && keep(p) {
			out.Emit(seller{p.ID, p.Name, p.City, p.State})
		}
		return nil
	}, aquifer.Name("persons"))
	return aquifer.KeyBy(all, func(s *seller) int64 { return s.ID })
}

func everybody(*nexmark.Person) bool { return true }

// lot is an auction as joins see it.
type lot struct {
	ID, Seller, Category, Time, Expires int64
}

// lots are the auctions for which keep is true.
func lots(events aquifer.Stream[nexmark.Event], keep func(a *nexmark.Auction) bool) aquifer.Stream[lot] {
	return aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[lot]) error {
		if a := e.Auction; a != nil && keep(a) {
			out.Emit(lot{a.ID, a.Seller, a.Category, a.Time, a.Expires})
		}
		return nil
	}, aquifer.Name("auctions"))
}

func everything(*nexmark.Auction) bool { return true }

// ofCategory10 is what some queries are restricted to.
func ofCategory10(a *nexmark.Auction) bool { return a.Category == 10 }

func lotID(l *lot) int64     { return l.ID }
func lotSeller(l *lot) int64 { return l.Seller }

// offer is a bid as joins see it.
type offer struct {
	Auction, Bidder, Price, Time int64
}

func offers(events aquifer.Stream[nexmark.Event]) aquifer.Stream[offer] {
	return aquifer.FlatMap(events, func(e *nexmark.Event, out aquifer.Collector[offer]) error {
		if b := e.Bid; b != nil {
			out.Emit(offer{b.Auction, b.Bidder, b.Price, b.Time})
		}
		return nil
	}, aquifer.Name("bids"))
}

func offerAuction(o *offer) int64 { return o.Auction }
func offerBidder(o *offer) int64  { return o.Bidder }

// local is a row of q3.
type local struct {
	Name, City, State string
	Auction           int64
}

func q3(events aquifer.Stream[nexmark.Event], out *Output) {
	nearby := sellers(events, func(p *nexmark.Person) bool {
		return p.State == "OR" || p.State == "ID" || p.State == "CA"
	})
	auctions := aquifer.KeyBy(lots(events, ofCategory10), lotSeller)
	rows := aquifer.Join(aquifer.Connect(auctions, nearby), "sales", func(l *lot, s *seller) local {
		return local{s.Name, s.City, s.State, l.ID}
	})
	write(rows, out, func(dst []byte, l *local) []byte {
		dst = column(column(append(dst, l.Name...), l.City), l.State)
		return columns(append(dst, '|'), l.Auction)
	})
}

// bidOnLot is a row of q20.
type bidOnLot struct {
	offer
	Opened, Seller int64
}

func q20(events aquifer.Stream[nexmark.Event], out *Output) {
	auctions := aquifer.KeyBy(lots(events, ofCategory10), lotID)
	bids := aquifer.KeyBy(offers(events), offerAuction)
	rows := aquifer.Join(aquifer.Connect(auctions, bids), "bids-on-lots", func(l *lot, o *offer) bidOnLot {
		return bidOnLot{*o, l.Time, l.Seller}
	})
	write(rows, out, func(dst []byte, b *bidOnLot) []byte {
		return columns(dst, b.Auction, b.Bidder, b.Price, b.Time, b.Opened, b.Seller)
	})
}

// namedBid is a bid with the name of its bidder.
type namedBid struct {
	Bidder, Price, Time int64
	Name                string
}

// sellersBid is a row of q23.
type sellersBid struct {
	namedBid
	Auction, Category int64
}

func q23(events aquifer.Stream[nexmark.Event], out *Output) {
	bids := aquifer.KeyBy(offers(events), offerBidder)
	named := aquifer.Join(aquifer.Connect(bids, sellers(events, everybody)), "names", func(o *offer, s *seller) namedBid {
		return namedBid{o.Bidder, o.Price, o.Time, s.Name}
	})
	auctions := aquifer.KeyBy(lots(events, everything), lotSeller)
	byBidder := aquifer.KeyBy(named, func(b *namedBid) int64 { return b.Bidder })
	rows := aquifer.Join(aquifer.Connect(byBidder, auctions), "sold-by-bidder", func(b *namedBid, l *lot) sellersBid {
		return sellersBid{*b, l.ID, l.Category}
	})
	write(rows, out, func(dst []byte, b *sellersBid) []byte {
		dst = column(columns(dst, b.Bidder, b.Price, b.Time), b.Name)
		return columns(append(dst, '|'), b.Auction, b.Category)
	})
}

// newcomer is a row of q8: somebody who registered and opened an auction in a window that begins at Start.
type newcomer struct {
	ID    int64
	Name  string
	Start int64
}

// newcomerWindow is how long the windows of q8 are, in milliseconds.
const newcomerWindow = 10_000

func q8(events aquifer.Stream[nexmark.Event], out *Output) {
	both := aquifer.Connect(sellers(events, everybody), aquifer.KeyBy(lots(events, everything), lotSeller))
	rows := aquifer.CoProcess(both, "newcomers", func() aquifer.CoProcessFunc[seller, lot, newcomer] { return &newcomers{} })
	write(rows, out, func(dst []byte, n *newcomer) []byte {
		return columns(append(column(columns(dst, n.ID), n.Name), '|'), n.Start)
	})
}

// newcomers knows of each seller, as long as it matters, in which window they registered, and in which ones they sold:
// rows of both kinds come in any order.
type newcomers struct {
	registered state.Value[newcomer]
	sold       state.Map[int64, bool] // by the start of a window
}

func (n *newcomers) Open(s *state.Scope) (err error) {
	if n.registered, err = state.NewValue[newcomer](s, "registered"); err != nil {
		return err
	}
	n.sold, err = state.NewMap[int64, bool](s, "sold")
	return err
}

func windowStart(t int64) int64 { return t - t%newcomerWindow }

func (n *newcomers) ProcessLeft(ctx *aquifer.Context, s *seller, out aquifer.Collector[newcomer]) error {
	who := newcomer{s.ID, s.Name, windowStart(ctx.Time)}
	sold, _, err := n.sold.Get(ctx, who.Start)
	if err != nil {
		return err
	}
	if sold {
		out.Emit(who)
		return nil
	}
	return errors.Join(n.registered.Set(ctx, who), ctx.RegisterEventTimer(who.Start+newcomerWindow))
}

func (n *newcomers) ProcessRight(ctx *aquifer.Context, _ *lot, out aquifer.Collector[newcomer]) error {
	start := windowStart(ctx.Time)
	who, ok, err := n.registered.Get(ctx)
	if err != nil {
		return err
	}
	if ok && who.Start == start {
		out.Emit(who)
		return n.registered.Clear(ctx) // once a window
	}
	return errors.Join(n.sold.Set(ctx, start, true), ctx.RegisterEventTimer(start+newcomerWindow))
}

// OnTimer forgets what belongs to a window that has ended.
func (n *newcomers) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, _ aquifer.Collector[newcomer]) error {
	who, ok, err := n.registered.Get(ctx)
	if err == nil && ok && who.Start < ctx.Time {
		err = n.registered.Clear(ctx)
	}
	return errors.Join(err, n.sold.Remove(ctx, ctx.Time-newcomerWindow))
}
