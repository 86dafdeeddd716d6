package remote

import (
	"context"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Create implements objstore.Store. Nothing is sent before a part is full.
func (s *Store) Create(ctx context.Context, name string) (objstore.Writer, error) {
	if err := s.checkWrite(ctx, name); err != nil {
		return nil, err
	}
	return &writer{store: s, ctx: ctx, name: name}, nil
}

// writer collects a part. Its upload begins with the first full one.
type writer struct {
	store  *Store
	ctx    context.Context
	name   string
	part   []byte
	sent   int
	upload *upload
}

// Write implements objstore.Writer.
func (w *writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		if len(w.part) == w.store.PartBytes { // more follows
			if err := w.send(); err != nil {
				return written, err
			}
		}
		n := min(len(p), w.store.PartBytes-len(w.part))
		w.part = append(grown(w.part, n, w.store.PartBytes), p[:n]...)
		p, written = p[n:], written+n
	}
	return written, nil
}

// grown returns a part with memory for n more bytes: twice as much each time, so that little is copied, and all that a
// part may have once it has a quarter.
func grown(part []byte, n, most int) []byte {
	want := len(part) + n
	if want <= cap(part) {
		return part
	}
	if want = max(want, 2*cap(part)); want > most/4 {
		want = most
	}
	return append(make([]byte, 0, want), part...)
}

// send hands the part over to the upload.
func (w *writer) send() (err error) {
	if w.sent == w.store.MaxParts && w.sent > 0 {
		return base.Errorf(base.Config, "%s %s/%s: an object has at most %d parts of %d bytes: "+
			"write smaller objects", w.store.Requests.Part, w.store, w.name, w.sent, w.store.PartBytes)
	}
	if w.upload == nil {
		if w.upload, err = w.store.begin(w.ctx, w.name); err != nil {
			return err
		}
	}
	w.sent++
	w.part, err = w.upload.send(w.sent, w.part)
	return err
}

// Finish implements objstore.Writer.
func (w *writer) Finish() error {
	err := w.store.checkWrite(w.ctx, w.name)
	if err == nil && w.upload == nil {
		return w.store.PutIfAbsent(w.ctx, w.name, w.part)
	}
	if err == nil {
		err = w.send()
	}
	if err != nil {
		w.Abort()
		return err
	}
	return w.upload.finish(w.sent)
}

// Abort implements objstore.Writer. Parts that cannot be removed are removed by the next Lock, or by the server after
// some days.
func (w *writer) Abort() {
	if w.upload != nil {
		_ = w.upload.abort()
	}
}
