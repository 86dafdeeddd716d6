package gcs

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// through handles requests instead of a server.
type through func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestAnEmulatorIsUsedWithoutCredentials(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("there are credentials")
		}
		r.URL.Scheme, r.URL.Host = "http", "fake"
		a, _ := newFake().RoundTrip(r)
		out.WriteHeader(a.StatusCode)
		_, _ = io.Copy(out, a.Body)
	}))
	defer server.Close()
	for _, host := range []string{server.URL, server.URL + "/", server.Listener.Addr().String()} {
		t.Setenv(emulator, host)
		s, err := Open(t.Context(), "gs://bucket/p")
		must(t, err)
		must(t, s.PutIfAbsent(t.Context(), "x", nil))
	}
	t.Setenv(emulator, "http://")
	_, err := Open(t.Context(), "gs://bucket/p")
	remotetest.MustSay(t, err, "STORAGE_EMULATOR_HOST is not of the form host:port")
}

func TestWithoutCredentialsThereIsNoStore(t *testing.T) {
	t.Setenv(emulator, "")
	file := filepath.Join(t.TempDir(), "key.json")
	must(t, os.WriteFile(file, []byte(`{"type":"strange","secret":"`+remotetest.Secret+`"}`), 0o600))
	for _, path := range []string{file, file + "absent"} {
		t.Setenv(credentialsFile, path)
		s, err := Open(t.Context(), "gs://bucket/p")
		remotetest.MustSay(t, err, "gs://bucket/p: no credentials: run gcloud auth application-default login")
		if s != nil {
			t.Error("there is a store")
		}
	}
}

// What the server of tokens says may repeat what it was sent.
func TestARefusedTokenIsAMistakeThatRepeatsNoSecret(t *testing.T) {
	refused := &oauth2.RetrieveError{
		Response: &http.Response{StatusCode: 400}, Body: []byte(remotetest.Secret), ErrorCode: "invalid_grant",
		ErrorDescription: remotetest.Secret,
	}
	s := openStore(t, kind, "p", through(func(*http.Request) (*http.Response, error) { return nil, refused }))
	err := s.PutIfAbsent(t.Context(), "x", nil)
	remotetest.MustSay(t, err, "objects.insert gs://bucket/p/x: the credentials are not valid (invalid_grant)")
}

func TestAServerOfTokensThatIsAwayIsAskedAgain(t *testing.T) {
	f, asked := newFake(), 0
	away := &oauth2.RetrieveError{Response: &http.Response{StatusCode: 503}}
	s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
		if asked++; asked == 1 {
			return nil, away
		}
		return f.RoundTrip(r)
	}))
	must(t, s.PutIfAbsent(t.Context(), "x", nil))
}

func TestABucketThatIsNotThereIsTold(t *testing.T) {
	p := place{bucket: "another", prefix: "p/"}
	s := at(subject.Kind, p, "http://fake", newFake())
	_, stat := s.Stat(t.Context(), "x")
	_, _, err := s.Get(t.Context(), "x")
	var listed error
	for _, listed = range s.List(t.Context(), "") {
	}
	w, created := s.Create(t.Context(), "x")
	must(t, created)
	_, created = w.Write(make([]byte, 3*quantum))
	w.Abort()
	for _, err := range []error{s.PutIfAbsent(t.Context(), "x", nil), stat, err, listed, created, s.Delete(t.Context(), "x")} {
		remotetest.MustSay(t, err, " gs://another/p/", "there is no such bucket", "create it or correct its name")
	}
}

// A server may take a part of a part: the rest follows. What it has after a lost answer, it is asked.
func TestAServerThatTakesLessThanAPartGetsTheRest(t *testing.T) {
	f, lost, asked := newFake(), 0, 0
	f.takes = quantum
	big := kind
	big.PartBytes = 4 * quantum
	s := openStore(t, big, "p", through(func(r *http.Request) (*http.Response, error) {
		a, err := f.RoundTrip(r)
		if r.Header.Get("Content-Range") == "bytes */*" {
			asked++
		}
		if operation(r) == kind.Requests.Part || operation(r) == kind.Requests.Complete {
			if lost++; lost%2 == 0 {
				return nil, io.ErrUnexpectedEOF
			}
		}
		return a, err
	}))
	want := make([]byte, 9*quantum+1000)
	for i := range want {
		want[i] = byte(i * i >> 7)
	}
	w, err := s.Create(t.Context(), "x")
	must(t, err)
	_, err = w.Write(want)
	must(t, err)
	must(t, w.Finish())
	got, _, err := s.Get(t.Context(), "x")
	must(t, err)
	if string(got) != string(want) || lost < 8 || asked < lost/2-1 {
		t.Errorf("%d others, with %d answers to parts and %d to questions", len(got), lost, asked)
	}
}

func TestBytesThatArriveDamagedAreRefused(t *testing.T) {
	f := newFake()
	s := openStore(t, subject.Kind, "p", through(func(r *http.Request) (*http.Response, error) {
		if op := operation(r); op == kind.Requests.Put || op == kind.Requests.Complete {
			data, _ := io.ReadAll(r.Body)
			for i := range data {
				if data[i] == 'x' {
					data[i] = 'y'
				}
			}
			r.Body = io.NopCloser(strings.NewReader(string(data)))
		}
		return f.RoundTrip(r)
	}))
	if err := s.PutIfAbsent(t.Context(), "a", []byte("1x2")); err == nil {
		t.Error("a damaged put was taken")
	}
	w, err := s.Create(t.Context(), "b")
	must(t, err)
	_, err = w.Write(append(make([]byte, quantum), 'x'))
	if err = errors.Join(err, w.Finish()); err == nil {
		t.Error("a damaged upload was taken")
	}
	remotetest.MustHold(t, s, "")
}
