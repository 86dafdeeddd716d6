package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// kind is what stores in buckets have in common.
var kind = remote.Kind{
	Requests: remote.Requests{
		Get: "GetObject", Head: "HeadObject", Put: "PutObject", Delete: "DeleteObject", List: "ListObjectsV2",
		Begin: "CreateMultipartUpload", Part: "UploadPart", Complete: "CompleteMultipartUpload",
		Abort: "AbortMultipartUpload", Unfinished: "ListMultipartUploads",
	},
	Condition: "a general-purpose bucket",
	PartBytes: 8 << 20, Sending: 2, MaxParts: 10_000, // 80 GB
}

// Open returns the store at a place of the form s3://bucket/prefix?region=…&endpoint=…&path-style=…. Whatever
// the place does not say, and the credentials, come from the environment, as with every program that uses
// Amazon's library. Nothing is asked of the store yet; errors are of kind base.Config.
func Open(ctx context.Context, address string) (*remote.Store, error) {
	p, err := parse(address)
	if err != nil {
		return nil, err
	}
	client, err := connect(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	return remote.New(kind, p.String(), p.prefix, &protocol{client, p.bucket}), nil
}

// connect returns a client for a place, through a transport of the caller's, if there is one.
func connect(ctx context.Context, p place, through http.RoundTripper) (*s3.Client, error) {
	c, err := config.LoadDefaultConfig(ctx, func(o *config.LoadOptions) error {
		o.Region = p.region
		return nil
	})
	if err != nil {
		return nil, base.Errorf(base.Config, "%s: configuration of the environment: %w", p, remote.Line(err))
	}
	if through == nil {
		through = transport(c.HTTPClient)
	}
	client := s3.NewFromConfig(c, func(o *s3.Options) { configure(o, p, through) })
	return client, complete(ctx, client.Options(), p)
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
	o.Retryer = aws.NopRetryer{} // remote.Store repeats
	o.HTTPClient = &http.Client{
		Transport:     remote.Watch(through),
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
		t.MaxIdleConns, t.MaxIdleConnsPerHost = remote.Connections, remote.Connections
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
			"or choose a profile by AWS_PROFILE: %s", p, remote.OneLine(err.Error()))
	}
	return nil
}
