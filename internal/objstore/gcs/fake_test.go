package gcs

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// fake is the part of Google's JSON interface that this package uses, in this process, reached without a network so
// that time can be synthetic. It is written for these tests after Google's documentation; fake-gcs-server and the
// tests with the tag emulator show that the client does not depend on it.
type fake struct {
	mu         sync.Mutex
	objects    map[string]stored
	sessions   map[string]*session
	generation int64
	begun      int
	takes      int // bytes of a part at most, if positive
}

// stored is an object.
type stored struct {
	resource
	data []byte
}

// session is a resumable upload.
type session struct {
	resource
	condition string
	data      []byte
	ended     bool
}

func newFake() *fake {
	return &fake{objects: map[string]stored{}, sessions: map[string]*session{}, generation: 1e15}
}

// operation names a request as errors do.
func operation(r *http.Request) string {
	q, span := r.URL.Query(), r.Header.Get("Content-Range")
	upload, one := q.Has("upload_id"), !strings.HasSuffix(r.URL.Path, "/o")
	names := kind.Requests
	switch {
	case upload && r.Method == "DELETE":
		return names.Abort
	case upload && span == "bytes */*":
		return "status of a resumable upload"
	case upload && strings.HasSuffix(span, "*"):
		return names.Part
	case upload:
		return names.Complete
	case r.Method == "POST" && q.Get("uploadType") == "resumable":
		return names.Begin
	case r.Method == "POST":
		return names.Put
	case r.Method == "DELETE":
		return names.Delete
	case one && q.Get("alt") == "media":
		return names.Get
	case one:
		return names.Head
	}
	return names.List
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		_ = r.Body.Close()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	out := httptest.NewRecorder()
	f.serve(out, r, body)
	return dated(r, out), nil
}

func dated(r *http.Request, out *httptest.ResponseRecorder) *http.Response {
	a := out.Result()
	a.Request, a.ContentLength = r, int64(out.Body.Len())
	a.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	return a
}

// refuse is an error of the server.
func refuse(r *http.Request, status int, reason string) *http.Response {
	out := httptest.NewRecorder()
	fail(out, status, reason, "because")
	return dated(r, out)
}

func fail(out http.ResponseWriter, status int, reason, message string) {
	out.Header().Set("Content-Type", "application/json; charset=UTF-8")
	out.WriteHeader(status)
	fmt.Fprintf(out, `{"error":{"code":%d,"message":%q,"errors":[{"message":%q,"reason":%q}]}}`,
		status, message, message, reason)
}

func (f *fake) serve(out *httptest.ResponseRecorder, r *http.Request, body []byte) {
	q := r.URL.Query()
	bucket, key, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/upload"), "/storage/v1/b/"), "/o")
	key = strings.TrimPrefix(key, "/")
	o, there := f.objects[key]
	op := operation(r)
	switch {
	case q.Has("upload_id"):
		f.resume(out, r, q.Get("upload_id"), body)
	case bucket != "bucket":
		fail(out, 404, "notFound", "The specified bucket does not exist.")
	case op == kind.Requests.List:
		f.list(out, q)
	case op == kind.Requests.Begin:
		f.begin(out, q, body)
	case op == kind.Requests.Put:
		f.insert(out, r, body)
	case !there && op == kind.Requests.Get:
		out.WriteHeader(404)
		fmt.Fprintf(out, "No such object: %s/%s", bucket, key)
	case !there:
		fail(out, 404, "notFound", "No such object: "+bucket+"/"+key)
	case op == kind.Requests.Delete:
		delete(f.objects, key)
		out.WriteHeader(204)
	case op == kind.Requests.Get:
		media(out, r, o)
	default:
		tell(out, o)
	}
}

func tell(out http.ResponseWriter, v any) {
	out.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(out).Encode(v)
}

func media(out *httptest.ResponseRecorder, r *http.Request, o stored) {
	if g := r.URL.Query().Get("ifGenerationMatch"); g != "" && g != o.Generation {
		out.WriteHeader(412)
		return
	}
	out.Header().Set("X-Goog-Generation", o.Generation)
	http.ServeContent(out, r, "", time.Time{}, strings.NewReader(string(o.data)))
}

