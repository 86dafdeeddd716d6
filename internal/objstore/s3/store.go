package s3

import (
	"context"
	"iter"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Store is an object store in a bucket.
type Store struct {
	place
	client    *s3.Client
	partBytes int
	lost      atomic.Pointer[error] // why this process may not write: another one took over its lease
}

var _ objstore.Store = (*Store)(nil)

// Open returns the store at a place of the form s3://bucket/prefix?region=…&endpoint=…&path-style=…. Whatever
// the place does not say, and the credentials, come from the environment, as with every program that uses
// Amazon's library. Nothing is asked of the store yet; errors are of kind base.Config.
func Open(ctx context.Context, address string) (*Store, error) { return open(ctx, address, nil) }

// open is Open through a transport of the caller's, if there is one.
func open(ctx context.Context, address string, through http.RoundTripper) (*Store, error) {
	p, err := parse(address)
	if err != nil {
		return nil, err
	}
	c, err := config.LoadDefaultConfig(ctx, func(o *config.LoadOptions) error {
		o.Region = p.region
		return nil
	})
	if err != nil {
		return nil, base.Errorf(base.Config, "%s: configuration of the environment: %w", p, line{err})
	}
	if through == nil {
		through = transport(c.HTTPClient)
	}
	client := s3.NewFromConfig(c, func(o *s3.Options) { configure(o, p, through) })
	if err := complete(ctx, client.Options(), p); err != nil {
		return nil, err
	}
	return &Store{place: p, client: client, partBytes: partBytes}, nil
}

// configure adapts what the environment says to the place and to this package.
func configure(o *s3.Options, p place, through http.RoundTripper) {
	o.UsePathStyle = p.pathStyle
	if p.endpoint != "" {
		o.BaseEndpoint = aws.String(p.endpoint)
	}
	if o.Region == "" && o.BaseEndpoint != nil {
		o.Region = "us-east-1" // only Amazon has regions, but every signature contains one
	}
	// Uploads are protected by the hash in their signature, which every server checks. The checksums that the
	// library would add are unknown to many servers.
	o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
	o.Retryer = newRetryer()
	o.HTTPClient = &http.Client{
		Transport:     watchdog{through},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport returns the connections of the library, which heed AWS_CA_BUNDLE and proxies, in sufficient number.
func transport(client aws.HTTPClient) http.RoundTripper {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		buildable = awshttp.NewBuildableClient()
	}
	return buildable.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 256, 64
	}).GetTransport()
}

// complete refuses a configuration that lacks what every request needs.
func complete(ctx context.Context, o s3.Options, p place) error {
	if o.Region == "" {
		return base.Errorf(base.Config, "%s: the region is unknown: add ?region=… or set AWS_REGION", p)
	}
	if _, err := o.Credentials.Retrieve(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return base.Errorf(base.Config, "%s: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY "+
			"or choose a profile by AWS_PROFILE: %s", p, oneLine(err.Error()))
	}
	return nil
}

// key returns the key of an object in the bucket.
func (s *Store) key(name string) *string { return aws.String(s.prefix + name) }

// check refuses what must not become a request.
func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return objstore.CheckName(name)
}

// checkWrite is check for requests that change the store.
func (s *Store) checkWrite(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if lost := s.lost.Load(); lost != nil {
		return *lost
	}
	return nil
}

// Stat implements objstore.Store.
func (s *Store) Stat(ctx context.Context, name string) (objstore.Object, error) {
	if err := check(ctx, name); err != nil {
		return objstore.Object{}, err
	}
	out, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &s.bucket, Key: s.key(name)})
	if err != nil {
		return objstore.Object{}, s.explain(ctx, "HeadObject", name, err)
	}
	return objstore.Object{Name: name, Size: aws.ToInt64(out.ContentLength)}, nil
}

// List implements objstore.Store. Keys beneath the prefix that are no names of objects are not ours, and left out.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[objstore.Object, error] {
	return func(yield func(objstore.Object, error) bool) {
		last := ""
		in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: s.key(prefix)}
		pages := s3.NewListObjectsV2Paginator(s.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(objstore.Object{}, s.explain(ctx, "ListObjectsV2", prefix, err))
				return
			}
			for _, o := range page.Contents {
				name := strings.TrimPrefix(aws.ToString(o.Key), s.prefix)
				if objstore.CheckName(name) != nil {
					continue
				}
				if name <= last {
					yield(objstore.Object{}, s.unsorted(prefix))
					return
				}
				last = name
				if !yield(objstore.Object{Name: name, Size: aws.ToInt64(o.Size)}, nil) {
					return
				}
			}
		}
	}
}

// unsorted refuses what is not a general-purpose bucket: the lists of all others have no order.
func (s *Store) unsorted(prefix string) error {
	return base.Errorf(base.Config, "ListObjectsV2 %s/%s: the list is not in the order of the names: "+
		"use a general-purpose bucket", s, prefix)
}

// Delete implements objstore.Store.
func (s *Store) Delete(ctx context.Context, name string) error {
	if err := s.checkWrite(ctx, name); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: s.key(name)})
	if err != nil && !isMissing(err) { // some servers complain about what is not there
		return s.explain(ctx, "DeleteObject", name, err)
	}
	return nil
}
