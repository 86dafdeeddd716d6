package remote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Patience is how long a request may go without any byte in either direction.
const Patience = 30 * time.Second

// ErrStalled means that a request went without any byte for as long as Patience.
var ErrStalled = errors.New("no answer for " + Patience.String())

// Watch returns a transport that ends requests that stand still, whatever they wait for: the connection, the upload,
// the answer or the rest of it.
func Watch(through http.RoundTripper) http.RoundTripper { return watchdog{through} }

type watchdog struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w watchdog) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(Patience, func() { cancel(ErrStalled) })
	stop := func() { timer.Stop(); cancel(nil) }
	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &watched{r.Body, ctx, timer, func() {}}
	}
	answer, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		err = stalled(ctx, err)
		stop()
		return nil, err
	}
	timer.Reset(Patience)
	answer.Body = &watched{answer.Body, ctx, timer, stop}
	return answer, nil
}

// stalled replaces the error of a request that the watchdog ended.
func stalled(ctx context.Context, err error) error {
	if err != nil && err != io.EOF && context.Cause(ctx) == ErrStalled {
		return ErrStalled
	}
	return err
}

// watched is a body whose every read shows that the request goes on.
type watched struct {
	io.ReadCloser
	ctx    context.Context
	timer  *time.Timer
	closed func()
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 && w.timer.Stop() {
		w.timer.Reset(Patience)
	}
	return n, stalled(w.ctx, err)
}

// Close implements io.Closer.
func (w *watched) Close() error {
	defer w.closed()
	return w.ReadCloser.Close()
}
