package nexmark

import (
	"errors"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/state"
)

// clockWindow is how long the windows of q12 are.
const clockWindow = 10 * time.Second

// bidderCount is a row of q12: the bids of a bidder in ten seconds by the machine's clock.
type bidderCount struct{ Bidder, Bids int64 }

func q12(events aquifer.Stream[nexmark.Event], out *Output) {
	byBidder := aquifer.KeyBy(offers(events), offerBidder)
	counts := aquifer.Process(byBidder, "by-the-clock",
		func() aquifer.ProcessFunc[offer, bidderCount] { return &byTheClock{} })
	write(counts, out, func(dst []byte, c *bidderCount) []byte { return columns(dst, c.Bidder, c.Bids) })
}

// byTheClock counts until the window ends, or the input does.
type byTheClock struct{ bids state.Value[int64] }

func (b *byTheClock) Open(s *state.Scope) (err error) {
	b.bids, err = state.NewValue[int64](s, "bids")
	return err
}

func (b *byTheClock) Process(ctx *aquifer.Context, _ *offer, _ aquifer.Collector[bidderCount]) error {
	n, counting, err := b.bids.Get(ctx)
	if err == nil && !counting {
		size := clockWindow.Milliseconds()
		end := (ctx.ProcessingTime()/size + 1) * size
		err = errors.Join(ctx.RegisterProcessingTimer(end), ctx.RegisterEventTimer(flow.EndOfTime))
	}
	return errors.Join(err, b.bids.Set(ctx, n+1))
}

func (b *byTheClock) OnTimer(ctx *aquifer.Context, _ aquifer.Timer, out aquifer.Collector[bidderCount]) error {
	n, counting, err := b.bids.Get(ctx)
	if err != nil || !counting {
		return err
	}
	out.Emit(bidderCount{aquifer.Key[int64](ctx), n})
	return b.bids.Clear(ctx)
}
