package s3

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// fake is a server in this process, reached without a network, so that time can be synthetic.
type fake struct {
	http.Handler
	mu sync.Mutex // gofakes3 does not check the condition of a completion: here it is, one write at a time
}

func newFake(t *testing.T) *fake {
	t.Helper()
	backend := s3mem.New()
	must(t, backend.CreateBucket("bucket"))
	return &fake{Handler: gofakes3.New(backend).Server()}
}

// openStore opens a store of a server as a process would.
func openStore(t *testing.T, k remote.Kind, prefix string, through http.RoundTripper) *remote.Store {
	t.Helper()
	c := connected(t, prefix, through)
	return remote.New(k, strings.TrimSuffix("s3://bucket/"+prefix, "/"), withSlash(prefix), c)
}

func withSlash(prefix string) string {
	if prefix == "" {
		return ""
	}
	return prefix + "/"
}

// connected is the protocol of a store.
func connected(t *testing.T, prefix string, through http.RoundTripper) *protocol {
	t.Helper()
	environment(t)
	p, err := parse("s3://bucket/" + prefix + "?endpoint=http://fake&path-style=true")
	must(t, err)
	client, err := connect(t.Context(), p, through)
	must(t, err)
	return &protocol{client, p.bucket}
}

// environment makes what the machine has configured irrelevant.
func environment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": "", "AWS_REGION": "",
		"AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "",
		"AWS_CA_BUNDLE":   "",
		"AWS_CONFIG_FILE": "/none", "AWS_SHARED_CREDENTIALS_FILE": "/none", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

const secret = remotetest.Secret

// operation names a request as the protocol does.
func operation(r *http.Request) string {
	q := r.URL.Query()
	part, list := q.Has("uploadId"), q.Has("list-type")
	switch {
	case r.Method == "POST" && q.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == "GET" && q.Has("uploads"):
		return "ListMultipartUploads"
	case r.Method == "POST" && part:
		return "CompleteMultipartUpload"
	case r.Method == "PUT" && part:
		return "UploadPart"
	case r.Method == "DELETE" && part:
		return "AbortMultipartUpload"
	case r.Method == "GET" && list:
		return "ListObjectsV2"
	}
	return map[string]string{
		"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject",
	}[r.Method]
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if operation(r) == "CompleteMultipartUpload" && r.Header.Get("If-None-Match") == "*" {
		head := httptest.NewRecorder()
		f.ServeHTTP(head, httptest.NewRequest("HEAD", "http://fake"+r.URL.Path, nil))
		if head.Code == http.StatusOK {
			return refuse(r, http.StatusPreconditionFailed, "PreconditionFailed"), nil
		}
	}
	in := r.Clone(r.Context())
	in.RequestURI, in.Host = r.URL.RequestURI(), "fake"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.Header.Set("Content-Length", strconv.FormatInt(in.ContentLength, 10))
	out := httptest.NewRecorder()
	f.ServeHTTP(out, in)
	if operation(r) == "ListMultipartUploads" && out.Code == http.StatusNotFound { // gofakes3 means: there are none
		out = httptest.NewRecorder()
		out.WriteString("<ListMultipartUploadsResult/>")
	}
	return dated(r, out), nil
}

// refuse is an error of the server.
func refuse(r *http.Request, status int, code string) *http.Response {
	out := httptest.NewRecorder()
	out.Header().Set("Content-Type", "application/xml")
	out.WriteHeader(status)
	if r.Method != "HEAD" {
		out.WriteString("<Error><Code>" + code + "</Code><Message>because</Message></Error>")
	}
	return dated(r, out)
}

// dated makes an answer of what was recorded.
func dated(r *http.Request, out *httptest.ResponseRecorder) *http.Response {
	a := out.Result()
	a.Request = r
	a.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	if r.Method != "HEAD" && a.ContentLength < 0 {
		a.ContentLength = int64(out.Body.Len())
	}
	return a
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
