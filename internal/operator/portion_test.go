package operator

import (
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// scattered sends a row so often to two subtasks, which keep up, in batches of at most so many bytes. It returns how many
// rows the batches have had, in order.
func scattered[T any](t *testing.T, row T, times int, bytes int64, key func(*T) int) (sizes []int) {
	t.Helper()
	hash, err := NewHasher(key)
	must(t, err)
	c := WriterConfig{Context: t.Context(), Exchange: Hash, Hasher: hash, MaxParallelism: 2, BatchBytes: bytes}
	var gates []*channel.Gate
	for range 2 {
		g := channel.NewGate(make([]channel.Origin, 1), 1, channel.Rows{})
		gates, c.To = append(gates, g), append(c.To, g.Sender(0))
	}
	w := RowTypeOf[T]().Writer(c)
	for range times {
		b := &flow.Batch[T]{}
		b.Append(row, 0)
		must(t, w.(Receiver[T]).Batch(b))
		for _, g := range gates {
			for e, ok := g.TryNext(); ok; e, ok = g.TryNext() {
				sizes = append(sizes, e.Batch.(*flow.Batch[T]).Len())
			}
		}
	}
	return sizes
}

func TestBatchesForOneOfManySubtasksAreFullWithTheBytesThatTheyMayTake(t *testing.T) {
	same := func(*int64) int { return 7 }
	for bytes, want := range map[int64]int{
		0: record.DefaultBatch, 1 << 20: record.DefaultBatch, 100 * (8 + besides): 100, 1: leastPortion,
	} {
		sizes := scattered(t, int64(3), 10*record.DefaultBatch, bytes, same)
		if most := slices.Max(sizes); most != want || sizes[len(sizes)-1] != want {
			t.Errorf("batches of %d bytes have up to %d rows, and %d in the end; want %d", bytes, most, sizes[len(sizes)-1], want)
		}
		if want <= 100 && slices.Min(sizes) < want {
			t.Errorf("a batch of %d bytes has %d rows, want %d", bytes, slices.Min(sizes), want)
		}
	}
}

func TestBatchesHaveFewerRowsWhenTheseAreLong(t *testing.T) {
	long := strings.Repeat("x", 2000)
	sizes := scattered(t, long, 4*record.DefaultBatch, 200_000, func(*string) int { return 7 })
	for i, rows := range sizes[1:] {
		if bytes := rows * (len(long) + 16 + besides); bytes > 200_000 || bytes < 150_000 {
			t.Fatalf("batch %d has %d rows, %d bytes", i+1, rows, bytes)
		}
	}
	free := scattered(t, long, 10*record.DefaultBatch, 0, func(*string) int { return 7 })
	if last := free[len(free)-1]; last != record.DefaultBatch {
		t.Errorf("without a bound a batch has %d rows", last)
	}
}
