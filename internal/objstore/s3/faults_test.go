package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// story runs a test in synthetic time, on a store of a fake server.
func story(t *testing.T, test func(t *testing.T, f *fake, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		test(t, f, f.store(t, "p"))
	})
}

// lose loses answers to a kind of request, from the first to the nth, after it was carried out.
func lose(op string, upTo int) hook {
	return func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		a := pass()
		if operation(r) == op && n <= upTo {
			return nil, io.ErrUnexpectedEOF
		}
		return a, nil
	}
}

// refuse answers a kind of request with an error, from the first to the nth.
func refuse(op string, upTo, status int, code string) hook {
	return func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		if operation(r) == op && n <= upTo {
			return answer(r, status, code, "because"), nil
		}
		return pass(), nil
	}
}

// first does something before the first request of a kind, whose connection then breaks with an error.
func first(op string, do func(), err error) hook {
	return func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		if operation(r) == op && n == 1 {
			do()
			return nil, err
		}
		return pass(), nil
	}
}

const always = 1 << 30

func TestAPutWhoseAnswerIsLostIsNotRefused(t *testing.T) {
	for _, lost := range []int{1, 3, always} {
		story(t, func(t *testing.T, f *fake, s *Store) {
			f.use(lose("PutObject", lost))
			must(t, s.PutIfAbsent(t.Context(), "x", []byte("1")))
			mustHold(t, s, "x=1")
			f.use(nil)
			mustBe(t, s.PutIfAbsent(t.Context(), "x", []byte("1")), objstore.ErrExists)
		})
	}
}

func TestASwapWhoseAnswerIsLostReturnsItsVersion(t *testing.T) {
	for _, lost := range []int{1, 3, always} {
		story(t, func(t *testing.T, f *fake, s *Store) {
			f.use(lose("PutObject", lost))
			v, err := s.Swap(t.Context(), "x", "", []byte("1"))
			must(t, err)
			f.use(lose("PutObject", lost))
			w, err := s.Swap(t.Context(), "x", v, []byte("2"))
			must(t, err)
			f.use(nil)
			_, err = s.Swap(t.Context(), "x", w, []byte("3"))
			must(t, err)
			mustHold(t, s, "x=3")
		})
	}
}

func TestACompletionWhoseAnswerIsLostIsNotRefused(t *testing.T) {
	gone := func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		if operation(r) == "CompleteMultipartUpload" && n > 1 {
			return answer(r, http.StatusNotFound, "NoSuchUpload", "gone"), nil
		}
		return lose("CompleteMultipartUpload", 1)(r, n, pass)
	}
	for _, h := range []hook{
		lose("CompleteMultipartUpload", 1), lose("CompleteMultipartUpload", always), gone,
	} {
		story(t, func(t *testing.T, f *fake, s *Store) {
			f.use(h)
			must(t, create(t.Context(), s, "x", big))
			o, err := s.Stat(t.Context(), "x")
			must(t, err)
			if o.Size != int64(len(big)) {
				t.Errorf("%+v", o)
			}
		})
	}
}

// A write that was repeated after a lost answer, and then refused, may have taken effect before another one did:
// neither "exists" nor "changed" would be true then.
func TestWhatCannotBeSettledIsUnclear(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		other := f.store(t, "p")
		f.use(first("PutObject", func() {
			f.use(nil)
			must(t, other.PutIfAbsent(t.Context(), "x", []byte("other")))
		}, io.ErrUnexpectedEOF))
		err := s.PutIfAbsent(t.Context(), "x", []byte("mine"))
		mustBeUnclear(t, err)

		_, v, err := s.Get(t.Context(), "x")
		must(t, err)
		f.use(first("PutObject", func() {
			f.use(nil)
			_, err := other.Swap(t.Context(), "x", v, []byte("other's"))
			must(t, err)
		}, io.ErrUnexpectedEOF))
		_, err = s.Swap(t.Context(), "x", v, []byte("mine"))
		mustBeUnclear(t, err)
	})
}

func mustBeUnclear(t *testing.T, err error) {
	t.Helper()
	if err == nil || errors.Is(err, objstore.ErrExists) || errors.Is(err, objstore.ErrChanged) ||
		!strings.Contains(err.Error(), "PutObject s3://bucket/p/x: the answer was lost") {
		t.Errorf("%v", err)
	}
}

