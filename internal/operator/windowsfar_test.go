package operator

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/window"
)

// distant are tables that are 20 ms away, and take no time beyond that for what has been read before.
type distant struct {
	keyed.Below
	known *sync.Map // values by key
}

func (d distant) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	if _, there := d.known.Load(string(keys[0])); !there {
		return d.Below.Read(ctx, keys, func(i int, value []byte) error {
			d.known.Store(string(keys[i]), append([]byte(nil), value...))
			return found(i, value)
		})
	}
	<-time.After(20 * time.Millisecond)
	for i, k := range keys {
		if v, there := d.known.Load(string(k)); there {
			if err := found(i, v.([]byte)); err != nil {
				return err
			}
		}
	}
	return nil
}

// BenchmarkWindowsBelow adds a row to each of many keys, all of whose accumulators are below.
func BenchmarkWindowsBelow(b *testing.B) {
	const keys, batch = 100_000, 1000
	var known sync.Map
	out := &collector[sums]{}
	r := newRigOf(b, roomy, "w", 16, PlanSliceWindows[string, int64]("w"), func(_ *rig, env *Env) (Operator, error) {
		env.Below = distant{env.Below, &known}
		w := window.Tumbling(time.Minute)
		return NewSliceWindows[string, event, int64, int64](env, out, nil, eventKey, w, sum)
	})
	var batches []*flow.Batch[event]
	for from := 0; from < keys; from += batch {
		in := &flow.Batch[event]{}
		for i := range batch {
			in.Append(event{fmt.Sprint("key-", from+i), 1, 1}, 1)
		}
		r.hash(in)
		batches = append(batches, in)
	}
	rows := func() {
		for _, in := range batches {
			again := PoolOf[event]().Get() // whoever is done with a batch empties it
			again.Rows = append(again.Rows, in.Rows...)
			again.Times = append(again.Times, in.Times...)
			again.Hashes = append(again.Hashes, in.Hashes...)
			r.parts[0].makeRoom()
			must(b, r.parts[0].Batch(again))
		}
		r.settle()
	}
	rows()
	from := r.checkpoint()
	again := func() { r.close(); r.open(1, from) }
	again()
	rows()
	for b.Loop() {
		b.StopTimer()
		again()
		b.StartTimer()
		rows()
	}
	b.ReportMetric(float64(keys*b.N)/b.Elapsed().Seconds(), "rows/s")
}
