package operator

// OrLate is a row of an operator that also has an output for rows of its input that come too late.
type OrLate[T, Out any] struct {
	Row  Out
	Late *T // instead of Row
}

// SplitLate returns what takes the rows of both outputs apart; late is nil for dropping what is late.
func SplitLate[T, Out any](next Receiver[Out], late Receiver[T]) *Parting[OrLate[T, Out]] {
	parts := []Part[OrLate[T, Out]]{PartOf(next, func(r *OrLate[T, Out]) *Out {
		if r.Late != nil {
			return nil
		}
		return &r.Row
	})}
	if late != nil {
		parts = append(parts, PartOf(late, func(r *OrLate[T, Out]) *T { return r.Late }))
	}
	return NewParting(parts...)
}
