package s3

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
)

func TestABucketKeepsTheContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Store { return newFake(t).store(t, "some/prefix") })
}

func TestABucketPassesTheProbeWithAndWithoutAPrefix(t *testing.T) {
	for _, prefix := range []string{"", "p", "p/q"} {
		story(t, func(t *testing.T, f *fake, _ *Store) {
			s := f.store(t, prefix)
			must(t, objstore.Probe(t.Context(), s))
			mustHold(t, s, "")
		})
	}
}

// A server that does not know conditions writes always: such a one must not hold state.
func TestAServerWithoutConditionsIsRefusedByTheProbe(t *testing.T) {
	for condition, promise := range map[string]string{
		"If-None-Match": "put-if-absent", "If-Match": "compare-and-swap",
	} {
		story(t, func(t *testing.T, f *fake, s *Store) {
			f.use(func(r *http.Request, _ int, pass func() *http.Response) (*http.Response, error) {
				r.Header.Del(condition)
				return pass(), nil
			})
			mustSay(t, objstore.Probe(t.Context(), s), "s3://bucket/p does not keep the promise of "+promise)
		})
	}
}

func TestListsOfManyPagesAreComplete(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		const objects = 1100
		for i := range objects {
			must(t, s.PutIfAbsent(t.Context(), fmt.Sprintf("many/%04d", i), nil))
		}
		next := 0
		for o, err := range s.List(t.Context(), "many/") {
			must(t, err)
			if o.Name != fmt.Sprintf("many/%04d", next) {
				t.Fatalf("%s stands at %d", o.Name, next)
			}
			next++
		}
		if next != objects || f.counted("ListObjectsV2") != 2 {
			t.Errorf("%d objects in %d pages", next, f.counted("ListObjectsV2"))
		}
		for range s.List(t.Context(), "many/") {
			break // asks for one page only
		}
		if f.counted("ListObjectsV2") != 3 {
			t.Errorf("%d pages", f.counted("ListObjectsV2"))
		}
	})
}

func TestAListThatIsNotSortedIsRefused(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		f.use(func(r *http.Request, _ int, _ func() *http.Response) (*http.Response, error) {
			out := httptest.NewRecorder()
			out.WriteString("<ListBucketResult><Contents><Key>p/b</Key></Contents>" +
				"<Contents><Key>p/a</Key></Contents></ListBucketResult>")
			return dated(r, out), nil
		})
		var last error
		for _, err := range s.List(t.Context(), "") {
			last = err
		}
		mustSay(t, last, "the list is not in the order of the names", "use a general-purpose bucket")
	})
}

// Stores in one bucket do not see one another, nor what others put there.
func TestAStoreIsWhatIsBeneathItsPrefix(t *testing.T) {
	story(t, func(t *testing.T, f *fake, s *Store) {
		must(t, f.store(t, "p2").PutIfAbsent(t.Context(), "x", nil))
		bucket := f.store(t, "")
		must(t, bucket.PutIfAbsent(t.Context(), "p/x", []byte("1")))
		for _, key := range []string{"p/", "p/folder/", "p/.hidden", "p/a b"} {
			_, err := bucket.put(t.Context(), key, "", nil, objstore.ErrChanged)
			must(t, err)
		}
		mustHold(t, s, "x=1")
	})
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
	mustHold(t, s, "x=1")
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
			mustSay(t, err, c.words)
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
		s, err := Open(t.Context(), address)
		must(t, err)
		o := s.client.Options()
		if got := o.Region + " " + *o.BaseEndpoint; got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
		if s.String() != "s3://bucket" {
			t.Errorf("%s", s)
		}
	}
}
