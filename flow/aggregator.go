package flow

// Aggregator sums rows of type T up in an accumulator of type A, from which a result R is made. Its functions
// must not keep the pointers they get.
type Aggregator[T, A, R any] struct {
	// Add takes a row into an accumulator, which begins as A's zero value.
	Add func(acc *A, row *T)
	// Merge takes one accumulator into another. Sliding and session windows need it.
	Merge func(into, from *A)
	// Remove takes a row out of an accumulator that it was added to. Results that are updated need it where their input
	// is: see package table.
	Remove func(acc *A, row *T)
	// Result makes the result of an accumulator. It leaves the accumulator as it is: where results are updated, more rows
	// are added afterwards.
	Result func(acc *A) R
}

// Windowed is the result of a window. Its event time is End − 1.
type Windowed[K comparable, R any] struct {
	Key K `json:"key"`
	// Start and End bound the window, in milliseconds: rows at End are no longer in it.
	Start int64 `json:"start"`
	End   int64 `json:"end"`
	Value R     `json:"value"`
}
