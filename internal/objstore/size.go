package objstore

import "context"

// sized is a context that knows the size of the object that is read. It is a context of its own so that asking it
// allocates nothing.
type sized struct {
	context.Context
	bytes int64
}

type sizeKey struct{}

// Value implements context.Context.
func (s *sized) Value(key any) any {
	if key == (sizeKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// Sized returns a context for reads of one object that Create has made, which has so many bytes and never
// changes: a cache may keep it, and may read more of it than is asked for.
func Sized(ctx context.Context, bytes int64) context.Context { return &sized{ctx, bytes} }

// SizeOf returns the size of the object that is read under a context, if that is known.
func SizeOf(ctx context.Context) (bytes int64, known bool) {
	s, ok := ctx.Value(sizeKey{}).(*sized)
	if !ok {
		return 0, false
	}
	return s.bytes, true
}
