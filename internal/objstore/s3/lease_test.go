package s3

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// partition is a connection to a server that can be interrupted.
type partition struct {
	*fake
	interrupted atomic.Bool
}

func (p *partition) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.interrupted.Load() {
		return nil, io.ErrUnexpectedEOF
	}
	return p.fake.RoundTrip(r)
}

// twoProcesses is a story of two processes that use one store; the connection of the first can be interrupted.
func twoProcesses(t *testing.T, test func(t *testing.T, p *partition, a, b *Store)) {
	t.Helper()
	story(t, func(t *testing.T, f *fake, b *Store) {
		p := &partition{fake: f}
		a, err := open(t.Context(), "s3://bucket/p?endpoint=http://fake&path-style=true", p)
		must(t, err)
		test(t, p, a, b)
	})
}

// crashed leaves the lease of a process that is no more.
func crashed(t *testing.T, s *Store) {
	t.Helper()
	h := &holder{store: s, lease: lease{Holder: "the crashed one", Token: "T", Seconds: int(leaseTime / time.Second)}}
	must(t, h.claim(t.Context()))
}

func after(d time.Duration) { <-time.After(d) }

func TestALeaseInUseNamesItsHolder(t *testing.T) {
	twoProcesses(t, func(t *testing.T, _ *partition, a, b *Store) {
		release, err := a.Lock(t.Context())
		must(t, err)
		begin := time.Now()
		_, err = b.Lock(t.Context())
		mustBe(t, err, objstore.ErrLocked)
		host, _ := os.Hostname()
		holder := "process " + strconv.Itoa(os.Getpid()) + " on " + host
		for _, words := range []string{
			"s3://bucket/p: held by " + holder, "has just renewed its lease",
		} {
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%q does not say %q", err, words)
			}
		}
		if waited := time.Since(begin); waited > renewTime+watchTime {
			t.Errorf("it was waited for %v", waited)
		}
		must(t, release())
		must(t, release()) // again
		release, err = b.Lock(t.Context())
		must(t, err)
		must(t, release())
	})
}

func TestTheLeaseOfALivingProcessDoesNotEnd(t *testing.T) {
	twoProcesses(t, func(t *testing.T, _ *partition, a, b *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		release, err := a.Lock(ctx)
		must(t, err)
		cancel() // what counts is the release
		for range 100 {
			after(7 * time.Second)
			_, err := b.Lock(t.Context())
			mustBe(t, err, objstore.ErrLocked)
		}
		must(t, release())
	})
}

func TestTheLeaseOfACrashedProcessEnds(t *testing.T) {
	story(t, func(t *testing.T, _ *fake, s *Store) {
		crashed(t, s)
		begin := time.Now()
		release, err := s.Lock(t.Context()) // which a process that takes over at once waits for
		must(t, err)
		if waited := time.Since(begin); waited < leaseTime || waited > leaseTime+3*time.Second {
			t.Errorf("it was waited for %v", waited)
		}
		must(t, release())
	})
}

func TestWaitingForALeaseEndsWithTheContext(t *testing.T) {
	story(t, func(t *testing.T, _ *fake, s *Store) {
		crashed(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := s.Lock(ctx)
		mustBe(t, err, context.DeadlineExceeded)
	})
}

// The age of a lease is measured by the server's clock: that of a process may be wrong.
func TestTheClocksOfProcessesDoNotMatter(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		for _, wrong := range []time.Duration{-3 * time.Minute, 3 * time.Minute} {
			f.use(func(_ *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
				a := pass()
				for _, field := range []string{"Date", "Last-Modified"} {
					if at, err := http.ParseTime(a.Header.Get(field)); err == nil {
						a.Header.Set(field, at.Add(wrong).Format(http.TimeFormat))
					}
				}
				return a, nil
			})
			crashed(t, s)
			begin := time.Now()
			release, err := s.Lock(t.Context())
			must(t, err)
			if waited := time.Since(begin); waited < leaseTime || waited > leaseTime+3*time.Second {
				t.Errorf("it was waited for %v", waited)
			}
			must(t, release())
		}
	})
}

