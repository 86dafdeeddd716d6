package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
)

func TestAVerdictFollowsTheStatusOfAnAnswer(t *testing.T) {
	for status, want := range map[int]Verdict{
		400: {Nothing: true}, 403: {Nothing: true}, 404: {Nothing: true, Missing: true}, 408: {Momentary: true},
		412: {Nothing: true, Changed: true}, 429: {Nothing: true, Momentary: true, Busy: true}, 500: {Momentary: true},
		501: {}, 502: {Momentary: true}, 503: {Momentary: true, Busy: true}, 504: {Momentary: true},
	} {
		want.Status = status
		if got := Judge(errors.New("refused"), status); got != want {
			t.Errorf("%d: %+v, want %+v", status, got, want)
		}
	}
}

func TestAVerdictWithoutAnAnswerFollowsTheConnection(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		err                error
		momentary, nothing bool
	}{
		{dial, true, true},
		{unanswered{dial}, true, true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true, false},
		{fmt.Errorf("somewhere: %w", io.ErrUnexpectedEOF), true, false},
		{ErrStalled, true, false},
		{unanswered{errors.New("http: server closed idle connection")}, true, false},
		{errors.New("a mistake of the program"), false, false},
	} {
		v := Judge(c.err, 0)
		if v.Momentary != c.momentary || v.Nothing != c.nothing {
			t.Errorf("%v: %+v", c.err, v)
		}
	}
}

// through handles requests instead of a server.
type through func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnErrorOfARequestDoesNotRepeatItsAddress(t *testing.T) {
	c := Connect(through(func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host/x?sig=HIDDEN", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Send(c, r, nil, http.StatusOK)
	if _, repeats := errors.AsType[*url.Error](err); repeats || !errors.Is(err, syscall.ECONNRESET) ||
		strings.Contains(err.Error(), "HIDDEN") {
		t.Errorf("%v", err)
	}
}

func TestTheEndOfTheContextIsSeenThroughARequest(t *testing.T) {
	c := Connect(through(func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://host", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = Send(c, r, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// A redirect would repeat a request, with what it carries, elsewhere: it is an error like others.
func TestRedirectsAreNotFollowed(t *testing.T) {
	asked := 0
	c := Connect(through(func(r *http.Request) (*http.Response, error) {
		asked++
		h := http.Header{"Location": {"http://elsewhere"}}
		return &http.Response{StatusCode: 307, Header: h, Body: io.NopCloser(strings.NewReader("moved")), Request: r}, nil
	}))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host", nil)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(a *http.Response, body []byte) *Refused { return &Refused{a.StatusCode, "Moved", string(body)} }
	_, err = Send(c, r, parse, http.StatusOK)
	if fmt.Sprint(err) != "Moved: moved (status 307)" || asked != 1 {
		t.Errorf("%v after %d requests", err, asked)
	}
}
