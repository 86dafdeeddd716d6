package s3

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// sweep removes the parts of objects that dead processes had begun. Servers that cannot list uploads remove old
// ones themselves, or by a rule of the bucket.
func (s *Store) sweep(ctx context.Context) error {
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{
		Bucket: &s.bucket, Prefix: &s.prefix,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if code(err) == "NotImplemented" {
			return nil
		}
		if err != nil {
			return s.explain(ctx, "ListMultipartUploads", "", err)
		}
		for _, u := range page.Uploads {
			if !strings.HasPrefix(aws.ToString(u.Key), s.prefix) {
				continue
			}
			if err := s.abortUpload(ctx, u.Key, u.UploadId); err != nil {
				return err
			}
		}
	}
	return nil
}