func TestOfConcurrentLocksOneSucceeds(t *testing.T) {
	for _, before := range []func(*testing.T, *Store){
		func(*testing.T, *Store) {},
		func(t *testing.T, s *Store) { crashed(t, s); after(time.Minute) },
	} {
		story(t, func(t *testing.T, f *fake, s *Store) {
			before(t, s)
			var group sync.WaitGroup
			var locked atomic.Int32
			for range 8 {
				own := f.store(t, "p")
				group.Go(func() {
					release, err := own.Lock(t.Context())
					if err == nil {
						locked.Add(1)
						t.Cleanup(func() { must(t, release()) })
					} else if !errors.Is(err, objstore.ErrLocked) {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if locked.Load() != 1 {
				t.Errorf("%d of 8 hold the lease", locked.Load())
			}
		})
	}
}

func TestAnOutageInWhichNobodyElseCameDoesNotMatter(t *testing.T) {
	twoProcesses(t, func(t *testing.T, p *partition, a, b *Store) {
		release, err := a.Lock(t.Context())
		must(t, err)
		p.interrupted.Store(true)
		after(3 * time.Minute)
		p.interrupted.Store(false)
		after(time.Minute)
		must(t, a.PutIfAbsent(t.Context(), "x", nil))
		_, err = b.Lock(t.Context())
		mustBe(t, err, objstore.ErrLocked)
		must(t, release())
	})
}

// Whoever lost the lease learns it at the next renewal, and then changes nothing any more.
func TestAProcessThatLostItsLeaseStopsWriting(t *testing.T) {
	twoProcesses(t, func(t *testing.T, p *partition, a, b *Store) {
		must(t, a.PutIfAbsent(t.Context(), "x", []byte("1")))
		_, v, err := a.Get(t.Context(), "x")
		must(t, err)
		begun, err := a.Create(t.Context(), "y")
		must(t, err)
		release, err := a.Lock(t.Context())
		must(t, err)
		p.interrupted.Store(true)
		after(time.Minute)
		releaseB, err := b.Lock(t.Context())
		must(t, err)
		p.interrupted.Store(false)
		after(time.Minute)
		_, swapped := a.Swap(t.Context(), "x", v, nil)
		_, created := a.Create(t.Context(), "z")
		for what, err := range map[string]error{
			"a put": a.PutIfAbsent(t.Context(), "w", nil), "a swap": swapped, "a creation": created,
			"the end of a creation": begun.Finish(), "a delete": a.Delete(t.Context(), "x"), "the release": release(),
		} {
			if !errors.Is(err, objstore.ErrLocked) ||
				!strings.Contains(err.Error(), "this process has lost its lease to process ") {
				t.Errorf("%s: %v", what, err)
			}
		}
		mustHold(t, a, "x=1") // reading does no harm
		_, err = a.Lock(t.Context())
		mustBe(t, err, objstore.ErrLocked)
		must(t, releaseB())

		release, err = a.Lock(t.Context()) // and begins anew
		must(t, err)
		must(t, a.PutIfAbsent(t.Context(), "w", nil))
		must(t, release())
	})
}

func TestRenewalsSurviveLostAnswers(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		release, err := s.Lock(t.Context())
		must(t, err)
		f.use(func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
			return lose("PutObject", n/3*3+1)(r, n, pass) // two of three answers
		})
		after(5 * time.Minute)
		must(t, s.PutIfAbsent(t.Context(), "x", nil))
		must(t, release())
	})
}

func TestAReleaseWithoutAServerGivesUp(t *testing.T) {
	twoProcesses(t, func(t *testing.T, p *partition, a, b *Store) {
		release, err := a.Lock(t.Context())
		must(t, err)
		p.interrupted.Store(true)
		begin := time.Now()
		if err := release(); err == nil || errors.Is(err, objstore.ErrLocked) {
			t.Errorf("%v", err)
		}
		if took := time.Since(begin); took > 2*cleaning {
			t.Errorf("it took %v", took)
		}
		after(leaseTime + 2*time.Second)
		releaseB, err := b.Lock(t.Context())
		must(t, err)
		must(t, releaseB())
	})
}

func TestADamagedLeaseIsNamed(t *testing.T) {
	story(t, func(t *testing.T, _ *fake, s *Store) {
		_, err := s.put(t.Context(), leaseName, "", []byte("?"), objstore.ErrChanged)
		must(t, err)
		_, err = s.Lock(t.Context())
		if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), "s3://bucket/p/.lease is not a lease") {
			t.Errorf("%v", err)
		}
	})
}

func TestALeaseIsNoObjectOfTheStore(t *testing.T) {
	story(t, func(t *testing.T, _ *fake, s *Store) {
		release, err := s.Lock(t.Context())
		must(t, err)
		mustHold(t, s, "")
		must(t, release())
	})
}

func TestTheEndOfTheContextEndsALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFake(t).store(t, "p")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Lock(ctx)
		mustBe(t, err, context.Canceled)
	})
}
