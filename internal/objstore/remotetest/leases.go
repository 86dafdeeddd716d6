package remotetest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// leases are the stories of this file.
var leases = []story{
	{"ALeaseInUseNamesItsHolder", aLeaseInUseNamesItsHolder},
	{"TheLeaseOfALivingProcessDoesNotEnd", theLeaseOfALivingProcessDoesNotEnd},
	{"TheLeaseOfACrashedProcessEnds", theLeaseOfACrashedProcessEnds},
	{"TheLeaseOfADeadProcessOfThisMachineIsTakenAtOnce", theLeaseOfADeadProcessOfThisMachineIsTakenAtOnce},
	{"WaitingForALeaseEndsWithTheContext", waitingForALeaseEndsWithTheContext},
	{"TheClocksOfProcessesDoNotMatter", theClocksOfProcessesDoNotMatter},
	{"OfConcurrentLocksOneSucceeds", ofConcurrentLocksOneSucceeds},
	{"AnOutageInWhichNobodyElseCameDoesNotMatter", anOutageInWhichNobodyElseCameDoesNotMatter},
	{"AProcessThatLostItsLeaseStopsWriting", aProcessThatLostItsLeaseStopsWriting},
	{"RenewalsSurviveLostAnswers", renewalsSurviveLostAnswers},
	{"AReleaseWithoutAServerGivesUp", aReleaseWithoutAServerGivesUp},
	{"ADamagedLeaseIsNamed", aDamagedLeaseIsNamed},
	{"ALeaseIsNoObjectOfTheStore", aLeaseIsNoObjectOfTheStore},
	{"TheEndOfTheContextEndsALock", theEndOfTheContextEndsALock},
}

// partition is a connection to a server that can be interrupted.
type partition struct {
	*Fake
	interrupted atomic.Bool
}

func (p *partition) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.interrupted.Load() {
		return nil, io.ErrUnexpectedEOF
	}
	return p.Fake.RoundTrip(r)
}

// twoProcesses is a story of two processes that use one store; the connection of the first can be interrupted.
func twoProcesses(t *testing.T, k Subject, test func(t *testing.T, p *partition, a, b *remote.Store)) {
	t.Helper()
	tell(t, k, func(t *testing.T, f *Fake, b *remote.Store) {
		p := &partition{Fake: f}
		test(t, p, k.Open(t, k.Kind, "p", p), b)
	})
}

// crashed leaves the lease of a process that is not heard of any more.
func crashed(t *testing.T, f *Fake) {
	t.Helper()
	p := &partition{Fake: f}
	release, err := f.subject.Open(t, f.subject.Kind, "p", p).Lock(t.Context())
	must(t, err)
	p.interrupted.Store(true)
	t.Cleanup(func() { _ = release() })
}

const (
	leaseTime = 20 * time.Second
	renewTime = 5 * time.Second
	watchTime = time.Second // between looks at another's lease
	cleaning  = 10 * time.Second
)

func after(d time.Duration) { <-time.After(d) }

