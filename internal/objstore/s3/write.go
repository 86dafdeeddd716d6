package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// tokenField is the field of an object's metadata that holds the random token of the request that wrote it.
const tokenField = "aquifer-write"

// PutIfAbsent implements objstore.Store.
func (s *Store) PutIfAbsent(ctx context.Context, name string, data []byte) error {
	if err := s.checkWrite(ctx, name); err != nil {
		return err
	}
	_, err := s.put(ctx, name, "", data, objstore.ErrExists)
	return err
}

// Swap implements objstore.Store.
func (s *Store) Swap(
	ctx context.Context, name string, old objstore.Version, data []byte,
) (objstore.Version, error) {
	if err := s.checkWrite(ctx, name); err != nil {
		return "", err
	}
	return s.put(ctx, name, old, data, objstore.ErrChanged)
}

// put writes an object if it is at version old, or fails with the error for objects that are not.
func (s *Store) put(
	ctx context.Context, name string, old objstore.Version, data []byte, refusal error,
) (objstore.Version, error) {
	token := rand.Text()
	in := &s3.PutObjectInput{
		Bucket: &s.bucket, Key: s.key(name), Body: bytes.NewReader(data),
		Metadata: map[string]string{tokenField: token},
	}
	if old == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(string(old))
	}
	w := &witness{RetryerV2: newRetryer()}
	out, err := s.client.PutObject(ctx, in, func(o *s3.Options) { o.Retryer = w })
	if err == nil {
		return objstore.Version(aws.ToString(out.ETag)), nil
	}
	if old != "" && isMissing(err) { // there is nothing to be at any version
		return s.settle(ctx, "PutObject", name, token, w.unclear, refusal, err)
	}
	if !isChanged(err) {
		refusal = nil
	}
	return s.settle(ctx, "PutObject", name, token, w.unclear, refusal, err)
}

// settle finds out what became of a conditional write that failed with err. The refusal is the error of the
// contract if the last answer was that the condition does not hold. Only if no attempt can have been carried out,
// that answer is the truth; otherwise the writer's own earlier attempt may be what it speaks of.
func (s *Store) settle(
	ctx context.Context, request, name, token string, unclear bool, refusal, err error,
) (objstore.Version, error) {
	if refusal != nil && !unclear {
		return "", fmt.Errorf("%s %s/%s: %w", request, s, name, refusal)
	}
	if !unclear || ctx.Err() != nil {
		return "", s.explain(ctx, request, name, err)
	}
	out, stat := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.key(name)})
	if stat == nil && out.Metadata[tokenField] == token {
		return objstore.Version(aws.ToString(out.ETag)), nil
	}
	if refusal != nil {
		return "", fmt.Errorf("%s %s/%s: the answer was lost, and then another writer was there: "+
			"whether this write took effect is unknown", request, s, name)
	}
	return "", s.explain(ctx, request, name, err)
}
