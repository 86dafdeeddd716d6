package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Get refuses objects above this size in bytes: they are read by ranges.
const maxWhole = 1 << 30

// errCut means that the bytes of an answer ended early.
var errCut = errors.New("the answer was cut off")

// Get implements objstore.Store.
func (s *Store) Get(ctx context.Context, name string) ([]byte, objstore.Version, error) {
	if err := check(ctx, name); err != nil {
		return nil, "", err
	}
	data, out, err := s.whole(ctx, name)
	if err != nil {
		return nil, "", err
	}
	return data, objstore.Version(aws.ToString(out.ETag)), nil
}

// whole reads an object of any name and also returns what the answer said about it.
func (s *Store) whole(ctx context.Context, name string) ([]byte, *s3.GetObjectOutput, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &s.bucket, Key: s.key(name)})
	if err != nil {
		return nil, nil, s.explain(ctx, "GetObject", name, err)
	}
	size := aws.ToInt64(out.ContentLength)
	if out.ContentLength == nil || size < 0 || size > maxWhole {
		_ = out.Body.Close()
		return nil, nil, fmt.Errorf("GetObject %s/%s: %d bytes are too many for a small object", s, name, size)
	}
	data := make([]byte, size)
	n, err := drain(out.Body, data)
	if err != nil {
		err = s.fill(ctx, name, data[n:], int64(n), out.ETag)
	}
	return data, out, err
}

// drain reads a body until p is full.
func drain(body io.ReadCloser, p []byte) (int, error) {
	defer body.Close()
	n, err := io.ReadFull(body, p)
	if err != nil {
		err = fmt.Errorf("%w after %d of %d bytes: %w", errCut, n, len(p), err)
	}
	return n, err
}

// ReadAt implements objstore.Store.
func (s *Store) ReadAt(ctx context.Context, name string, p []byte, off int64) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if off < 0 {
		return fmt.Errorf("GetObject %s/%s: offset %d is negative", s, name, off)
	}
	if len(p) > 0 {
		return s.fill(ctx, name, p, off, nil)
	}
	o, err := s.Stat(ctx, name) // a range cannot be empty
	if err == nil && off > o.Size {
		err = s.short(name, p, off, o.Size)
	}
	return err
}

func (s *Store) short(name string, p []byte, off, has int64) error {
	return fmt.Errorf("GetObject %s/%s: %d bytes at %d: there are %d", s, name, len(p), off, has)
}

// fill reads a range, of the object with the given tag if there is one. When the answer is cut off, it asks for
// the rest of the same object.
func (s *Store) fill(ctx context.Context, name string, p []byte, off int64, tag *string) error {
	for attempt := 1; ; attempt++ {
		n, now, err := s.piece(ctx, name, p, off, tag)
		if !errors.Is(err, errCut) || attempt == attempts {
			return err
		}
		if n > 0 {
			attempt = 0 // the store does answer
		}
		p, off, tag = p[n:], off+int64(n), now
		if err := rest(ctx, attempt+1); err != nil {
			return s.explain(ctx, "GetObject", name, err)
		}
	}
}

// piece reads a range by one answer and returns how much of it came, and of which object.
func (s *Store) piece(ctx context.Context, name string, p []byte, off int64, tag *string) (int, *string, error) {
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: s.key(name), IfMatch: tag,
		Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1)),
	})
	if err != nil {
		return 0, nil, s.explain(ctx, "GetObject", name, err)
	}
	size := aws.ToInt64(out.ContentLength)
	if size != int64(len(p)) || out.ContentRange == nil && off > 0 {
		_ = out.Body.Close()
		return 0, nil, s.short(name, p, off, size)
	}
	if tag != nil && aws.ToString(out.ETag) != *tag { // not every server heeds If-Match
		_ = out.Body.Close()
		return 0, nil, fmt.Errorf("GetObject %s/%s: it was replaced while it was read", s, name)
	}
	n, err := drain(out.Body, p)
	if err != nil {
		err = s.explain(ctx, "GetObject", name, err)
	}
	return n, out.ETag, err
}

// rest waits before an attempt.
func rest(ctx context.Context, attempt int) error {
	d, _ := pause(attempt, nil)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
