package keyed

import (
	"context"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// distance is how far away tables are.
const distance = 20 * time.Millisecond

// far are tables that are far away.
type far struct{ *shelf }

func (f far) Read(ctx context.Context, keys [][]byte, found func(int, []byte) error) error {
	<-time.After(distance)
	return f.shelf.Read(ctx, keys, found)
}

func (f far) Scan(ctx context.Context, start, end []byte, visit func(k, v []byte) error) error {
	select {
	case <-time.After(distance):
	case <-ctx.Done():
		return ctx.Err()
	}
	return f.shelf.Scan(ctx, start, end, visit)
}

// inBubble is how long something takes that does nothing but wait.
func inBubble(t *testing.T, do func(t *testing.T)) (took time.Duration) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		begin := time.Now()
		do(t)
		took = time.Since(begin)
	})
	return took
}
