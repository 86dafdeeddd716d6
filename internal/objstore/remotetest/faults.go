package remotetest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// faults are the stories of this file.
var faults = []story{
	{"APutWhoseAnswerIsLostIsNotRefused", aPutWhoseAnswerIsLostIsNotRefused},
	{"ASwapWhoseAnswerIsLostReturnsItsVersion", aSwapWhoseAnswerIsLostReturnsItsVersion},
	{"ACompletionWhoseAnswerIsLostIsNotRefused", aCompletionWhoseAnswerIsLostIsNotRefused},
	{"WhatCannotBeSettledIsUnclear", whatCannotBeSettledIsUnclear},
	{"ARefusalAfterAttemptsThatDidNothingIsTheTruth", aRefusalAfterAttemptsThatDidNothingIsTheTruth},
	{"AWriteThatNeverArrivesFails", aWriteThatNeverArrivesFails},
	{"EveryRequestIsRepeatedWhileTheStoreIsBusy", everyRequestIsRepeatedWhileTheStoreIsBusy},
	{"AStoreThatStaysBusyFailsTheRequest", aStoreThatStaysBusyFailsTheRequest},
	{"TheEndOfTheContextEndsTheRepetition", theEndOfTheContextEndsTheRepetition},
	{"MistakesAreToldOnceAndClearly", mistakesAreToldOnceAndClearly},
}

func aPutWhoseAnswerIsLostIsNotRefused(t *testing.T, k Subject) {
	for _, lost := range []int{1, 3, always} {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(lose(k, k.Kind.Requests.Put, lost))
			must(t, s.PutIfAbsent(t.Context(), "x", []byte("1")))
			MustHold(t, s, "x=1")
			f.use(nil)
			mustBe(t, s.PutIfAbsent(t.Context(), "x", []byte("1")), objstore.ErrExists)
		})
	}
}

func aSwapWhoseAnswerIsLostReturnsItsVersion(t *testing.T, k Subject) {
	for _, lost := range []int{1, 3, always} {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(lose(k, k.Kind.Requests.Put, lost))
			v, err := s.Swap(t.Context(), "x", "", []byte("1"))
			must(t, err)
			f.use(lose(k, k.Kind.Requests.Put, lost))
			w, err := s.Swap(t.Context(), "x", v, []byte("2"))
			must(t, err)
			f.use(nil)
			_, err = s.Swap(t.Context(), "x", w, []byte("3"))
			must(t, err)
			MustHold(t, s, "x=3")
		})
	}
}

func aCompletionWhoseAnswerIsLostIsNotRefused(t *testing.T, k Subject) {
	gone := func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		if k.Operation(r) == k.Kind.Requests.Complete && n > 1 {
			return k.Refuse(r, k.LostUpload.Status, k.LostUpload.Code), nil
		}
		return lose(k, k.Kind.Requests.Complete, 1)(r, n, pass)
	}
	for _, h := range []hook{
		lose(k, k.Kind.Requests.Complete, 1), lose(k, k.Kind.Requests.Complete, always), gone,
	} {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(h)
			must(t, create(t.Context(), s, "x", k.big()))
			o, err := s.Stat(t.Context(), "x")
			must(t, err)
			if o.Size != int64(len(k.big())) {
				t.Errorf("%+v", o)
			}
		})
	}
}

// A write that was repeated after a lost answer, and then refused, may have taken effect before another one did:
// neither "exists" nor "changed" would be true then.
func whatCannotBeSettledIsUnclear(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		other := f.store(t, "p")
		f.use(first(k, k.Kind.Requests.Put, func() {
			f.use(nil)
			must(t, other.PutIfAbsent(t.Context(), "x", []byte("other")))
		}, io.ErrUnexpectedEOF))
		err := s.PutIfAbsent(t.Context(), "x", []byte("mine"))
		mustBeUnclear(t, k, err)

		_, v, err := s.Get(t.Context(), "x")
		must(t, err)
		f.use(first(k, k.Kind.Requests.Put, func() {
			f.use(nil)
			_, err := other.Swap(t.Context(), "x", v, []byte("other's"))
			must(t, err)
		}, io.ErrUnexpectedEOF))
		_, err = s.Swap(t.Context(), "x", v, []byte("mine"))
		mustBeUnclear(t, k, err)
	})
}

func mustBeUnclear(t *testing.T, k Subject, err error) {
	t.Helper()
	if err == nil || errors.Is(err, objstore.ErrExists) || errors.Is(err, objstore.ErrChanged) ||
		!strings.Contains(err.Error(), k.Kind.Requests.Put+" "+k.Place+"/p/x: the answer was lost") {
		t.Errorf("%v", err)
	}
}

// Requests that never reached the server, or that it rejected, have not taken effect: then a refusal is the truth.
func aRefusalAfterAttemptsThatDidNothingIsTheTruth(t *testing.T, k Subject) {
	noConnection := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	hooks := []hook{first(k, k.Kind.Requests.Put, func() {}, noConnection)}
	for _, r := range k.Nothing {
		hooks = append(hooks, refuse(k, k.Kind.Requests.Put, 2, r))
	}
	for _, h := range hooks {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			must(t, s.PutIfAbsent(t.Context(), "x", []byte("1")))
			f.use(h)
			mustBe(t, s.PutIfAbsent(t.Context(), "x", []byte("2")), objstore.ErrExists)
			if f.counted(k.Kind.Requests.Head) > 0 {
				t.Error("it was asked who wrote the object")
			}
			f.use(h)
			_, err := s.Swap(t.Context(), "x", k.Version, []byte("2"))
			mustBe(t, err, objstore.ErrChanged)
			if f.counted(k.Kind.Requests.Head) > 0 {
				t.Error("it was asked who wrote the object")
			}
		})
	}
}

