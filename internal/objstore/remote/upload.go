package remote

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// cleaning bounds the time for what is done after the caller's context has ended.
const cleaning = 10 * time.Second

// upload is an object that is written in parts. It is used by one goroutine, and sends parts from others.
type upload struct {
	store       *Store
	name, token string
	parts       Upload
	caller      context.Context
	ctx         context.Context // ends with the caller's, at the first failure, and at the end of the upload
	cancel      context.CancelCauseFunc
	sending     sync.WaitGroup
	slots       chan []byte // the memory of parts; empty slots have none yet
}

// begin begins an upload.
func (s *Store) begin(ctx context.Context, name string) (*upload, error) {
	u := &upload{store: s, name: name, token: rand.Text(), caller: ctx, slots: make(chan []byte, s.Sending)}
	_, err := s.repeat(ctx, func() (err error) {
		u.parts, err = s.protocol.Begin(ctx, s.key(name), u.token)
		return err
	})
	if err != nil && s.protocol.Judge(err).Changed {
		_, err = s.settle(ctx, s.Requests.Begin, name, u.token, false, objstore.ErrExists, err)
		return nil, err
	}
	if err != nil {
		return nil, s.explain(ctx, s.Requests.Begin, name, err)
	}
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	for range s.Sending {
		u.slots <- nil
	}
	return u, nil
}

// send uploads a part, whose memory it takes, when fewer than Sending others are under way, and returns memory for
// the next part. The error may be that of an earlier part.
func (u *upload) send(number int, part []byte) ([]byte, error) {
	var free []byte
	select {
	case free = <-u.slots:
	case <-u.ctx.Done():
	}
	if u.ctx.Err() != nil {
		return part, u.failure()
	}
	u.sending.Go(func() {
		if err := u.put(number, part); err != nil {
			u.cancel(err)
		}
		u.slots <- part[:0]
	})
	return free, nil
}

// failure returns why the upload cannot go on, if it cannot.
func (u *upload) failure() error {
	if u.caller.Err() != nil {
		return u.store.explain(u.caller, u.store.Requests.Part, u.name, u.caller.Err())
	}
	return context.Cause(u.ctx)
}

func (u *upload) put(number int, part []byte) error {
	_, err := u.store.repeat(u.ctx, func() error { return u.parts.Part(u.ctx, number, part) })
	if err != nil {
		return u.store.explain(u.ctx, u.store.Requests.Part, u.name, err)
	}
	return nil
}

// finish makes an object of the parts, or removes them.
func (u *upload) finish(parts int) error {
	u.sending.Wait()
	err := u.failure()
	if err == nil {
		err = u.complete(parts)
	}
	if err != nil {
		_ = u.abort() // what it cannot remove is removed by the next Lock, or by the server after some days
	}
	u.cancel(nil)
	return err
}

func (u *upload) complete(parts int) error {
	s := u.store
	unclear, err := s.repeat(u.ctx, func() error { return u.parts.Complete(u.ctx, parts) })
	if err == nil {
		return nil
	}
	var refusal error
	if s.protocol.Judge(err).Changed {
		refusal = objstore.ErrExists
	}
	_, err = s.settle(u.ctx, s.Requests.Complete, u.name, u.token, unclear, refusal, err)
	return err
}

// abort removes what was uploaded, even when the caller's context has ended.
func (u *upload) abort() error {
	u.cancel(context.Canceled)
	u.sending.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), cleaning)
	defer cancel()
	return u.store.drop(ctx, u.name, u.parts)
}

// drop removes the parts of an upload. One that is not there any more was completed or removed.
func (s *Store) drop(ctx context.Context, name string, parts Upload) error {
	_, err := s.repeat(ctx, func() error { return parts.Abort(ctx) })
	if err != nil && !s.missing(err) {
		return s.explain(ctx, s.Requests.Abort, name, err)
	}
	return nil
}