func mustBe(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

// Requests that never reached the server, or that it rejected, have not taken effect: then a refusal is the truth.
func TestARefusalAfterAttemptsThatDidNothingIsTheTruth(t *testing.T) {
	noConnection := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, h := range []hook{
		refuse("PutObject", 2, http.StatusServiceUnavailable, "SlowDown"),
		refuse("PutObject", 2, http.StatusConflict, "ConditionalRequestConflict"),
		first("PutObject", func() {}, noConnection),
	} {
		story(t, func(t *testing.T, f *fake, s *Store) {
			must(t, s.PutIfAbsent(t.Context(), "x", []byte("1")))
			f.use(h)
			mustBe(t, s.PutIfAbsent(t.Context(), "x", []byte("2")), objstore.ErrExists)
			if f.counted("HeadObject") > 0 {
				t.Error("it was asked who wrote the object")
			}
			f.use(h)
			_, err := s.Swap(t.Context(), "x", `"another"`, []byte("2"))
			mustBe(t, err, objstore.ErrChanged)
			if f.counted("HeadObject") > 0 {
				t.Error("it was asked who wrote the object")
			}
		})
	}
}

func TestAWriteThatNeverArrivesFails(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
			if operation(r) == "PutObject" {
				return nil, io.ErrUnexpectedEOF
			}
			return pass(), nil
		})
		err := s.PutIfAbsent(t.Context(), "x", nil)
		if err == nil || base.KindOf(err) != base.Failed ||
			!strings.HasPrefix(err.Error(), "PutObject s3://bucket/p/x: ") {
			t.Errorf("%v", err)
		}
		if f.counted("PutObject") != attempts {
			t.Errorf("%d attempts", f.counted("PutObject"))
		}
		mustHold(t, s, "")
	})
}

// requests are all kinds of requests; each starts on an empty store.
var requests = map[string]func(ctx context.Context, s *Store) error{
	"PutObject":  func(ctx context.Context, s *Store) error { return s.PutIfAbsent(ctx, "x", []byte("12345")) },
	"HeadObject": func(ctx context.Context, s *Store) error { return afterPut(ctx, s, stat) },
	"GetObject":  func(ctx context.Context, s *Store) error { return afterPut(ctx, s, readAt) },
	"ListObjectsV2": func(ctx context.Context, s *Store) error {
		for _, err := range s.List(ctx, "") {
			return err
		}
		return nil
	},
	"DeleteObject":            func(ctx context.Context, s *Store) error { return s.Delete(ctx, "x") },
	"CreateMultipartUpload":   func(ctx context.Context, s *Store) error { return create(ctx, s, "x", big) },
	"UploadPart":              func(ctx context.Context, s *Store) error { return create(ctx, s, "x", big) },
	"CompleteMultipartUpload": func(ctx context.Context, s *Store) error { return create(ctx, s, "x", big) },
	"ListMultipartUploads":    func(ctx context.Context, s *Store) error { return s.sweep(ctx) },
}

var big = make([]byte, 2*partSize+1000)

func afterPut(ctx context.Context, s *Store, then func(context.Context, *Store) error) error {
	if err := s.PutIfAbsent(ctx, "x", []byte("12345")); err != nil {
		return err
	}
	return then(ctx, s)
}

func stat(ctx context.Context, s *Store) error {
	_, err := s.Stat(ctx, "x")
	return err
}

func readAt(ctx context.Context, s *Store) error { return s.ReadAt(ctx, "x", make([]byte, 3), 1) }

// create writes an object as the users of stores do.
func create(ctx context.Context, s *Store, name string, data []byte) error {
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

func TestEveryRequestIsRepeatedWhileTheStoreIsBusy(t *testing.T) {
	for op, request := range requests {
		for _, busy := range []struct {
			status int
			code   string
		}{{503, "SlowDown"}, {500, "InternalError"}, {409, "OperationAborted"}} {
			story(t, func(t *testing.T, f *fake, s *Store) {
				f.use(refuse(op, 5, busy.status, busy.code))
				if op == "HeadObject" && busy.status == 409 {
					return // the answer to it has no body that says what is meant
				}
				if err := request(t.Context(), s); err != nil {
					t.Errorf("%s, %s: %v", op, busy.code, err)
				}
				if f.counted(op) < 6 {
					t.Errorf("%s, %s: %d attempts", op, busy.code, f.counted(op))
				}
			})
		}
	}
}

func TestAStoreThatStaysBusyFailsTheRequest(t *testing.T) {
	for op, request := range requests {
		story(t, func(t *testing.T, f *fake, s *Store) {
			f.use(refuse(op, always, http.StatusServiceUnavailable, "SlowDown"))
			begin := time.Now()
			err := request(t.Context(), s)
			if err == nil || base.KindOf(err) != base.Failed || !strings.Contains(err.Error(), op+" s3://bucket/p/") ||
				strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", op, err)
			}
			if took := time.Since(begin); took > time.Minute || took < time.Second {
				t.Errorf("%s took %v", op, took)
			}
		})
	}
}