// holds checks a precondition.
func (f *fake) holds(out http.ResponseWriter, key, generation string) bool {
	has := absent
	if o, ok := f.objects[key]; ok {
		has = o.Generation
	}
	if generation != has {
		fail(out, 412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
		return false
	}
	return true
}

// write makes an object.
func (f *fake) write(out http.ResponseWriter, o resource, condition string, data []byte) bool {
	if !f.holds(out, o.Name, condition) {
		return false
	}
	if o.CRC32C != "" && o.CRC32C != checksum(data) {
		fail(out, 400, "invalid", "Provided CRC32C doesn't match calculated CRC32C.")
		return false
	}
	f.generation++
	now := time.Now().UTC()
	o.Size, o.Generation, o.Updated = int64(len(data)), strconv.FormatInt(f.generation, 10), &now
	f.objects[o.Name] = stored{o, slices.Clone(data)}
	tell(out, o)
	return true
}

// insert is an upload by one request.
func (f *fake) insert(out http.ResponseWriter, r *http.Request, body []byte) {
	_, parameters, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	parts := multipart.NewReader(strings.NewReader(string(body)), parameters["boundary"])
	var o resource
	var data []byte
	meta, err := parts.NextPart()
	if err == nil {
		err = json.NewDecoder(meta).Decode(&o)
	}
	if err == nil {
		var media *multipart.Part
		if media, err = parts.NextPart(); err == nil {
			data, err = io.ReadAll(media)
		}
	}
	if err != nil {
		fail(out, 400, "badRequest", err.Error())
		return
	}
	f.write(out, o, r.URL.Query().Get("ifGenerationMatch"), data)
}

func (f *fake) begin(out http.ResponseWriter, q url.Values, body []byte) {
	s := &session{condition: q.Get("ifGenerationMatch")}
	if err := json.Unmarshal(body, &s.resource); err != nil {
		fail(out, 400, "badRequest", err.Error())
		return
	}
	if !f.holds(out, s.Name, s.condition) {
		return
	}
	f.begun++
	id := strconv.Itoa(f.begun)
	f.sessions[id] = s
	out.Header().Set("Location", "http://fake/upload/storage/v1/b/bucket/o?uploadType=resumable&upload_id="+id)
}

// resume is a request to a session.
func (f *fake) resume(out http.ResponseWriter, r *http.Request, id string, body []byte) {
	s := f.sessions[id]
	if s == nil {
		out.WriteHeader(404)
		return
	}
	if r.Method == "DELETE" {
		delete(f.sessions, id)
		out.WriteHeader(cancelled)
		return
	}
	if s.ended { // asked again
		tell(out, f.objects[s.Name])
		return
	}
	span, total, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Content-Range"), "bytes "), "/")
	if !s.take(span, total, body, f.takes) {
		fail(out, 400, "badRequest", "the parts do not fit: "+span+"/"+total)
		return
	}
	if total == strconv.Itoa(len(s.data)) {
		s.CRC32C = strings.TrimPrefix(r.Header.Get("X-Goog-Hash"), "crc32c=")
		s.ended = f.write(out, s.resource, s.condition, s.data)
		return
	}
	if len(s.data) > 0 {
		out.Header().Set("Range", fmt.Sprintf("bytes=0-%d", len(s.data)-1))
	}
	out.WriteHeader(308)
}

// take adds the bytes of a part. Those that are there already are ignored.
func (s *session) take(span, total string, body []byte, most int) bool {
	if span == "*" {
		return len(body) == 0
	}
	var from, to int
	if n, err := fmt.Sscanf(span, "%d-%d", &from, &to); n != 2 || err != nil || to-from+1 != len(body) {
		return false
	}
	if from > len(s.data) || total == "*" && len(body)%quantum != 0 {
		return false
	}
	fresh := body[min(len(s.data)-from, len(body)):]
	if most > 0 && len(fresh) > most {
		fresh = fresh[:most]
	}
	s.data = append(s.data, fresh...)
	return true
}

func (f *fake) list(out http.ResponseWriter, q url.Values) {
	var names []string
	for name := range f.objects {
		if strings.HasPrefix(name, q.Get("prefix")) && name > q.Get("pageToken") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var page struct {
		Items         []resource `json:"items,omitempty"`
		NextPageToken string     `json:"nextPageToken,omitempty"`
	}
	for _, name := range names {
		if len(page.Items) == 1000 {
			page.NextPageToken = page.Items[999].Name
			break
		}
		page.Items = append(page.Items, f.objects[name].resource)
	}
	tell(out, page)
}

// uploads is the number of sessions that were neither ended nor cancelled.
func uploads(server http.RoundTripper) (n int) {
	f := server.(*fake)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range f.sessions {
		if !s.ended {
			n++
		}
	}
	return n
}

// openStore opens a store of a server.
func openStore(t *testing.T, k remote.Kind, prefix string, through http.RoundTripper) *remote.Store {
	t.Helper()
	p, err := parse("gs://bucket/" + prefix)
	must(t, err)
	return at(k, p, "http://fake", through)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
