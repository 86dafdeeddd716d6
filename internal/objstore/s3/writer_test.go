package s3

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// numbered is content in which every word is at its own place only.
func numbered(size int) []byte {
	b := make([]byte, 0, size+8)
	for i := uint64(0); len(b) < size; i++ {
		b = binary.BigEndian.AppendUint64(b, i)
	}
	return b[:size]
}

// uploads returns how many multipart uploads the server knows.
func uploads(t *testing.T, s *Store) int {
	t.Helper()
	out, err := s.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.bucket})
	must(t, err)
	return len(out.Uploads)
}

func TestObjectsOfAllSizesAreWhole(t *testing.T) {
	for _, size := range []int{0, 1, partSize - 1, partSize, partSize + 1, 5*partSize + 7} {
		for _, chunk := range []int{1000, 3*partSize/2 + 1, 20 * partSize} {
			story(t, func(t *testing.T, f *fake, s *Store) {
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
				if multipart := f.counted("UploadPart") > 0; multipart != (size > partSize) {
					t.Errorf("%d bytes: in parts: %v", size, multipart)
				}
				if size > partSize && uploads(t, s) > 0 {
					t.Errorf("%d bytes: an upload is left", size)
				}
			})
		}
	}
}

// Two parts travel at the same time, never more: memory is bounded.
func TestTwoPartsAreSentAtTheSameTime(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		var mu sync.Mutex
		now, most := 0, 0
		f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
			if operation(r) == "UploadPart" {
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
		must(t, create(t.Context(), s, "x", numbered(6*partSize)))
		if took := time.Since(begin); most != 2 || took != 3*time.Second {
			t.Errorf("%d parts at the same time, six parts in %v", most, took)
		}
	})
}

func TestAWriterThatDoesNotFinishLeavesNothing(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, cancel func(), f *fake, w objstore.Writer) error{
		"aborted": func(_ context.Context, _ func(), _ *fake, w objstore.Writer) error {
			w.Abort()
			return context.Canceled
		},
		"its context ends before the end": func(_ context.Context, cancel func(), _ *fake, w objstore.Writer) error {
			cancel()
			return w.Finish()
		},
		"its context ends before a write": func(_ context.Context, cancel func(), _ *fake, w objstore.Writer) error {
			cancel()
			_, err := w.Write(numbered(2 * partSize))
			w.Abort()
			return err
		},
		"its context ends in the completion": func(_ context.Context, cancel func(), f *fake, w objstore.Writer) error {
			f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
				if operation(r) == "CompleteMultipartUpload" {
					cancel()
					return nil, context.Canceled
				}
				return pass(), nil
			})
			return w.Finish()
		},
		"a part fails": func(ctx context.Context, _ func(), f *fake, w objstore.Writer) error {
			f.use(refuse("UploadPart", always, http.StatusForbidden, "AccessDenied"))
			_, err := w.Write(numbered(4 * partSize))
			if err == nil {
				err = w.Finish()
			} else {
				w.Abort()
			}
			return mustFailAs(err, "UploadPart s3://bucket/p/x: access denied")
		},
		"the completion fails": func(ctx context.Context, _ func(), f *fake, w objstore.Writer) error {
			f.use(refuse("CompleteMultipartUpload", always, http.StatusForbidden, "AccessDenied"))
			return mustFailAs(w.Finish(), "CompleteMultipartUpload s3://bucket/p/x: access denied")
		},
	} {
		t.Run(name, func(t *testing.T) {
			story(t, func(t *testing.T, f *fake, s *Store) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w, err := s.Create(ctx, "x")
				must(t, err)
				_, err = w.Write(numbered(3 * partSize))
				must(t, err)
				if uploads(t, s) != 1 {
					t.Error("no upload was begun")
				}
				mustBe(t, end(ctx, cancel, f, w), context.Canceled)
				f.use(nil)
				mustHold(t, s, "")
				if n := uploads(t, s); n > 0 {
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

func TestABigObjectReplacesNothing(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		must(t, s.PutIfAbsent(t.Context(), "x", []byte("first")))
		mustBe(t, create(t.Context(), s, "x", big), objstore.ErrExists)
		mustHold(t, s, "x=first")
		if n := uploads(t, s); n > 0 {
			t.Errorf("%d uploads are left", n)
		}
	})
}

// A crashed process's parts are removed by the next one that locks the store; those of other stores are not, even
// if the server lists them all.
func TestALockRemovesThePartsOfCrashedProcesses(t *testing.T) {
	all := func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
		q := r.URL.Query()
		if operation(r) == "ListMultipartUploads" {
			q.Del("prefix")
		}
		r.URL.RawQuery = q.Encode()
		return pass(), nil
	}
	for _, h := range []hook{nil, all} {
		story(t, func(t *testing.T, f *fake, s *Store) {
			other := f.store(t, "p2")
			for _, of := range []*Store{s, s, other} {
				_, err := of.begin(t.Context(), "x")
				must(t, err)
			}
			f.use(h)
			release, err := s.Lock(t.Context())
			must(t, err)
			if n := uploads(t, s); n != 1 {
				t.Errorf("%d uploads are left, want the other store's", n)
			}
			must(t, release())
		})
	}
}

func TestAServerThatCannotListUploadsCanBeLocked(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		f.use(refuse("ListMultipartUploads", always, http.StatusNotImplemented, "NotImplemented"))
		release, err := s.Lock(t.Context())
		must(t, err)
		must(t, release())
	})
}
