package s3

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// through handles requests instead of a server.
type through func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A server that does not know conditions writes always: such a one must not hold state.
func TestAServerWithoutConditionsIsRefusedByTheProbe(t *testing.T) {
	for condition, promise := range map[string]string{
		"If-None-Match": "put-if-absent", "If-Match": "compare-and-swap",
	} {
		f := newFake(t)
		s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
			r.Header.Del(condition)
			return f.RoundTrip(r)
		}))
		err := objstore.Probe(t.Context(), s)
		remotetest.MustSay(t, err, "s3://bucket/p does not keep the promise of "+promise)
	}
}

func TestAListThatIsNotSortedIsRefused(t *testing.T) {
	s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
		out := httptest.NewRecorder()
		out.WriteString("<ListBucketResult><Contents><Key>p/b</Key></Contents>" +
			"<Contents><Key>p/a</Key></Contents></ListBucketResult>")
		return dated(r, out), nil
	}))
	var last error
	for _, err := range s.List(t.Context(), "") {
		last = err
	}
	remotetest.MustSay(t, last, "the list is not in the order of the names", "use a general-purpose bucket")
}

// What others put beneath the prefix is left out.
func TestKeysThatAreNoNamesOfObjectsAreLeftOut(t *testing.T) {
	f := newFake(t)
	s, p := openStore(t, kind, "p", f), connected(t, "", f)
	for _, key := range []string{"p/x", "p/", "p/folder/", "p/.hidden", "p/a b"} {
		_, err := p.Put(t.Context(), key, "", "token", nil)
		must(t, err)
	}
	remotetest.MustHold(t, s, "x=")
}

func TestAMistakeIsToldEvenWithoutABody(t *testing.T) {
	s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
		return refuse(r, http.StatusForbidden, ""), nil
	}))
	_, err := s.Stat(t.Context(), "x")
	remotetest.MustSay(t, err, "HeadObject s3://bucket/p/x: access denied (Forbidden)")
}

func TestAnErrorOfTheServerIsOneLine(t *testing.T) {
	s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
		return refuse(r, http.StatusBadRequest, "Strange\nthing"), nil
	}))
	err := s.PutIfAbsent(t.Context(), "x", nil)
	if want := "PutObject s3://bucket/p/x: Strange thing: because"; fmt.Sprint(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestUploadsAreSignedWithTheHashOfTheirBytes(t *testing.T) {
	f := newFake(t)
	var signed atomic.Int64 // parts go in parallel
	s := openStore(t, subject.Kind, "p", through(func(r *http.Request) (*http.Response, error) {
		if op := operation(r); op == "PutObject" || op == "UploadPart" {
			signed.Add(1)
			if hash := r.Header.Get("X-Amz-Content-Sha256"); len(hash) != 64 {
				t.Errorf("%s: the hash is %q", op, hash)
			}
		}
		return f.RoundTrip(r)
	}))
	must(t, s.PutIfAbsent(t.Context(), "x", []byte("text")))
	w, err := s.Create(t.Context(), "y")
	must(t, err)
	_, err = w.Write(make([]byte, subject.Kind.PartBytes+1))
	must(t, err)
	must(t, w.Finish())
	if signed.Load() != 3 {
		t.Errorf("%d uploads", signed.Load())
	}
}

// A crashed process's parts are removed by the next one that locks the store; those of other stores are not, even
// if the server lists them all.
func TestALockRemovesThePartsOfCrashedProcesses(t *testing.T) {
	for _, heedsPrefix := range []bool{true, false} {
		f := newFake(t)
		p := connected(t, "", f)
		for _, key := range []string{"p/x", "p/x", "p2/x"} {
			_, err := p.Begin(t.Context(), key, "token")
			must(t, err)
		}
		s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
			if q := r.URL.Query(); operation(r) == "ListMultipartUploads" && !heedsPrefix {
				q.Del("prefix")
				r.URL.RawQuery = q.Encode()
			}
			return f.RoundTrip(r)
		}))
		release, err := s.Lock(t.Context())
		must(t, err)
		if n := uploads(f); n != 1 {
			t.Errorf("%d uploads are left, want the other store's", n)
		}
		must(t, release())
	}
}

