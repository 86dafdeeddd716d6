package s3

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// upload is a multipart upload.
type upload struct {
	*protocol
	key, id string
	mu      sync.Mutex
	parts   []types.CompletedPart
}

// Begin implements remote.Protocol.
func (p *protocol) Begin(ctx context.Context, key, token string) (remote.Upload, error) {
	out, err := p.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &p.bucket, Key: &key, Metadata: map[string]string{tokenField: token},
	})
	if err != nil {
		return nil, err
	}
	return &upload{protocol: p, key: key, id: aws.ToString(out.UploadId)}, nil
}

// Part implements remote.Upload.
func (u *upload) Part(ctx context.Context, number int, data []byte) error {
	n := aws.Int32(int32(number))
	out, err := u.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, PartNumber: n, Body: bytes.NewReader(data),
	})
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts = append(u.parts, types.CompletedPart{PartNumber: n, ETag: out.ETag})
	return nil
}

// Complete implements remote.Upload.
func (u *upload) Complete(ctx context.Context, _ int) error {
	slices.SortFunc(u.parts, func(a, b types.CompletedPart) int { return int(*a.PartNumber - *b.PartNumber) })
	_, err := u.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id, IfNoneMatch: aws.String("*"),
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	return err
}

// Abort implements remote.Upload.
func (u *upload) Abort(ctx context.Context) error {
	_, err := u.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &u.bucket, Key: &u.key, UploadId: &u.id,
	})
	return err
}

// marker is where a list of uploads goes on.
type marker struct{ Key, ID *string }

// Unfinished implements remote.Protocol. Servers that cannot list uploads remove old ones themselves, or by a rule of
// the bucket.
func (p *protocol) Unfinished(
	ctx context.Context, prefix, from string,
) (found []remote.Unfinished, next string, err error) {
	var m marker
	if from != "" {
		if err := json.Unmarshal([]byte(from), &m); err != nil {
			return nil, "", err
		}
	}
	out, err := p.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{
		Bucket: &p.bucket, Prefix: &prefix, KeyMarker: m.Key, UploadIdMarker: m.ID,
	})
	if code(err) == "NotImplemented" {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	for _, u := range out.Uploads {
		key := aws.ToString(u.Key)
		own := &upload{protocol: p, key: key, id: aws.ToString(u.UploadId)}
		found = append(found, remote.Unfinished{Key: key, Upload: own})
	}
	if aws.ToBool(out.IsTruncated) {
		data, err := json.Marshal(marker{out.NextKeyMarker, out.NextUploadIdMarker})
		return found, string(data), err
	}
	return found, "", nil
}
