package remotetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// streams are the stories of this file.
var streams = []story{
	{"TheRestOfAnAnswerThatIsCutOffIsAskedFor", theRestOfAnAnswerThatIsCutOffIsAskedFor},
	{"AnswersThatAreAlwaysCutOffButBringSomethingAreEnough", answersThatAreAlwaysCutOffButBringSomethingAreEnough},
	{"AnswersThatAreAlwaysCutOffFail", answersThatAreAlwaysCutOffFail},
	{"AnObjectThatChangesWhileItIsReadIsNotMixed", anObjectThatChangesWhileItIsReadIsNotMixed},
	{"AServerThatIgnoresRangesIsNotTrusted", aServerThatIgnoresRangesIsNotTrusted},
	{"EmptyReadsNeedAnObject", emptyReadsNeedAnObject},
	{"AnAnswerThatStallsIsAskedForAgain", anAnswerThatStallsIsAskedForAgain},
	{"AnswersThatAlwaysStallFailAndSayWhy", answersThatAlwaysStallFailAndSayWhy},
	{"RequestsThatHangAreRepeated", requestsThatHangAreRepeated},
	{"AnAnswerThatIsSlowButSteadyIsNotEnded", anAnswerThatIsSlowButSteadyIsNotEnded},
	{"AnUploadThatIsSlowButSteadyIsNotEnded", anUploadThatIsSlowButSteadyIsNotEnded},
}

const text = "0123456789"

// holdingText is a story on a store with one object, x.
func holdingText(t *testing.T, k Subject, test func(t *testing.T, f *Fake, s *remote.Store)) {
	t.Helper()
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		must(t, s.PutIfAbsent(t.Context(), "x", []byte(text)))
		test(t, f, s)
	})
}

// readings read bytes 2 to 8 of x in the ways there are.
var readings = map[string]func(ctx context.Context, s *remote.Store) (string, error){
	"Get": func(ctx context.Context, s *remote.Store) (string, error) {
		data, _, err := s.Get(ctx, "x")
		if err != nil {
			return "", err
		}
		return string(data[2:8]), nil
	},
	"ReadAt": func(ctx context.Context, s *remote.Store) (string, error) {
		p := make([]byte, 6)
		err := s.ReadAt(ctx, "x", p, 2)
		return string(p), err
	},
}

// mangle changes the answers to reads, from the first to the nth.
func mangle(k Subject, upTo int, f func(r *http.Request, a *http.Response)) hook {
	return func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
		a := pass()
		if k.Operation(r) == k.Kind.Requests.Get && n <= upTo {
			f(r, a)
		}
		return a, nil
	}
}

func theRestOfAnAnswerThatIsCutOffIsAskedFor(t *testing.T, k Subject) {
	for way, read := range readings {
		for _, after := range []int64{0, 1, 5} {
			holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
				var of []string
				f.use(mangle(k, 3, func(r *http.Request, a *http.Response) {
					of = append(of, r.Header.Get("If-Match")+r.URL.Query().Get("ifGenerationMatch"))
					cut(a, after)
				}))
				got, err := read(t.Context(), s)
				if err != nil || got != text[2:8] {
					t.Errorf("%s, cut after %d: %q, %v", way, after, got, err)
				}
				if after == 1 && (len(of) != 3 || of[2] == "") {
					t.Errorf("%s: requests for %q do not stay with one object", way, of)
				}
			})
		}
	}
}

func answersThatAreAlwaysCutOffButBringSomethingAreEnough(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		want := strings.Repeat(text, remote.Attempts)
		must(t, s.PutIfAbsent(t.Context(), "x", []byte(want)))
		f.use(mangle(k, always, func(_ *http.Request, a *http.Response) { cut(a, 3) }))
		MustHold(t, s, "x="+want)
	})
}

func answersThatAreAlwaysCutOffFail(t *testing.T, k Subject) {
	for way, read := range readings {
		holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(mangle(k, always, func(_ *http.Request, a *http.Response) { cut(a, 0) }))
			_, err := read(t.Context(), s)
			if !errors.Is(err, remote.ErrCut) || base.KindOf(err) != base.Failed {
				t.Errorf("%s: %v", way, err)
			}
			if n := f.counted(k.Kind.Requests.Get); n < remote.Attempts || n > remote.Attempts+1 {
				t.Errorf("%s: %d attempts", way, n)
			}
		})
	}
}