// A list of many uploads goes on where its page before has ended.
func TestTheUploadsOfAllPagesAreRemoved(t *testing.T) {
	var markers []string
	f, aborted := newFake(t), 0
	s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
		out := httptest.NewRecorder()
		switch q := r.URL.Query(); operation(r) {
		case "ListMultipartUploads":
			markers = append(markers, q.Get("key-marker")+" "+q.Get("upload-id-marker"))
			fmt.Fprintf(out, "<ListMultipartUploadsResult><IsTruncated>%v</IsTruncated><NextKeyMarker>p/k</NextKeyMarker>"+
				"<NextUploadIdMarker>7</NextUploadIdMarker><Upload><Key>p/x</Key><UploadId>%d</UploadId></Upload>"+
				"</ListMultipartUploadsResult>", len(markers) < 3, len(markers))
		case "AbortMultipartUpload":
			aborted++
			out.WriteHeader(http.StatusNoContent)
		default:
			return f.RoundTrip(r)
		}
		return dated(r, out), nil
	}))
	release, err := s.Lock(t.Context())
	must(t, err)
	must(t, release())
	if got := strings.Join(markers, ","); got != " ,p/k 7,p/k 7" || aborted != 3 {
		t.Errorf("pages from %q, %d uploads were aborted", got, aborted)
	}
}

func TestAServerThatCannotListUploadsCanBeLocked(t *testing.T) {
	f := newFake(t)
	s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
		if operation(r) == "ListMultipartUploads" {
			return refuse(r, http.StatusNotImplemented, "NotImplemented"), nil
		}
		return f.RoundTrip(r)
	}))
	release, err := s.Lock(t.Context())
	must(t, err)
	must(t, release())
}

// A store over TLS with a certificate of one's own: the file that AWS_CA_BUNDLE names is heeded.
func TestTheEnvironmentConfiguresTheConnection(t *testing.T) {
	f := newFake(t)
	server := httptest.NewTLSServer(f)
	defer server.Close()
	environment(t)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	must(t, os.WriteFile(bundle, pem.EncodeToMemory(&block), 0o600))
	t.Setenv("AWS_CA_BUNDLE", bundle)
	t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
	s, err := Open(t.Context(), "s3://bucket/p?path-style=true")
	must(t, err)
	must(t, s.PutIfAbsent(t.Context(), "x", []byte("1")))
	remotetest.MustHold(t, s, "x=1")
}

func TestAConfigurationWithoutWhatIsNeededIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ variable, value, query, words string }{
		"no region":      {"", "", "", "s3://bucket/p: the region is unknown: add ?region="},
		"no credentials": {"AWS_ACCESS_KEY_ID", "", "?region=r", "no credentials: set AWS_ACCESS_KEY_ID"},
		"no secret":      {"AWS_SECRET_ACCESS_KEY", "", "?region=r", "no credentials: set AWS_ACCESS_KEY_ID"},
		"no profile":     {"AWS_PROFILE", "absent", "?region=r", "configuration of the environment"},
		"no bundle":      {"AWS_CA_BUNDLE", "/absent", "?region=r", "configuration of the environment"},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t)
			if c.variable != "" {
				t.Setenv(c.variable, c.value)
			}
			s, err := Open(t.Context(), "s3://bucket/p"+c.query)
			remotetest.MustSay(t, err, c.words)
			if s != nil {
				t.Error("there is a store")
			}
		})
	}
}

// A region of the environment is used, one of the place goes before it.
func TestThePlaceGoesBeforeTheEnvironment(t *testing.T) {
	environment(t)
	t.Setenv("AWS_REGION", "from-environment")
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://from-environment")
	for address, want := range map[string]string{
		"s3://bucket": "from-environment http://from-environment",
		"s3://bucket?region=from-place&endpoint=http://from-place": "from-place http://from-place",
	} {
		p, err := parse(address)
		must(t, err)
		client, err := connect(t.Context(), p, nil)
		must(t, err)
		o := client.Options()
		if got := o.Region + " " + *o.BaseEndpoint; got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
		if p.String() != "s3://bucket" {
			t.Errorf("%s", p)
		}
	}
}
