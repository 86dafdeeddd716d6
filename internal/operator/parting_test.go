package operator

import (
	"errors"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

// heard is a receiver that writes down what it gets, or fails.
type heard[T any] struct {
	rows   []T
	times  []int64
	events []any
	fails  error
}

func (h *heard[T]) Batch(b *flow.Batch[T]) error {
	h.rows, h.times = append(h.rows, b.Rows...), append(h.times, b.Times...)
	return h.fails
}
func (h *heard[T]) Watermark(t int64) error { h.events = append(h.events, t); return h.fails }
func (h *heard[T]) Idle(idle bool) error    { h.events = append(h.events, idle); return h.fails }

// pair is a row of one of two kinds.
type pair struct {
	number *int64
	word   *string
}

func parted(numbers *heard[int64], words *heard[string]) *Parting[pair] {
	return NewParting(
		PartOf(Receiver[int64](numbers), func(p *pair) *int64 { return p.number }),
		PartOf(Receiver[string](words), func(p *pair) *string { return p.word }))
}

func pairs() *flow.Batch[pair] {
	b, one, two, word := PoolOf[pair]().Get(), int64(1), int64(2), "word"
	b.Append(pair{number: &one}, 10)
	b.Append(pair{word: &word}, 20)
	b.Append(pair{number: &two}, 30)
	return b
}

func TestEachPartGetsItsRowsInTheirOrderAndAllProgress(t *testing.T) {
	numbers, words := &heard[int64]{}, &heard[string]{}
	p := parted(numbers, words)
	if err := errors.Join(p.Batch(pairs()), p.Watermark(30), p.Idle(true)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(numbers.rows, []int64{1, 2}) || !slices.Equal(numbers.times, []int64{10, 30}) ||
		!slices.Equal(words.rows, []string{"word"}) || !slices.Equal(words.times, []int64{20}) {
		t.Errorf("%+v, %+v", numbers, words)
	}
	for _, events := range [][]any{numbers.events, words.events} {
		if !slices.Equal(events, []any{int64(30), true}) {
			t.Errorf("%v", events)
		}
	}
}

func TestAPartWithoutRowsGetsNoBatch(t *testing.T) {
	numbers, words := &heard[int64]{}, &heard[string]{fails: errors.New("a batch without rows")}
	b, one := PoolOf[pair]().Get(), int64(1)
	b.Append(pair{number: &one}, 10)
	if err := parted(numbers, words).Batch(b); err != nil || len(numbers.rows) != 1 {
		t.Errorf("%v, %+v", err, numbers)
	}
}

func TestAPartThatFailsFailsAll(t *testing.T) {
	broken := errors.New("broken")
	p := parted(&heard[int64]{}, &heard[string]{fails: broken})
	for _, err := range []error{p.Batch(pairs()), p.Watermark(1), p.Idle(true)} {
		if !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
}
