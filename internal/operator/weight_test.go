package operator

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

func TestABatchIsWeighedWithItsStrings(t *testing.T) {
	type note struct {
		N    int64
		Text string
	}
	w, b := newWeight[note](), &flow.Batch[note]{}
	if got := w.of(b, 50); got != 0 {
		t.Errorf("nothing weighs %d", got)
	}
	for range 1000 {
		b.Append(note{1, strings.Repeat("x", 300)}, 0)
	}
	const each = 24 + besides + 300 + 50
	if got := w.of(b, 50); got < 1000*each || got > 1000*(each+32) {
		t.Errorf("%d bytes, want some more than %d", got, 1000*each)
	}
	plain, numbers := newWeight[int64](), &flow.Batch[int64]{Rows: make([]int64, 3)}
	if got := plain.of(numbers, 0); got != 3*(8+besides) {
		t.Errorf("three numbers weigh %d", got)
	}
}

// What came before says nothing of the rows at hand.
func TestABatchOfLongRowsIsHeavyAtOnce(t *testing.T) {
	w := newWeight[string]()
	for range 100 {
		w.of(&flow.Batch[string]{Rows: []string{"x"}}, 0)
	}
	if got := w.of(&flow.Batch[string]{Rows: []string{strings.Repeat("x", 1<<20)}}, 0); got < 1<<20 {
		t.Errorf("a megabyte weighs %d", got)
	}
}
