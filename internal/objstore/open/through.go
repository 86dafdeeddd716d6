package open

import (
	"context"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

type throughKey struct{}

// Through returns a context under which Store returns its stores wrapped: measurements make a directory as far away as
// a bucket.
func Through(ctx context.Context, wrap func(objstore.Store) objstore.Store) context.Context {
	return context.WithValue(ctx, throughKey{}, wrap)
}

// through wraps a store if the context says so.
func through(ctx context.Context, s objstore.Store) objstore.Store {
	if wrap, ok := ctx.Value(throughKey{}).(func(objstore.Store) objstore.Store); ok {
		return wrap(s)
	}
	return s
}
