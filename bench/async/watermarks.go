package async

import (
	"context"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/window"
)

const (
	// rowsPerMark is how many rows there are between watermarks, and rowMicros how far event time goes on with a row.
	rowsPerMark = 1000
	rowMicros   = 10_000
)

// sums are the sums of the windows.
var sums = flow.Aggregator[row, wide, int64]{
	Add:    func(acc *wide, r *row) { acc.add(r.N) },
	Result: func(acc *wide) int64 { return acc.N },
}

func ofWindows(size time.Duration) kind {
	return kind{
		plan: operator.PlanSliceWindows[int64, wide](uid),
		build: func(env *operator.Env) (operator.Operator, error) {
			return operator.NewSliceWindows(
				env, newDrain[flow.Windowed[int64, int64]](), nil, keyOf, window.Tumbling(size), sums,
			)
		},
	}
}

// marked is a case of rows with watermarks between them.
type marked struct {
	name string
	kind
}

// markedCases are windows, and functions with timers.
func markedCases() (all []marked) {
	for _, size := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
		timers := func(surprising bool) kind {
			return ofProcess(func() function { return &timed{window: size.Milliseconds(), surprising: surprising} })
		}
		all = append(all, marked{fmt.Sprintf("windows of %v", size), ofWindows(size)},
			marked{fmt.Sprintf("timers after %v", size), timers(false)})
		if size == 10*time.Second {
			all = append(all, marked{"timers, reads not foreseen", timers(true)})
		}
	}
	return all
}

// watermarks compares relaxed order with strict order. All rows come twice with the same times: first they lay the
// state, and then they find it below.
func (b *bench) watermarks(ctx context.Context) error {
	rows := max(leastKeys, b.o.Keys/100)
	for _, c := range markedCases() {
		g := newGround(c.kind)
		if err := g.lay(ctx, timedRows(rows, laying)); err != nil {
			return err
		}
		v := visit{
			ground: g, setting: setting{latency: b.o.Latency, memory: g.bytes / 4},
			fill: func() filler { return timedRows(rows, laying) },
			mark: func(fed int64) int64 { return fed * rowMicros / 1000 },
		}
		relaxed := v
		relaxed.relaxed = true
		p := pair{
			group: Watermarks, name: c.name, measured: b.side("relaxed", relaxed), reference: b.side("strict", v),
		}
		if _, err := b.add(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// timedRows are rows whose event time goes on steadily.
func timedRows(n, step int64) filler {
	next, i := order(n, step), int64(0)
	return func(b *flow.Batch[row]) {
		for len(b.Rows) < rowsPerMark {
			k := next()
			if k < 0 {
				return
			}
			b.Append(oneByOne(k), i*rowMicros/1000)
			i++
		}
	}
}
