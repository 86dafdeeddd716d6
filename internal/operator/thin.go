package operator

import (
	"slices"
	"unsafe"

	"github.com/aquifer-stream/aquifer/flow"
)

// thinBy is how many rows a batch has had at least for each that is left when it is thinned.
const thinBy = 4

// thin lets a batch go of which few rows are left, and they have not begun: copies of these take its place. Where memory
// is short it is the bytes of batches that bound what is in flight, and if one row of a thousand has to be read for, the
// others would count for as long as it takes.
func (p *Process[K, In, Out]) thin(l *load[In]) {
	if l.users == 0 || l.users > len(l.slots)/thinBy || p.env.Budget.FlightShare() == 0 {
		return
	}
	left := l.waiting[:0]
	for _, id := range l.waiting {
		if t := p.tickets[id]; t.load == l && !slices.Contains(left, id) {
			left = append(left, id)
		}
	}
	if l.waiting = left; len(left) != l.users {
		return // somebody is in the middle of a function, with a row
	}
	rows := make([]int, len(left))
	for i, id := range left {
		rows[i] = p.tickets[id].row
	}
	if few := p.in.pick(l.batch, rows); few != nil {
		p.move(l, few, rows)
	}
}

// move lets the rows that are left of a batch go on in another one that has them alone.
func (p *Process[K, In, Out]) move(from *load[In], few *flow.Batch[In], rows []int) {
	to := p.newLoad(few)
	to.watermark, to.users = from.watermark, len(rows)
	for i, id := range from.waiting {
		to.slots[i] = from.slots[rows[i]]
		p.tickets[id] = ticket[In]{load: to, row: i}
	}
	to.waiting = append(to.waiting, from.waiting...)
	to.bytes = p.in.weigh(few, p.state.store.Each())
	p.limit.Add(to.bytes)
	from.users = 0
}

// pick copies rows of a batch, so that nothing holds on to it; nil if that cannot be, because they have pointers.
func (p pooled[In]) pick(b *flow.Batch[In], rows []int) *flow.Batch[In] {
	if p.layout.Opaque {
		return nil
	}
	few := p.Pool.Pool.Get(len(rows))
	for _, i := range rows {
		few.Append(b.Rows[i], b.Times[i])
		p.layout.Detach(unsafe.Pointer(&few.Rows[len(few.Rows)-1]))
	}
	return few
}
