package operator

import (
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/async"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// hand is a worker of a Process with the record or timer that it is at: what a Context asks of the operator.
type hand[K comparable, In, Out any] struct {
	process *Process[K, In, Out]
	ctx     *flow.Context
	out     flow.Collector[Out]
	key     K
	slot    keyed.Slot
	id      async.ID // zero for what runs at once, as long as it does
	ticket  ticket[In]
	flies   bool // it is in flight, and has an id
	// denied is why its first access to state has failed, which its function sees as a state that is not to be used.
	denied error
}

func (p *Process[K, In, Out]) newHand(*worker[*hand[K, In, Out]]) *hand[K, In, Out] {
	h := &hand[K, In, Out]{process: p}
	h.ctx = flow.NewContext(p.env.Context, h)
	h.out = flow.NewCollector(p.rows, &h.ctx.Time).Folding(p.fold)
	return h
}

func (h *hand[K, In, Out]) where() (any, int64) { return h.key, h.ctx.Time }

// Key implements flow.Engine.
func (h *hand[K, In, Out]) Key() any { return &h.key }

// RegisterEventTimer implements flow.Engine.
func (h *hand[K, In, Out]) RegisterEventTimer(slot uint32, t int64) error {
	return change(h.process.timers.event, (*keyed.Timers).Register, slot, t)
}

// RegisterProcessingTimer implements flow.Engine.
func (h *hand[K, In, Out]) RegisterProcessingTimer(slot uint32, t int64) error {
	return change(h.process.timers.processing, (*keyed.Timers).Register, slot, t)
}

// CancelEventTimer implements flow.Engine.
func (h *hand[K, In, Out]) CancelEventTimer(slot uint32, t int64) error {
	return change(h.process.timers.event, (*keyed.Timers).Cancel, slot, t)
}

// CancelProcessingTimer implements flow.Engine.
func (h *hand[K, In, Out]) CancelProcessingTimer(slot uint32, t int64) error {
	return change(h.process.timers.processing, (*keyed.Timers).Cancel, slot, t)
}

// change changes timers, which a function has that is called when they fire.
func change(timers *keyed.Timers, how func(*keyed.Timers, keyed.Slot, int64), slot uint32, t int64) error {
	if timers == nil {
		return flow.ErrNoTimers
	}
	how(timers, keyed.Slot(slot), t)
	return nil
}

// Side implements flow.Engine.
func (h *hand[K, In, Out]) Side(id any) any { return sides(h.process.env.Sides).Side(id) }

// CountLate implements flow.Engine.
func (h *hand[K, In, Out]) CountLate() { h.process.env.Stats.Late.Add(1) }

// ProcessingTime implements flow.Engine.
func (h *hand[K, In, Out]) ProcessingTime() int64 { return time.Now().UnixMilli() }