func aLeaseInUseNamesItsHolder(t *testing.T, k Subject) {
	twoProcesses(t, k, func(t *testing.T, _ *partition, a, b *remote.Store) {
		release, err := a.Lock(t.Context())
		must(t, err)
		begin := time.Now()
		_, err = b.Lock(t.Context())
		mustBe(t, err, objstore.ErrLocked)
		host, _ := os.Hostname()
		holder := "process " + strconv.Itoa(os.Getpid()) + " on " + host
		for _, words := range []string{
			k.Place + "/p: held by " + holder, "has just renewed its lease",
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

func theLeaseOfALivingProcessDoesNotEnd(t *testing.T, k Subject) {
	twoProcesses(t, k, func(t *testing.T, _ *partition, a, b *remote.Store) {
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

func theLeaseOfACrashedProcessEnds(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		crashed(t, f)
		begin := time.Now()
		release, err := s.Lock(t.Context()) // which a process that takes over at once waits for
		must(t, err)
		if waited := time.Since(begin); waited < leaseTime || waited > leaseTime+3*time.Second {
			t.Errorf("it was waited for %v", waited)
		}
		must(t, release())
	})
}

func theLeaseOfADeadProcessOfThisMachineIsTakenAtOnce(t *testing.T, k Subject) {
	if runtime.GOOS != "linux" {
		return // processes cannot be told apart there: leases are waited for
	}
	ended := exec.Command("true")
	must(t, ended.Run())
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		crashed(t, f)
		f.use(mangle(k, 1, func(_ *http.Request, a *http.Response) {
			data, err := io.ReadAll(a.Body)
			must(t, err)
			lease := strings.Replace(string(data), strconv.Itoa(os.Getpid()), strconv.Itoa(ended.Process.Pid), 2)
			a.Body, a.ContentLength = io.NopCloser(strings.NewReader(lease)), int64(len(lease))
			a.Header.Set("Content-Length", strconv.Itoa(len(lease)))
		}))
		begin := time.Now()
		release, err := s.Lock(t.Context())
		must(t, err)
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("it was waited for %v", waited)
		}
		must(t, release())
	})
}

func waitingForALeaseEndsWithTheContext(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		crashed(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := s.Lock(ctx)
		mustBe(t, err, context.DeadlineExceeded)
	})
}

// The age of a lease is measured by the server's clock: that of a process may be wrong.
func theClocksOfProcessesDoNotMatter(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		for _, wrong := range []time.Duration{-3 * time.Minute, 3 * time.Minute} {
			f.use(func(_ *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
				a := pass()
				shift(a, wrong)
				return a, nil
			})
			crashed(t, f)
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

func ofConcurrentLocksOneSucceeds(t *testing.T, k Subject) {
	for _, before := range []func(*testing.T, *Fake){
		func(*testing.T, *Fake) {},
		func(t *testing.T, f *Fake) { crashed(t, f); after(time.Minute) },
	} {
		tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
			before(t, f)
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

func anOutageInWhichNobodyElseCameDoesNotMatter(t *testing.T, k Subject) {
	twoProcesses(t, k, func(t *testing.T, p *partition, a, b *remote.Store) {
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
func aProcessThatLostItsLeaseStopsWriting(t *testing.T, k Subject) {
	twoProcesses(t, k, func(t *testing.T, p *partition, a, b *remote.Store) {
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
		MustHold(t, a, "x=1") // reading does no harm
		_, err = a.Lock(t.Context())
		mustBe(t, err, objstore.ErrLocked)
		must(t, releaseB())

		release, err = a.Lock(t.Context()) // and begins anew
		must(t, err)
		must(t, a.PutIfAbsent(t.Context(), "w", nil))
		must(t, release())
	})
}

func renewalsSurviveLostAnswers(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		release, err := s.Lock(t.Context())
		must(t, err)
		f.use(func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error) {
			return lose(k, k.Kind.Requests.Put, n/3*3+1)(r, n, pass) // two of three answers
		})
		after(5 * time.Minute)
		must(t, s.PutIfAbsent(t.Context(), "x", nil))
		must(t, release())
	})
}

func aReleaseWithoutAServerGivesUp(t *testing.T, k Subject) {
	twoProcesses(t, k, func(t *testing.T, p *partition, a, b *remote.Store) {
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

func aDamagedLeaseIsNamed(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		must(t, lock(t.Context(), s))
		f.use(mangle(k, 1, func(_ *http.Request, a *http.Response) {
			a.Body, a.ContentLength = io.NopCloser(strings.NewReader("?")), 1
			a.Header.Set("Content-Length", "1")
		}))
		_, err := s.Lock(t.Context())
		if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), k.Place+"/p/.lease is not a lease") {
			t.Errorf("%v", err)
		}
	})
}

// shift makes the clock of the server go wrong.
func shift(a *http.Response, by time.Duration) {
	for _, field := range []string{"Date", "Last-Modified"} {
		if at, err := http.ParseTime(a.Header.Get(field)); err == nil {
			a.Header.Set(field, at.Add(by).Format(http.TimeFormat))
		}
	}
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		return
	}
	data, _ := io.ReadAll(a.Body)
	data = updated.ReplaceAllFunc(data, func(value []byte) []byte {
		at, _ := time.Parse(`"updated":"`+time.RFC3339Nano+`"`, string(value))
		return []byte(at.Add(by).Format(`"updated":"` + time.RFC3339Nano + `"`))
	})
	a.Body, a.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
}

// updated is the time of writing in Google's descriptions of objects.
var updated = regexp.MustCompile(`"updated":"[^"]*"`)

func aLeaseIsNoObjectOfTheStore(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, _ *Fake, s *remote.Store) {
		release, err := s.Lock(t.Context())
		must(t, err)
		MustHold(t, s, "")
		must(t, release())
	})
}

func theEndOfTheContextEndsALock(t *testing.T, k Subject) {
	bubble.Test(t, func(t *testing.T) {
		s := newFake(t, k).store(t, "p")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := s.Lock(ctx)
		mustBe(t, err, context.Canceled)
	})
}
