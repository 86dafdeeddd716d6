package nexmark

import (
	"context"
	"fmt"

	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// load is the share of the rate that a query sustains at which rows are timed.
const load = 0.7

// eventRate is how many events a second of event time has: the default of the source.
const eventRate = 100_000

// Timed is how long rows took at a load that the query sustains.
type Timed struct {
	// EventsPerS is the load.
	EventsPerS float64 `json:"events_per_s"`
	queries.Latency
}

// latency times the rows of the same events as before, which come by the clock. Event time passes as fast as is
// needed for that.
func (b *bench) latency(ctx context.Context, row *Row) error {
	rate := load * row.EventsPerS
	events := max(1, int64(rate*b.o.Latency.Seconds()))
	s, err := b.ours(ctx, fmt.Sprintf("%.0f events/s by the clock", rate), events,
		"--pace", "--latency", "--rate", fmt.Sprint(eventRate), "--speed", fmt.Sprint(rate/eventRate))
	if err != nil {
		return err
	}
	if s.Latency != nil {
		row.Latency = &Timed{EventsPerS: rate, Latency: *s.Latency}
	}
	return nil
}
