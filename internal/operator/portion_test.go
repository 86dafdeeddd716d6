package operator

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
)

// scattered sends a row so often to two subtasks, in batches of at most so many bytes, and returns how many rows the
// batches have had, in order.
func scattered[T any](t *testing.T, row T, times int, bytes int64, key func(*T) int) (sizes []int) {
	t.Helper()
	hash, err := NewHasher(key)
	must(t, err)
	c := WriterConfig{Context: t.Context(), Exchange: Hash, Hasher: hash, MaxParallelism: 2, BatchBytes: bytes}
	var gates []*channel.Gate
	for range 2 {
		g := channel.NewGate(make([]channel.Origin, 1), times, channel.Rows{})
		gates, c.To = append(gates, g), append(c.To, g.Sender(0))
	}
	w := RowTypeOf[T]().Writer(c)
	for range times {
		b := &flow.Batch[T]{}
		b.Append(row, 0)
		must(t, w.(Receiver[T]).Batch(b))
	}
	for _, g := range gates {
		for e, ok := g.TryNext(); ok; e, ok = g.TryNext() {
			sizes = append(sizes, e.Batch.(*flow.Batch[T]).Len())
		}
	}
	return sizes
}

// first is how many rows a batch may have before anything is known of its receiver.
var first = channel.NewGate(make([]channel.Origin, 1), 1, channel.Rows{}).Sender(0).Portion()

func TestBatchesForOneOfManySubtasksAreFullWithTheBytesThatTheyMayTake(t *testing.T) {
	same := func(*int64) int { return 7 }
	for bytes, want := range map[int64]int{
		0: first, 1 << 20: first, 100 * (8 + besides): 100, 1: leastPortion,
	} {
		for _, rows := range scattered(t, int64(3), 3*1024, bytes, same) {
			if rows != want {
				t.Errorf("a batch of %d bytes has %d rows, want %d", bytes, rows, want)
			}
		}
	}
}

func TestBatchesHaveFewerRowsWhenTheseAreLong(t *testing.T) {
	long := strings.Repeat("x", 2000)
	sizes := scattered(t, long, 4*1024, 200_000, func(*string) int { return 7 })
	for i, rows := range sizes[1:] {
		if bytes := rows * (len(long) + 16 + besides); bytes > 200_000 || bytes < 150_000 {
			t.Fatalf("batch %d has %d rows, %d bytes", i+1, rows, bytes)
		}
	}
	for _, rows := range scattered(t, long, 2*1024, 0, func(*string) int { return 7 }) {
		if rows != first {
			t.Errorf("without a bound a batch has %d rows", rows)
		}
	}
}
