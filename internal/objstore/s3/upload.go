package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// cleaning bounds the time for what is done after the caller's context has ended.
const cleaning = 10 * time.Second

// upload is an object that is written in parts. It is used by one goroutine, and sends parts from others.
type upload struct {
	store       *Store
	name, token string
	id          *string
	caller      context.Context
	ctx         context.Context // ends with the caller's, at the first failure, and at the end of the upload
	cancel      context.CancelCauseFunc
	sending     sync.WaitGroup
	slots       chan []byte // the memory of parts; empty slots have none yet
	mu          sync.Mutex
	parts       []types.CompletedPart
}

// begin begins an upload.
func (s *Store) begin(ctx context.Context, name string) (*upload, error) {
	u := &upload{store: s, name: name, token: rand.Text(), caller: ctx, slots: make(chan []byte, sendingParts)}
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: s.key(name), Metadata: map[string]string{tokenField: u.token},
	})
	if err != nil {
		return nil, s.explain(ctx, "CreateMultipartUpload", name, err)
	}
	u.id = out.UploadId
	u.ctx, u.cancel = context.WithCancelCause(ctx)
	for range sendingParts {
		u.slots <- nil
	}
	return u, nil
}

// send uploads a part, whose memory it takes, when fewer than two others are under way, and returns memory for
// the next part. The error may be that of an earlier part.
func (u *upload) send(number int32, part []byte) ([]byte, error) {
	var free []byte
	select {
	case free = <-u.slots:
	case <-u.ctx.Done():
	}
	if u.ctx.Err() != nil {
		return part, u.failure()
	}
	u.sending.Go(func() {
		if err := u.put(number, part); err != nil {
			u.cancel(err)
		}
		u.slots <- part[:0]
	})
	return free, nil
}

// failure returns why the upload cannot go on, if it cannot.
func (u *upload) failure() error {
	if u.caller.Err() != nil {
		return u.store.explain(u.caller, "UploadPart", u.name, u.caller.Err())
	}
	return context.Cause(u.ctx)
}

func (u *upload) put(number int32, part []byte) error {
	s := u.store
	out, err := s.client.UploadPart(u.ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: s.key(u.name), UploadId: u.id, PartNumber: &number, Body: bytes.NewReader(part),
	})
	if err != nil {
		return s.explain(u.ctx, "UploadPart", u.name, err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, types.CompletedPart{PartNumber: &number, ETag: out.ETag})
	return nil
}

// finish makes an object of the parts, or removes them.
func (u *upload) finish() error {
	u.sending.Wait()
	err := u.failure()
	if err == nil {
		err = u.complete()
	}
	if err != nil {
		_ = u.abort() // what it cannot remove is removed by the next Lock
	}
	u.cancel(nil)
	return err
}

func (u *upload) complete() error {
	s := u.store
	slices.SortFunc(u.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	w := &witness{RetryerV2: newRetryer()}
	_, err := s.client.CompleteMultipartUpload(u.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: s.key(u.name), UploadId: u.id, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	}, func(o *s3.Options) { o.Retryer = w })
	if err == nil {
		return nil
	}
	var refusal error
	if isChanged(err) {
		refusal = objstore.ErrExists
	}
	_, err = s.settle(u.ctx, "CompleteMultipartUpload", u.name, u.token, w.unclear, refusal, err)
	return err
}

// abort removes what was uploaded, even when the caller's context has ended.
func (u *upload) abort() error {
	u.cancel(context.Canceled)
	u.sending.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(u.ctx), cleaning)
	defer cancel()
	return u.store.abortUpload(ctx, u.store.key(u.name), u.id)
}

// abortUpload removes the parts of an upload. One that is not there any more was completed or removed.
func (s *Store) abortUpload(ctx context.Context, key, id *string) error {
	in := &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: key, UploadId: id}
	_, err := s.client.AbortMultipartUpload(ctx, in)
	if err != nil && code(err) != "NoSuchUpload" && !isMissing(err) {
		return s.explain(ctx, "AbortMultipartUpload", aws.ToString(key)[len(s.prefix):], err)
	}
	return nil
}
