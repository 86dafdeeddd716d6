package open

import (
	"context"
	"net/url"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/azure"
	"github.com/aquifer-stream/aquifer/internal/objstore/dir"
	"github.com/aquifer-stream/aquifer/internal/objstore/gcs"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/objstore/s3"
)

// Memory is the place of a new store in memory, which ends with the process.
const Memory = "mem:"

const forms = "a place is a path, file:///path, s3://bucket/prefix, gs://bucket/prefix, " +
	"az://account/container/prefix or " + Memory

// Store opens the store at a place, to write to it: a directory is created if needed. Of a bucket nothing is asked
// yet (objstore.Probe does). Errors are of kind base.Config.
func Store(ctx context.Context, place string) (objstore.Store, error) {
	s, err := at(ctx, place, func(path string) (objstore.Store, error) { return stored(dir.Open(path)) })
	if err != nil {
		return nil, err
	}
	return through(ctx, s), nil
}

// Existing opens the store at a place, to read from it: a directory must be there.
func Existing(ctx context.Context, place string) (objstore.Store, error) {
	return at(ctx, place, func(path string) (objstore.Store, error) { return stored(dir.Existing(path)) })
}

// stored keeps a nil pointer from becoming a store.
func stored[S objstore.Store](s S, err error) (objstore.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

func at(
	ctx context.Context, place string, directory func(path string) (objstore.Store, error),
) (objstore.Store, error) {
	scheme, _, isURL := strings.Cut(place, "://")
	switch {
	case place == "":
		return nil, base.Errorf(base.Config, "no place of the state: %s", forms)
	case place == Memory:
		return mem.New(), nil
	case !isURL:
		return directory(place)
	case scheme == "file":
		path, err := pathOf(place)
		if err != nil {
			return nil, err
		}
		return directory(path)
	case scheme+"://" == s3.Scheme:
		return stored(s3.Open(ctx, place))
	case scheme+"://" == gcs.Scheme:
		return stored(gcs.Open(ctx, place))
	case scheme+"://" == azure.Scheme:
		return stored(azure.Open(ctx, place))
	default:
		return nil, base.Errorf(base.Config, "there are no places of the kind %q: %s", scheme+"://", forms)
	}
}

// pathOf returns the path of a file URL.
func pathOf(place string) (string, error) {
	u, err := url.Parse(place)
	if err != nil || u.Host != "" || u.User != nil || u.Path == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", base.Errorf(base.Config, "the place is not of the form file:///path: "+
			"it has three slashes, no parameters, and %%20 for a space")
	}
	return u.Path, nil
}
