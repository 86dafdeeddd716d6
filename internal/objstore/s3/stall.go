package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// patience is how long a request may go without any byte in either direction.
const patience = 30 * time.Second

var errStalled = errors.New("no answer for " + patience.String())

// watchdog ends requests that stand still, whatever they wait for: the connection, the upload, the answer or the
// rest of it.
type watchdog struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (w watchdog) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	timer := time.AfterFunc(patience, func() { cancel(errStalled) })
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
	timer.Reset(patience)
	answer.Body = &watched{answer.Body, ctx, timer, stop}
	return answer, nil
}

// stalled replaces the error of a request that the watchdog ended.
func stalled(ctx context.Context, err error) error {
	if err != nil && err != io.EOF && context.Cause(ctx) == errStalled {
		return errStalled
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
		w.timer.Reset(patience)
	}
	return n, stalled(w.ctx, err)
}

// Close implements io.Closer.
func (w *watched) Close() error {
	defer w.closed()
	return w.ReadCloser.Close()
}