func anObjectThatChangesWhileItIsReadIsNotMixed(t *testing.T, k Subject) {
	holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		_, v, err := s.Get(t.Context(), "x")
		must(t, err)
		f.use(nil)
		f.use(mangle(k, 1, func(_ *http.Request, a *http.Response) {
			f.use(nil)
			_, err := s.Swap(t.Context(), "x", v, []byte("abcdefghij"))
			must(t, err)
			cut(a, 5)
		}))
		data, _, err := s.Get(t.Context(), "x")
		if err == nil || !strings.Contains(err.Error(), "it was replaced while it was read") {
			t.Errorf("got %q, %v", data, err)
		}
	})
}

func aServerThatIgnoresRangesIsNotTrusted(t *testing.T, k Subject) {
	holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
			r.Header.Del("Range")
			r.Header.Del("x-ms-range") // Azure's
			return pass(), nil
		})
		for _, c := range []struct{ from, n int }{{0, 5}, {2, 5}} {
			if err := s.ReadAt(t.Context(), "x", make([]byte, c.n), int64(c.from)); err == nil {
				t.Errorf("%+v was read", c)
			}
		}
	})
}

func emptyReadsNeedAnObject(t *testing.T, k Subject) {
	holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		must(t, s.ReadAt(t.Context(), "x", nil, 10))
		for _, c := range []struct {
			name string
			off  int64
		}{{"x", 11}, {"x", -1}, {"none", 0}} {
			if s.ReadAt(t.Context(), c.name, nil, c.off) == nil {
				t.Errorf("%+v was read", c)
			}
		}
	})
}

// hanging is a body that gives some bytes and then nothing, until its request ends.
type hanging struct {
	io.Reader
	ctx context.Context
}

func hang(r *http.Request, a *http.Response, after int) {
	data, _ := io.ReadAll(a.Body)
	a.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data[:after]), hanging{ctx: r.Context()}))
}

func (h hanging) Read([]byte) (int, error) {
	<-h.ctx.Done()
	return 0, h.ctx.Err()
}

func anAnswerThatStallsIsAskedForAgain(t *testing.T, k Subject) {
	for way, read := range readings {
		holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(mangle(k, 1, func(r *http.Request, a *http.Response) { hang(r, a, 3) }))
			begin := time.Now()
			got, err := read(t.Context(), s)
			if err != nil || got != text[2:8] {
				t.Errorf("%s: %q, %v", way, got, err)
			}
			if took := time.Since(begin); took < remote.Patience || took > remote.Patience+time.Second {
				t.Errorf("%s took %v", way, took)
			}
		})
	}
}

func answersThatAlwaysStallFailAndSayWhy(t *testing.T, k Subject) {
	holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		f.use(mangle(k, always, func(r *http.Request, a *http.Response) { hang(r, a, 0) }))
		_, _, err := s.Get(t.Context(), "x")
		if !errors.Is(err, remote.ErrStalled) || !strings.Contains(err.Error(), "no answer for 30s") {
			t.Errorf("%v", err)
		}
	})
}

func requestsThatHangAreRepeated(t *testing.T, k Subject) {
	for op, request := range requests(k) {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
				if k.Operation(r) == op && n == 1 {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				return pass(), nil
			})
			begin := time.Now()
			if err := request(t.Context(), s); err != nil {
				t.Errorf("%s: %v", op, err)
			}
			if took := time.Since(begin); took < remote.Patience || took > remote.Patience+time.Second {
				t.Errorf("%s took %v", op, took)
			}
		})
	}
}

// slow is a body that gives a byte at a time, with pauses in which another would lose its remote.Patience twice.
type slow struct {
	io.Reader
	ctx context.Context
}

func (s slow) Read(p []byte) (int, error) {
	select {
	case <-time.After(remote.Patience * 2 / 3):
		return s.Reader.Read(p[:min(1, len(p))])
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func anAnswerThatIsSlowButSteadyIsNotEnded(t *testing.T, k Subject) {
	for way, read := range readings {
		holdingText(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			f.use(mangle(k, always, func(r *http.Request, a *http.Response) {
				a.Body = io.NopCloser(slow{a.Body, r.Context()})
				<-time.After(remote.Patience * 2 / 3) // the answer begins late, too
			}))
			got, err := read(t.Context(), s)
			if err != nil || got != text[2:8] || f.counted(k.Kind.Requests.Get) != 1 {
				t.Errorf("%s: %q, %v by %d requests", way, got, err, f.counted(k.Kind.Requests.Get))
			}
		})
	}
}

func anUploadThatIsSlowButSteadyIsNotEnded(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
			r.Body = io.NopCloser(slow{r.Body, r.Context()})
			return pass(), nil
		})
		must(t, s.PutIfAbsent(t.Context(), "x", []byte(text)))
		if f.counted(k.Kind.Requests.Put) != 1 {
			t.Errorf("%d requests", f.counted(k.Kind.Requests.Put))
		}
	})
}
