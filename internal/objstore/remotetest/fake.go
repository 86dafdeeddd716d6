package remotetest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// Fake is a server whose requests a test may handle.
type Fake struct {
	subject Subject
	server  http.RoundTripper
	mu      sync.Mutex
	hook    hook // nil: everything passes
	count   map[string]int
}

// hook handles a request instead of the server, which it may call.
type hook func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error)

func newFake(t *testing.T, k Subject) *Fake {
	t.Helper()
	return &Fake{subject: k, server: k.Server(t), count: map[string]int{}}
}

// store opens a store of the server.
func (f *Fake) store(t *testing.T, prefix string) *remote.Store {
	t.Helper()
	return f.subject.Open(t, f.subject.Kind, prefix, f)
}

// use hands requests to a hook from now on, and begins to count them anew.
func (f *Fake) use(h hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook, f.count = h, map[string]int{}
}

// counted returns the number of requests of a kind.
func (f *Fake) counted(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[op]
}

// RoundTrip implements http.RoundTripper.
func (f *Fake) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	op := f.subject.Operation(r)
	f.mu.Lock()
	f.count[op]++
	n, handle := f.count[op], f.hook
	f.mu.Unlock()
	pass := func() *http.Response {
		a, err := f.server.RoundTrip(r)
		if err != nil {
			panic(err) // a server in this process answers
		}
		return a
	}
	if handle == nil {
		return pass(), nil
	}
	return handle(r, n, pass)
}

// lose loses answers to a kind of request, from the first to the nth, after it was carried out.
func lose(k Subject, op string, upTo int) hook {
	return func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		a := pass()
		if k.Operation(r) == op && n <= upTo {
			return nil, io.ErrUnexpectedEOF
		}
		return a, nil
	}
}

// refuse answers a kind of request with an error, from the first to the nth.
func refuse(k Subject, op string, upTo int, with Refusal) hook {
	return func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		if k.Operation(r) == op && n <= upTo {
			return k.Refuse(r, with.Status, with.Code), nil
		}
		return pass(), nil
	}
}

// first does something before the first request of a kind, whose connection then breaks with an error.
func first(k Subject, op string, do func(), err error) hook {
	return func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		if k.Operation(r) == op && n == 1 {
			do()
			return nil, err
		}
		return pass(), nil
	}
}

const always = 1 << 30

// cut lets the connection break after n bytes of the answer.
func cut(a *http.Response, n int64) {
	data, _ := io.ReadAll(a.Body)
	a.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data[:min(n, int64(len(data)))]), broken{}))
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// MustHold checks the names and bytes of all objects, as "name=bytes".
func MustHold(t *testing.T, s objstore.Store, want string) {
	t.Helper()
	var got []string
	for o, err := range s.List(t.Context(), "") {
		must(t, err)
		data, _, err := s.Get(t.Context(), o.Name)
		must(t, err)
		got = append(got, o.Name+"="+string(data))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("there is %q, want %q", strings.Join(got, " "), want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}