func TestTheEndOfTheContextEndsTheRepetition(t *testing.T) {
	for op, request := range requests {
		story(t, func(t *testing.T, f *fake, s *Store) {
			f.use(refuse(op, always, http.StatusInternalServerError, "InternalError"))
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

func TestPausesGrowAndAreLongerForBusyStores(t *testing.T) {
	busy := &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: 503}}}
	for _, c := range []struct {
		err   error
		first time.Duration
	}{{errStalled, shortestPause}, {busy, throttlePause}} {
		for attempt := range 100 {
			bound, longest := min(c.first<<min(max(attempt-1, 0), 20), longestPause), time.Duration(0)
			for range 200 {
				d, err := pause(attempt, c.err)
				must(t, err)
				longest = max(longest, d)
			}
			if longest <= bound/2 || longest > bound+time.Millisecond { // by chance once in 2^200 times
				t.Errorf("after attempt %d: %v, want up to %v", attempt, longest, bound)
			}
		}
	}
}

// What repeating cannot help is one line that says what was asked, what is wrong and what to do.
func TestMistakesAreToldOnceAndClearly(t *testing.T) {
	for _, c := range []struct {
		status          int
		code            string
		meaning, advice string
	}{
		{403, "AccessDenied", "access denied", "give these credentials the right"},
		{405, "MethodNotAllowed", "access denied", "a store that can only be read holds no state"},
		{403, "InvalidAccessKeyId", "the credentials are not valid", "AWS_ACCESS_KEY_ID"},
		{403, "SignatureDoesNotMatch", "the credentials are not valid", "AWS_SECRET_ACCESS_KEY"},
		{400, "ExpiredToken", "the credentials have expired", "get new ones"},
		{404, "NoSuchBucket", "there is no such bucket", "create it or correct its name"},
		{403, "RequestTimeTooSkewed", "the clock of this machine is wrong", "set it"},
		{301, "PermanentRedirect", "the bucket is elsewhere", "correct region or endpoint"},
		{400, "AuthorizationHeaderMalformed", "the bucket is elsewhere", "correct region or endpoint"},
		{501, "NotImplemented", "the server cannot do this", "use a store with conditional writes"},
	} {
		for op, request := range requests {
			if op == "HeadObject" || op == "ListMultipartUploads" && c.code == "NotImplemented" {
				continue // no body says what is meant; a list that nobody needs
			}
			story(t, func(t *testing.T, f *fake, s *Store) {
				f.use(refuse(op, always, c.status, c.code))
				err := request(t.Context(), s)
				mustSay(t, err, op+" s3://bucket/p/", c.meaning+" ("+c.code+"): because: ", c.advice)
				if most := 2; f.counted(op) > most {
					t.Errorf("%s, %s: %d attempts", op, c.code, f.counted(op))
				}
			})
		}
	}
}

func mustSay(t *testing.T, err error, words ...string) {
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
	if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), secret) {
		t.Errorf("%q is more than one line, or not for everybody", err)
	}
}

func TestAMistakeIsToldEvenWithoutABody(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		f.use(refuse("HeadObject", always, http.StatusForbidden, ""))
		mustSay(t, stat(t.Context(), s), "HeadObject s3://bucket/p/x: access denied (Forbidden)")
	})
}

func TestAnErrorOfTheServerIsOneLine(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		f.use(func(r *http.Request, _ int, _ func() *http.Response) (*http.Response, error) {
			return answer(r, http.StatusBadRequest, "Strange", "two\nlines"), nil
		})
		err := s.PutIfAbsent(t.Context(), "x", nil)
		if want := "PutObject s3://bucket/p/x: Strange: two lines"; fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
}
