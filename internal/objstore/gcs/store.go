package gcs

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

const (
	emulator        = "STORAGE_EMULATOR_HOST"
	credentialsFile = "GOOGLE_APPLICATION_CREDENTIALS"
	service         = "https://storage.googleapis.com"
	scope           = "https://www.googleapis.com/auth/devstorage.read_write"
	tokenTimeout    = 30 * time.Second // for an answer of the server that gives tokens
)

// kind is what stores in buckets have in common. Parts are sent one after the other: so the protocol wants it.
var kind = remote.Kind{
	Requests: remote.Requests{
		Get: "objects.get?alt=media", Head: "objects.get", Put: "objects.insert", Delete: "objects.delete",
		List: "objects.list", Begin: "objects.insert?uploadType=resumable", Part: "part of a resumable upload",
		Complete: "end of a resumable upload", Abort: "cancellation of a resumable upload",
	},
	Condition: "a bucket of Google Cloud Storage",
	PartBytes: 8 << 20, Sending: 1,
}

// Open returns the store at a place of the form gs://bucket/prefix, with the application default credentials, or
// without any at the server that STORAGE_EMULATOR_HOST names. Of the bucket nothing is asked yet; errors are of kind
// base.Config.
func Open(ctx context.Context, address string) (*remote.Store, error) {
	p, err := parse(address)
	if err != nil {
		return nil, err
	}
	endpoint, through, err := connection(ctx, p)
	if err != nil {
		return nil, err
	}
	return at(kind, p, endpoint, through), nil
}

// at is the store at a place of a server, reached through a transport.
func at(k remote.Kind, p place, endpoint string, through http.RoundTripper) *remote.Store {
	return remote.New(k, p.String(), p.prefix, &protocol{remote.Connect(through), endpoint, p.bucket})
}

// connection returns the address of the server, and a transport with credentials to it.
func connection(ctx context.Context, p place) (endpoint string, through http.RoundTripper, err error) {
	if host := os.Getenv(emulator); host != "" {
		endpoint, err = emulated(host)
		return endpoint, remote.Transport(), err
	}
	// Tokens are renewed as long as the store is used.
	ctx = context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, &http.Client{Timeout: tokenTimeout})
	c, err := google.FindDefaultCredentials(ctx, scope)
	if err != nil {
		return "", nil, base.Errorf(base.Config, "%s: no credentials: run gcloud auth application-default login, or let "+
			"%s name the file with the key of a service account: %w", p, credentialsFile, remote.Line(err))
	}
	return service, &oauth2.Transport{Source: c.TokenSource, Base: remote.Transport()}, nil
}

// emulated is the address of an emulator, which may be given without the scheme.
func emulated(host string) (string, error) {
	if !strings.Contains(host, "://") {
		host = "http://" + host
	}
	u, err := url.Parse(host)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", base.Errorf(base.Config, "%s is not of the form host:port or http://host:port", emulator)
	}
	return strings.TrimSuffix(host, "/"), nil
}
