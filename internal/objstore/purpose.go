package objstore

import "context"

// Purpose is what a request is made for. It decides which requests go first, and what is worth keeping in a cache.
type Purpose uint8

// The purposes, the most urgent first.
const (
	// Record is a read that a record waits for; what says nothing else is taken for one.
	Record Purpose = iota
	// Checkpoint is what a checkpoint waits for, uploads of changes above all.
	Checkpoint
	// Compaction merges tables in the background.
	Compaction
	// WarmUp reads ahead what may be wanted later.
	WarmUp
)

// Purposes is how many there are.
const Purposes = int(WarmUp) + 1

// String is the purpose as the label of metrics has it.
func (p Purpose) String() string {
	return [Purposes]string{"record", "checkpoint", "compaction", "warm-up"}[p]
}

type purposeKey struct{}

// For returns a context whose requests are made for a purpose.
func For(ctx context.Context, p Purpose) context.Context {
	return context.WithValue(ctx, purposeKey{}, p)
}

// ForWhatever returns a context whose requests are made for what is the purpose by then: one that writes an object for
// a long time may become more urgent. The function is called by any goroutine.
func ForWhatever(ctx context.Context, purpose func() Purpose) context.Context {
	return context.WithValue(ctx, purposeKey{}, purpose)
}

// PurposeOf is what a request under a context is made for, at this moment.
func PurposeOf(ctx context.Context) Purpose {
	switch p := ctx.Value(purposeKey{}).(type) {
	case Purpose:
		return p
	case func() Purpose:
		return p()
	}
	return Record
}