func aWriteThatNeverArrivesFails(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
			if k.Operation(r) == k.Kind.Requests.Put {
				return nil, io.ErrUnexpectedEOF
			}
			return pass(), nil
		})
		err := s.PutIfAbsent(t.Context(), "x", nil)
		if err == nil || base.KindOf(err) != base.Failed ||
			!strings.HasPrefix(err.Error(), k.Kind.Requests.Put+" "+k.Place+"/p/x: ") {
			t.Errorf("%v", err)
		}
		if f.counted(k.Kind.Requests.Put) != remote.Attempts {
			t.Errorf("%d attempts", f.counted(k.Kind.Requests.Put))
		}
		MustHold(t, s, "")
	})
}

// requests are all kinds of requests that a protocol has; each starts on an empty store.
func requests(k Subject) map[string]request {
	writesBig := func(ctx context.Context, s *remote.Store) error { return create(ctx, s, "x", k.big()) }
	all := map[string]request{
		k.Kind.Requests.Put:        func(ctx context.Context, s *remote.Store) error { return s.PutIfAbsent(ctx, "x", []byte("12345")) },
		k.Kind.Requests.Head:       func(ctx context.Context, s *remote.Store) error { return afterPut(ctx, s, stat) },
		k.Kind.Requests.Get:        func(ctx context.Context, s *remote.Store) error { return afterPut(ctx, s, readAt) },
		k.Kind.Requests.List:       list,
		k.Kind.Requests.Delete:     func(ctx context.Context, s *remote.Store) error { return s.Delete(ctx, "x") },
		k.Kind.Requests.Begin:      writesBig,
		k.Kind.Requests.Part:       writesBig,
		k.Kind.Requests.Complete:   writesBig,
		k.Kind.Requests.Unfinished: lock,
	}
	delete(all, "") // what the protocol does not need
	return all
}

// request is what makes a store send a request.
type request func(ctx context.Context, s *remote.Store) error

// big is an object of three parts.
func (k Subject) big() []byte { return make([]byte, 2*k.Kind.PartBytes+1000) }

func list(ctx context.Context, s *remote.Store) error {
	for _, err := range s.List(ctx, "") {
		return err
	}
	return nil
}

func lock(ctx context.Context, s *remote.Store) error {
	release, err := s.Lock(ctx)
	if err != nil {
		return err
	}
	return release()
}

func afterPut(ctx context.Context, s *remote.Store, then func(context.Context, *remote.Store) error) error {
	if err := s.PutIfAbsent(ctx, "x", []byte("12345")); err != nil {
		return err
	}
	return then(ctx, s)
}

func stat(ctx context.Context, s *remote.Store) error {
	_, err := s.Stat(ctx, "x")
	return err
}

func readAt(ctx context.Context, s *remote.Store) error {
	return s.ReadAt(ctx, "x", make([]byte, 3), 1)
}

// create writes an object as the users of stores do.
func create(ctx context.Context, s *remote.Store, name string, data []byte) error {
	w, err := s.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		w.Abort()
		return err
	}
	return w.Finish()
}

func everyRequestIsRepeatedWhileTheStoreIsBusy(t *testing.T, k Subject) {
	for op, request := range requests(k) {
		for _, busy := range k.Busy {
			if slices.Contains(busy.Except, op) {
				continue
			}
			tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
				f.use(refuse(k, op, 5, busy))
				if err := request(t.Context(), s); err != nil {
					t.Errorf("%s, %s: %v", op, busy.Code, err)
				}
				if f.counted(op) < 6 {
					t.Errorf("%s, %s: %d attempts", op, busy.Code, f.counted(op))
				}
			})
		}
	}
}

func aStoreThatStaysBusyFailsTheRequest(t *testing.T, k Subject) {
	for op, request := range requests(k) {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(refuse(k, op, always, k.Busy[0]))
			begin := time.Now()
			err := request(t.Context(), s)
			if err == nil || base.KindOf(err) != base.Failed || !strings.Contains(err.Error(), op+" "+k.Place+"/p/") ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", op, err)
			}
			if took := time.Since(begin); took > time.Minute || took < time.Second {
				t.Errorf("%s took %v", op, took)
			}
		})
	}
}

func theEndOfTheContextEndsTheRepetition(t *testing.T, k Subject) {
	for op, request := range requests(k) {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(refuse(k, op, always, k.Busy[1]))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			begin := time.Now()
			if err := request(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", op, err)
			}
			if took := time.Since(begin); took > 10*time.Millisecond {
				t.Errorf("%s took %v", op, took)
			}
		})
	}
}

// What repeating cannot help is one line that says what was asked, what is wrong and what to do.
func mistakesAreToldOnceAndClearly(t *testing.T, k Subject) {
	for _, c := range k.Mistakes {
		for op, request := range requests(k) {
			if slices.Contains(c.Except, op) {
				continue
			}
			tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
				f.use(refuse(k, op, always, c.Refusal))
				err := request(t.Context(), s)
				MustSay(t, err, op+" "+k.Place+"/p/", c.Meaning+" ("+c.Code+"): because: ", c.Advice)
				if most := 2; f.counted(op) > most {
					t.Errorf("%s, %s: %d attempts", op, c.Code, f.counted(op))
				}
			})
		}
	}
}

// Secret is what credentials of tests contain, and no error may.
const Secret = "this-is-the-secret"

// MustSay checks that an error is a mistake that is told in one line with these words, and no secret.
func MustSay(t *testing.T, err error, words ...string) {
	t.Helper()
	if base.KindOf(err) != base.Config {
		t.Errorf("%v (kind %v)", err, base.KindOf(err))
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), Secret) {
		t.Errorf("%q is more than one line, or not for everybody", err)
	}
}
