package channel

// from are the origins of n channels of one input.
func from(n int) []Origin {
	all := make([]Origin, n)
	for i := range all {
		all[i].Subtask = i
	}
	return all
}
