package s3

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// fake is a server in this process, reached without a network, so that time can be synthetic.
type fake struct {
	http.Handler
	mu    sync.Mutex // gofakes3 does not check the condition of a completion: here it is, one write at a time
	hook  hook       // nil: everything passes
	count map[string]int
}

// hook handles a request instead of the server, which it may call.
type hook func(r *http.Request, n int, pass func() *http.Response) (*http.Response, error)

func newFake(t *testing.T) *fake {
	t.Helper()
	backend := s3mem.New()
	must(t, backend.CreateBucket("bucket"))
	return &fake{Handler: gofakes3.New(backend).Server(), count: map[string]int{}}
}

// use hands requests to a hook from now on, and begins to count them anew.
func (f *fake) use(h hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hook, f.count = h, map[string]int{}
}

// counted returns the number of requests of a kind.
func (f *fake) counted(op string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count[op]
}

// store opens a store of the server as a process would.
func (f *fake) store(t *testing.T, prefix string) *Store {
	t.Helper()
	environment(t)
	s, err := open(t.Context(), "s3://bucket/"+prefix+"?endpoint=http://fake&path-style=true", f)
	must(t, err)
	s.partBytes = partSize
	return s
}

// partSize makes big objects small.
const partSize = 64 << 10

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

const secret = "this-is-the-secret"

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
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.count[operation(r)]++
	n, handle := f.count[operation(r)], f.hook
	f.mu.Unlock()
	pass := func() *http.Response { return f.serve(r) }
	if handle == nil {
		return pass(), nil
	}
	return handle(r, n, pass)
}

// serve lets the server answer.
func (f *fake) serve(r *http.Request) *http.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	if operation(r) == "CompleteMultipartUpload" && r.Header.Get("If-None-Match") == "*" {
		head := httptest.NewRecorder()
		f.ServeHTTP(head, httptest.NewRequest("HEAD", "http://fake"+r.URL.Path, nil))
		if head.Code == http.StatusOK {
			return answer(r, http.StatusPreconditionFailed, "PreconditionFailed", "it is there")
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
	return dated(r, out)
}

// answer is an error of the server.
func answer(r *http.Request, status int, code, message string) *http.Response {
	out := httptest.NewRecorder()
	out.Header().Set("Content-Type", "application/xml")
	out.WriteHeader(status)
	if r.Method != "HEAD" {
		out.WriteString("<Error><Code>" + code + "</Code><Message>" + message + "</Message></Error>")
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

// cut lets the connection break after n bytes of the answer.
func cut(a *http.Response, n int64) *http.Response {
	data, _ := io.ReadAll(a.Body)
	a.Body = io.NopCloser(io.MultiReader(bytes.NewReader(data[:min(n, int64(len(data)))]), broken{}))
	return a
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// mustHold checks the names and bytes of all objects, as "name=bytes".
func mustHold(t *testing.T, s objstore.Store, want string) {
	t.Helper()
	var got []string
	for o, err := range s.List(t.Context(), "") {
		must(t, err)
		data, _, err := s.Get(t.Context(), o.Name)
		must(t, err)
		got = append(got, o.Name+"="+string(data))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("there is %q, want %q", strings.Join(got, " "), want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
