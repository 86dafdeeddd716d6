package s3

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// tokenField is the field of an object's metadata that holds the random token of the request that wrote it.
const tokenField = "aquifer-write"

// protocol sends requests to a bucket.
type protocol struct {
	client *s3.Client
	bucket string
}

var _ remote.Protocol = (*protocol)(nil)

// Get implements remote.Protocol.
func (p *protocol) Get(ctx context.Context, key string, part remote.Part) (remote.Answer, error) {
	in := &s3.GetObjectInput{Bucket: &p.bucket, Key: &key}
	if part.Len > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", part.Off, part.Off+part.Len-1))
	}
	if part.Version != "" {
		in.IfMatch = aws.String(string(part.Version))
	}
	out, err := p.client.GetObject(ctx, in)
	if err != nil {
		return remote.Answer{}, err
	}
	a := remote.Answer{Body: out.Body, Size: -1, Version: version(out.ETag), Partial: out.ContentRange != nil}
	if out.ContentLength != nil {
		a.Size = *out.ContentLength
	}
	return a, nil
}

func version(tag *string) objstore.Version { return objstore.Version(aws.ToString(tag)) }

// Head implements remote.Protocol.
func (p *protocol) Head(ctx context.Context, key string) (remote.Head, error) {
	out, err := p.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &p.bucket, Key: &key})
	if err != nil {
		return remote.Head{}, err
	}
	return remote.Head{
		Size: aws.ToInt64(out.ContentLength), Version: version(out.ETag), Token: out.Metadata[tokenField],
		Age: now(out.ResultMetadata).Sub(aws.ToTime(out.LastModified)),
	}, nil
}

// now is the time at which the server answered.
func now(m middleware.Metadata) time.Time {
	if t, ok := awsmiddleware.GetServerTime(m); ok {
		return t
	}
	return time.Now()
}

// Put implements remote.Protocol.
func (p *protocol) Put(
	ctx context.Context, key string, old objstore.Version, token string, data []byte,
) (objstore.Version, error) {
	in := &s3.PutObjectInput{
		Bucket: &p.bucket, Key: &key, Body: bytes.NewReader(data), Metadata: map[string]string{tokenField: token},
	}
	if old == "" {
		in.IfNoneMatch = aws.String("*")
	} else {
		in.IfMatch = aws.String(string(old))
	}
	out, err := p.client.PutObject(ctx, in)
	if err != nil {
		return "", err
	}
	return version(out.ETag), nil
}

// Delete implements remote.Protocol. Some servers complain about what is not there.
func (p *protocol) Delete(ctx context.Context, key string) error {
	_, err := p.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.bucket, Key: &key})
	return err
}

// List implements remote.Protocol.
func (p *protocol) List(ctx context.Context, prefix, from string) (remote.Page, error) {
	in := &s3.ListObjectsV2Input{Bucket: &p.bucket, Prefix: &prefix}
	if from != "" {
		in.ContinuationToken = &from
	}
	out, err := p.client.ListObjectsV2(ctx, in)
	if err != nil {
		return remote.Page{}, err
	}
	page := remote.Page{}
	for _, o := range out.Contents {
		page.Objects = append(page.Objects, objstore.Object{Name: aws.ToString(o.Key), Size: aws.ToInt64(o.Size)})
	}
	if aws.ToBool(out.IsTruncated) {
		page.Next = aws.ToString(out.NextContinuationToken)
	}
	return page, nil
}
