package remote

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
)

// Refused is an answer that is an error, for protocols that are spoken without a library.
type Refused struct {
	Status        int
	Code, Message string // the server's
}

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("%s: %s (status %d)", r.Code, r.Message, r.Status)
}

// unanswered is an error in place of an answer.
type unanswered struct{ error }

func (u unanswered) Unwrap() error { return u.error }

// explanation is how much is read of an answer that is an error, in bytes.
const explanation = 64 << 10

// Connect returns a client whose requests do not stand still and are not redirected. Its connections are as many as
// a job needs.
func Connect(through http.RoundTripper) *http.Client {
	return &http.Client{
		Transport:     Watch(through),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Connections is how many connections to a store are kept for the next request: as many as a process has requests
// under way, for a new one takes several round trips.
const Connections = 1280

// Transport returns the connections of a store: those of the standard library, in sufficient number. Bodies come as
// they are.
func Transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.DisableCompression = Connections, Connections, true
	return t
}

// Send sends a request. An answer of another status than those given becomes a *Refused, which parse makes of its
// body. The receiver closes the body of the answer. Errors do not contain the address, which may hold a secret.
func Send(
	c *http.Client, r *http.Request, parse func(a *http.Response, body []byte) *Refused, statuses ...int,
) (*http.Response, error) {
	a, err := c.Do(r)
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = unanswered{failed.Err}
	}
	if err != nil {
		return nil, err
	}
	if slices.Contains(statuses, a.StatusCode) {
		return a, nil
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, explanation))
	if err != nil && a.StatusCode < 300 {
		return nil, unanswered{err}
	}
	return nil, parse(a, body)
}
