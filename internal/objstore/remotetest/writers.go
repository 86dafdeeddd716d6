package remotetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// writers are the stories of this file.
var writers = []story{
	{"ObjectsOfAllSizesAreWhole", objectsOfAllSizesAreWhole},
	{"PartsAreSentAtTheSameTime", partsAreSentAtTheSameTime},
	{"AWriterThatDoesNotFinishLeavesNothing", aWriterThatDoesNotFinishLeavesNothing},
	{"ABigObjectReplacesNothing", aBigObjectReplacesNothing},
}

// numbered is content in which every word is at its own place only.
func numbered(size int) []byte {
	b := make([]byte, 0, size+8)
	for i := uint64(0); len(b) < size; i++ {
		b = binary.BigEndian.AppendUint64(b, i)
	}
	return b[:size]
}

// uploads returns how many unfinished uploads the server knows, if it can be asked.
func (f *Fake) uploads() int {
	if f.subject.Uploads == nil {
		return 0
	}
	return f.subject.Uploads(f.server)
}

func objectsOfAllSizesAreWhole(t *testing.T, k Subject) {
	for _, size := range []int{0, 1, k.Kind.PartBytes - 1, k.Kind.PartBytes, k.Kind.PartBytes + 1, 5*k.Kind.PartBytes + 7} {
		for _, chunk := range []int{1000, 3*k.Kind.PartBytes/2 + 1, 20 * k.Kind.PartBytes} {
			tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
				want := numbered(size)
				w, err := s.Create(t.Context(), "x")
				must(t, err)
				for left := want; len(left) > 0; left = left[min(chunk, len(left)):] {
					n, err := w.Write(left[:min(chunk, len(left))])
					must(t, err)
					if n != min(chunk, len(left)) {
						t.Fatalf("wrote %d", n)
					}
				}
				must(t, w.Finish())
				got, _, err := s.Get(t.Context(), "x")
				must(t, err)
				if !bytes.Equal(got, want) {
					t.Errorf("%d bytes in chunks of %d: got %d others", size, chunk, len(got))
				}
				if multipart := f.counted(k.Kind.Requests.Part) > 0; multipart != (size > k.Kind.PartBytes) {
					t.Errorf("%d bytes: in parts: %v", size, multipart)
				}
				if size > k.Kind.PartBytes && f.uploads() > 0 {
					t.Errorf("%d bytes: an upload is left", size)
				}
			})
		}
	}
}

// As many parts travel at the same time as the protocol allows, never more: memory is bounded.
func partsAreSentAtTheSameTime(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		var mu sync.Mutex
		now, most := 0, 0
		f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
			if k.Operation(r) == k.Kind.Requests.Part {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				<-time.After(time.Second)
				mu.Lock()
				now--
				mu.Unlock()
			}
			return pass(), nil
		})
		begin := time.Now()
		must(t, create(t.Context(), s, "x", numbered(6*k.Kind.PartBytes)))
		if took := time.Since(begin); most != k.Kind.Sending ||
			took != time.Duration(6/k.Kind.Sending)*time.Second {
			t.Errorf("%d parts at the same time, six parts in %v", most, took)
		}
	})
}

func aWriterThatDoesNotFinishLeavesNothing(t *testing.T, k Subject) {
	for name, end := range map[string]func(ctx context.Context, cancel func(), f *Fake, w objstore.Writer) error{
		"aborted": func(_ context.Context, _ func(), _ *Fake, w objstore.Writer) error {
			w.Abort()
			return context.Canceled
		},
		"its context ends before the end": func(_ context.Context, cancel func(), _ *Fake, w objstore.Writer) error {
			cancel()
			return w.Finish()
		},
		"its context ends before a write": func(_ context.Context, cancel func(), _ *Fake, w objstore.Writer) error {
			cancel()
			_, err := w.Write(numbered(2 * k.Kind.PartBytes))
			w.Abort()
			return err
		},
		"its context ends in the completion": func(_ context.Context, cancel func(), f *Fake, w objstore.Writer) error {
			f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
				if k.Operation(r) == k.Kind.Requests.Complete {
					cancel()
					return nil, context.Canceled
				}
				return pass(), nil
			})
			return w.Finish()
		},
		"a part fails": func(ctx context.Context, _ func(), f *Fake, w objstore.Writer) error {
			f.use(refuse(k, k.Kind.Requests.Part, always, k.Denied))
			_, err := w.Write(numbered(4 * k.Kind.PartBytes))
			if err == nil {
				err = w.Finish()
			} else {
				w.Abort()
			}
			return mustFailAs(err, k.Kind.Requests.Part+" "+k.Place+"/p/x: access denied")
		},
		"the completion fails": func(ctx context.Context, _ func(), f *Fake, w objstore.Writer) error {
			f.use(refuse(k, k.Kind.Requests.Complete, always, k.Denied))
			return mustFailAs(w.Finish(), k.Kind.Requests.Complete+" "+k.Place+"/p/x: access denied")
		},
	} {
		t.Run(name, func(t *testing.T) {
			tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w, err := s.Create(ctx, "x")
				must(t, err)
				_, err = w.Write(numbered(3 * k.Kind.PartBytes))
				must(t, err)
				if k.Uploads != nil && f.uploads() != 1 {
					t.Error("no upload was begun")
				}
				mustBe(t, end(ctx, cancel, f, w), context.Canceled)
				f.use(nil)
				MustHold(t, s, "")
				if n := f.uploads(); n > 0 {
					t.Errorf("%d uploads are left", n)
				}
			})
		})
	}
}

// mustFailAs turns the expected failure into the error that all stories end with.
func mustFailAs(err error, words string) error {
	if err != nil && bytes.Contains([]byte(err.Error()), []byte(words)) {
		return context.Canceled
	}
	return errors.Join(errors.New("not as expected"), err)
}

func aBigObjectReplacesNothing(t *testing.T, k Subject) {
	tell(t, k, func(t *testing.T, f *Fake, s *remote.Store) {
		must(t, s.PutIfAbsent(t.Context(), "x", []byte("first")))
		mustBe(t, create(t.Context(), s, "x", k.big()), objstore.ErrExists)
		MustHold(t, s, "x=first")
		if n := f.uploads(); n > 0 {
			t.Errorf("%d uploads are left", n)
		}
	})
}
