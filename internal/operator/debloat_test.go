package operator

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

// slowly takes batches and needs so long for each row, until the time is over.
func slowly(g *channel.Gate, each, during time.Duration) {
	for end := time.Now().Add(during); time.Now().Before(end); {
		if e, ok := g.TryNext(); ok && e.Batch != nil {
			<-time.After(each * time.Duration(e.Batch.(*flow.Batch[int64]).Len()))
		} else if !ok {
			<-time.After(each)
		}
	}
}

// queued is how many rows there are in a gate that nobody sends to any more.
func queued(g *channel.Gate) (rows int) {
	for e, ok := g.TryNext(); ok; e, ok = g.TryNext() {
		if e.Batch != nil {
			rows += e.Batch.(*flow.Batch[int64]).Len()
		}
	}
	return rows
}

// flooded is a gate with a channel from each of some senders, which send as much as it takes, and as much to another,
// until the context ends.
func flooded(ctx context.Context, t *testing.T, senders int) *channel.Gate {
	t.Helper()
	hash, err := NewHasher(func(k *int64) int64 { return *k })
	must(t, err)
	slow := channel.NewGate(make([]channel.Origin, senders), 4, channel.Rows{})
	fast := channel.NewGate(make([]channel.Origin, senders), 4, channel.Rows{})
	for i := range senders {
		w := newWriter[int64](WriterConfig{
			Context: ctx, Exchange: Hash, Hasher: hash, MaxParallelism: 128,
			To:         []*channel.Sender{slow.Sender(i), fast.Sender(i)},
			FlushAfter: time.Hour, Blocked: func(time.Duration) {},
		})
		go func() {
			for k := int64(0); ; k++ {
				b := &flow.Batch[int64]{}
				b.Append(k, 0)
				if w.Batch(b) != nil {
					return // the context is over
				}
			}
		}()
	}
	go func() {
		for err := error(nil); err == nil; {
			_, _, err = fast.Next(ctx, nil, time.Time{})
		}
	}()
	return slow
}

func TestWhatIsQueuedForASlowReceiverIsWorkForASecond(t *testing.T) {
	for _, each := range []time.Duration{100 * time.Millisecond, time.Millisecond, 50 * time.Microsecond} {
		bubble.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			g := flooded(ctx, t, 8)
			slowly(g, each, 3*time.Second+10_000*each) // through what was queued before anything was known of it
			stop()
			synctest.Wait()
			backlog := each * time.Duration(queued(g))
			if most := max(1500*time.Millisecond, 33*each); backlog > most || backlog < 500*time.Millisecond {
				t.Errorf("at %v a row %v are queued, want between 0.5s and %v", each, backlog, most)
			}
		})
	}
}
