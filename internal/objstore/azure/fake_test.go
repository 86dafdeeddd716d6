package azure

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// fake is the part of Azure's REST interface that this package uses, in this process, reached without a network so
// that time can be synthetic. It is written for these tests after Azure's documentation; the tests with the tag
// emulator compare its behaviour with that of Azurite.
type fake struct {
	mu      sync.Mutex
	blobs   map[string]stored
	blocks  map[string]map[string][]byte // uncommitted, by key and name
	written int
}

// stored is an object.
type stored struct {
	data     []byte
	tag      string
	token    string
	modified time.Time
}

func newFake() *fake {
	return &fake{blobs: map[string]stored{}, blocks: map[string]map[string][]byte{}}
}

// operation names a request as errors do.
func operation(r *http.Request) string {
	comp, names := r.URL.Query().Get("comp"), kind.Requests
	switch {
	case comp == "list":
		return names.List
	case comp == "block":
		return names.Part
	case comp == "blocklist":
		return names.Complete
	}
	return map[string]string{
		"GET": names.Get, "HEAD": names.Head, "PUT": names.Put, "DELETE": names.Delete,
	}[r.Method]
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
	if a.Request = r; r.Method != "HEAD" {
		a.ContentLength = int64(out.Body.Len())
	}
	a.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	return a
}

// refuse is an error of the server. What HEAD is answered has no body.
func refuse(r *http.Request, status int, code string) *http.Response {
	out := httptest.NewRecorder()
	fail(out, r, status, code)
	return dated(r, out)
}

func fail(out http.ResponseWriter, r *http.Request, status int, code string) {
	out.Header().Set("x-ms-error-code", code)
	out.WriteHeader(status)
	if r.Method != "HEAD" {
		fmt.Fprintf(out, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>%s</Code>"+
			"<Message>because\nRequestId:1\nTime:2</Message></Error>", code)
	}
}

func (f *fake) serve(out *httptest.ResponseRecorder, r *http.Request, body []byte) {
	container, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	b, there := f.blobs[key]
	sum := md5.Sum(body)
	switch op, names := operation(r), kind.Requests; {
	case container != "container":
		fail(out, r, 404, "ContainerNotFound")
	case len(body) > 0 && r.Header.Get("Content-MD5") != base64.StdEncoding.EncodeToString(sum[:]):
		fail(out, r, 400, "Md5Mismatch")
	case op == names.List:
		f.list(out, r.URL.Query())
	case op == names.Part:
		f.stage(out, r, key, body)
	case op == names.Complete:
		f.commit(out, r, key, body)
	case op == names.Put:
		f.put(out, r, key, body)
	case !there:
		fail(out, r, 404, "BlobNotFound")
	case op == names.Delete:
		delete(f.blobs, key)
		out.WriteHeader(202)
	default:
		get(out, r, b)
	}
}

func get(out *httptest.ResponseRecorder, r *http.Request, b stored) {
	if tag := r.Header.Get("If-Match"); tag != "" && tag != b.tag {
		fail(out, r, 412, "ConditionNotMet")
		return
	}
	out.Header().Set("ETag", b.tag)
	out.Header().Set(tokenField, b.token)
	in := r.Clone(r.Context())
	in.Header.Del("If-Match")
	if span := r.Header.Get("x-ms-range"); span != "" {
		in.Header.Set("Range", span)
	}
	http.ServeContent(out, in, "", b.modified, strings.NewReader(string(b.data)))
	if r.Method == "HEAD" {
		out.Header().Set("Content-Length", fmt.Sprint(len(b.data)))
	}
}

// holds checks the conditions of a write.
func (f *fake) holds(out http.ResponseWriter, r *http.Request, key string) bool {
	b, there := f.blobs[key]
	if r.Header.Get("If-None-Match") == "*" && there {
		fail(out, r, 409, "BlobAlreadyExists")
		return false
	}
	if tag := r.Header.Get("If-Match"); tag != "" && tag != b.tag {
		fail(out, r, 412, "ConditionNotMet")
		return false
	}
	return true
}

func (f *fake) put(out http.ResponseWriter, r *http.Request, key string, data []byte) {
	if !f.holds(out, r, key) {
		return
	}
	f.written++
	b := stored{slices.Clone(data), fmt.Sprintf(`"0x8D%d"`, f.written), r.Header.Get(tokenField), time.Now()}
	f.blobs[key] = b
	delete(f.blocks, key) // whoever had staged them
	out.Header().Set("ETag", b.tag)
	out.WriteHeader(201)
}

// stage keeps a block. All names of a key are of one length.
func (f *fake) stage(out http.ResponseWriter, r *http.Request, key string, data []byte) {
	id := r.URL.Query().Get("blockid")
	if f.blocks[key] == nil {
		f.blocks[key] = map[string][]byte{}
	}
	for other := range f.blocks[key] {
		if len(other) != len(id) {
			fail(out, r, 400, "InvalidBlobOrBlock")
			return
		}
	}
	f.blocks[key][id] = slices.Clone(data)
	out.WriteHeader(201)
}

func (f *fake) commit(out http.ResponseWriter, r *http.Request, key string, body []byte) {
	if !f.holds(out, r, key) {
		return
	}
	var list struct {
		Uncommitted []string
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		fail(out, r, 400, "InvalidXmlDocument")
		return
	}
	var data []byte
	for _, id := range list.Uncommitted {
		block, there := f.blocks[key][id]
		if !there {
			fail(out, r, 400, "InvalidBlockList")
			return
		}
		data = append(data, block...)
	}
	f.put(out, r, key, data)
}

func (f *fake) list(out http.ResponseWriter, q url.Values) {
	var names []string
	for name := range f.blobs {
		if strings.HasPrefix(name, q.Get("prefix")) && name >= q.Get("marker") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	fmt.Fprint(out, "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>")
	next := ""
	for i, name := range names {
		if i == 1000 {
			next = name
			break
		}
		fmt.Fprintf(out, "<Blob><Name>%s</Name><Properties><Content-Length>%d</Content-Length></Properties></Blob>",
			name, len(f.blobs[name].data))
	}
	fmt.Fprintf(out, "</Blobs><NextMarker>%s</NextMarker></EnumerationResults>", next)
}

// openStore opens a store of a server.
func openStore(t *testing.T, k remote.Kind, prefix string, through http.RoundTripper) *remote.Store {
	t.Helper()
	p, err := parse("az://account/container/" + prefix)
	must(t, err)
	return at(k, p, "http://fake", through)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
