package nexmark

import (
	"context"
	"testing"

	"github.com/aquifer-stream/aquifer/flow"
)

// newBatch returns an empty batch with room for n rows.
func newBatch[T any](n int) *flow.Batch[T] {
	return &flow.Batch[T]{Rows: make([]T, 0, n), Times: make([]int64, 0, n)}
}

// discover returns the splits for a parallelism.
func discover[T any](t testing.TB, s flow.Source[T], parallelism int) []flow.Split {
	t.Helper()
	found, err := s.Discover(context.Background(), flow.Known{
		Parallelism: parallelism, First: true, Has: func(string) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Splits) != parallelism || found.Again != 0 {
		t.Fatalf("%d splits, again %v; want one for each of %d subtasks, once",
			len(found.Splits), found.Again, parallelism)
	}
	return found.Splits
}

// open opens a split and closes it when the test ends.
func open[T any](t testing.TB, s flow.Source[T], split flow.Split) flow.Reader[T] {
	t.Helper()
	r, err := s.Open(context.Background(), split)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func openPart[T any](t testing.TB, s flow.Source[T], part, parts int) flow.Reader[T] {
	t.Helper()
	return open(t, s, discover(t, s, parts)[part])
}

// read appends one batch.
func read[T any](t testing.TB, r flow.Reader[T], b *flow.Batch[T]) flow.Status {
	t.Helper()
	status, err := r.Read(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

// rest reads to the end, in batches of odd size.
func rest[T any](t testing.TB, r flow.Reader[T]) []T {
	t.Helper()
	var all []T
	for status := flow.More; status != flow.End; {
		b := newBatch[T](77)
		status = read(t, r, b)
		if len(b.Times) != len(b.Rows) {
			t.Fatalf("%d times for %d rows", len(b.Times), len(b.Rows))
		}
		all = append(all, b.Rows...)
	}
	return all
}

// readAll reads one part of a source.
func readAll[T any](t testing.TB, s flow.Source[T], part, parts int) []T {
	t.Helper()
	return rest(t, openPart(t, s, part, parts))
}
