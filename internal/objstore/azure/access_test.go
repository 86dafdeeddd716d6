package azure

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// through handles requests instead of a server.
type through func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f through) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var secretKey = base64.StdEncoding.EncodeToString([]byte(remotetest.Secret))

// variables sets those of this package.
func variables(t *testing.T, connection, key, sas string) {
	t.Helper()
	t.Setenv(connectionVariable, connection)
	t.Setenv(keyVariable, key)
	t.Setenv(sasVariable, sas)
}

func TestTheEnvironmentSaysHowAnAccountIsReached(t *testing.T) {
	const host = "https://account.blob.core.windows.net"
	for name, c := range map[string]struct {
		connection, key, sas string
		want                 access
	}{
		"nothing":  {"", "", "", access{endpoint: host}},
		"a key":    {"", "K==", "", access{endpoint: host, key: "K=="}},
		"a sas":    {"", "", "?sig=S", access{endpoint: host, sas: "?sig=S"}},
		"a string": {"AccountName=account;AccountKey=K==", "other", "", access{endpoint: host, key: "K=="}},
		"a sovereign cloud": {"DefaultEndpointsProtocol=https;AccountName=account;AccountKey=K==;EndpointSuffix=core.chinacloudapi.cn",
			"", "", access{endpoint: "https://account.blob.core.chinacloudapi.cn", key: "K=="}},
		"a server of one's own": {"AccountName=account;AccountKey=K==;BlobEndpoint=http://host:10000/account/;", "", "",
			access{endpoint: "http://host:10000/account", key: "K=="}},
		"a string with a sas": {"BlobEndpoint=https://h/;SharedAccessSignature=sv=1&sig=S", "", "",
			access{endpoint: "https://h", sas: "sv=1&sig=S"}},
	} {
		variables(t, c.connection, c.key, c.sas)
		got, err := environment("account")
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestAMistakeInTheEnvironmentIsToldWithoutSecrets(t *testing.T) {
	for _, c := range []struct{ connection, key, sas, words string }{
		{remotetest.Secret, "", "", "AZURE_STORAGE_CONNECTION_STRING is not of the form name=value;name=value"},
		{"AccountName=another;AccountKey=" + remotetest.Secret, "", "", `is for the account "another", the place for "account"`},
		{"BlobEndpoint=nowhere;AccountKey=" + secretKey, "", "", "has no BlobEndpoint of the form https://host"},
		{"", remotetest.Secret, "", "az://account/container/p: the key of the account is not base64"},
		{"", "", remotetest.Secret, "the shared access signature has no sig="},
	} {
		variables(t, c.connection, c.key, c.sas)
		s, err := Open(t.Context(), "az://account/container/p")
		remotetest.MustSay(t, err, c.words)
		if s != nil {
			t.Error("there is a store")
		}
	}
}

// The tests with the tag emulator show that a server accepts the signatures.
func TestRequestsAreSignedWithTheKey(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		var got []string
		s := signer{"account", []byte("key"), through(func(r *http.Request) (*http.Response, error) {
			got = append(got, r.Header.Get("x-ms-date"), r.Header.Get("Authorization"))
			return newFake().RoundTrip(r)
		})}
		_ = at(kind, place{"account", "container", "p/"}, "http://fake", s).PutIfAbsent(t.Context(), "x", []byte("1"))
		if len(got) != 2 || got[0] != "Sat, 01 Jan 2000 00:00:00 GMT" ||
			!strings.HasPrefix(got[1], "SharedKey account:") {
			t.Errorf("%q", got)
		}
	})
}

func TestEveryPartOfARequestIsSigned(t *testing.T) {
	request := func(change func(*http.Request)) string {
		r := httptest.NewRequest(http.MethodPut, "http://host/container/x?comp=block&blockid=1", strings.NewReader("12"))
		r.Header.Set("x-ms-version", version)
		change(r)
		return signer{account: "account", key: []byte("key")}.signature(r)
	}
	seen := map[string]string{request(func(*http.Request) {}): "the request"}
	for name, change := range map[string]func(*http.Request){
		"method":    func(r *http.Request) { r.Method = http.MethodGet },
		"path":      func(r *http.Request) { r.URL.Path += "y" },
		"query":     func(r *http.Request) { r.URL.RawQuery = "comp=block&blockid=2" },
		"length":    func(r *http.Request) { r.ContentLength = 3 },
		"condition": func(r *http.Request) { r.Header.Set("If-Match", "1") },
		"other":     func(r *http.Request) { r.Header.Set("If-None-Match", "1") },
		"own field": func(r *http.Request) { r.Header.Set("x-ms-range", "bytes=0-1") },
		"checksum":  func(r *http.Request) { r.Header.Set("Content-MD5", "1") },
		"type":      func(r *http.Request) { r.Header.Set("Content-Type", "1") },
	} {
		signature := request(change)
		if before, there := seen[signature]; there {
			t.Errorf("another %s has the signature of %s", name, before)
		}
		seen[signature] = name
	}
}

func TestASharedAccessSignatureGoesWithRequestsAndIntoNoError(t *testing.T) {
	a := access{sas: "?sv=2021&sig=" + remotetest.Secret + "%2B"}
	p := place{"account", "container", "p/"}
	f := newFake()
	next, err := a.transport(p, through(func(r *http.Request) (*http.Response, error) {
		if q := r.URL.Query(); q.Get("sig") != remotetest.Secret+"+" || q.Get("sv") != "2021" {
			t.Errorf("%s", r.URL)
		}
		return f.RoundTrip(r)
	}))
	must(t, err)
	s := at(kind, p, "http://fake", next)
	must(t, s.PutIfAbsent(t.Context(), "x", nil))
	remotetest.MustHold(t, s, "x=")

	bubble.Test(t, func(t *testing.T) {
		next, err := a.transport(p, through(func(*http.Request) (*http.Response, error) { return nil, errors.New("broken") }))
		must(t, err)
		err = at(kind, p, "http://fake", next).PutIfAbsent(t.Context(), "x", nil)
		if err == nil || strings.Contains(err.Error(), remotetest.Secret) {
			t.Errorf("%v", err)
		}
	})
}

// source gives tokens.
type source func() (azcore.AccessToken, error)

// GetToken implements azcore.TokenCredential.
func (s source) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return s()
}

func TestATokenIsKeptWhileItIsValid(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		given, f := 0, newFake()
		b := &bearer{source: source(func() (azcore.AccessToken, error) {
			given++
			return azcore.AccessToken{Token: "T", ExpiresOn: time.Now().Add(time.Hour)}, nil
		})}
		b.next = through(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("Authorization") != "Bearer T" {
				t.Errorf("%q", r.Header.Get("Authorization"))
			}
			return f.RoundTrip(r)
		})
		s := at(kind, place{"account", "container", ""}, "http://fake", b)
		for range 20 {
			must(t, s.Delete(t.Context(), "x"))
			<-time.After(6 * time.Minute)
		}
		if given != 2 { // in two hours
			t.Errorf("%d tokens", given)
		}
	})
}

func TestAServerOfTokensThatIsAwayIsAskedAgainAndOneThatRefusesIsNot(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		failures := []error{
			&azidentity.AuthenticationFailedError{RawResponse: &http.Response{StatusCode: 503}},
			&azidentity.AuthenticationFailedError{},
			errors.New("no credential\nis configured"),
		}
		b := &bearer{next: newFake(), source: source(func() (azcore.AccessToken, error) {
			err := failures[0]
			failures = failures[1:]
			return azcore.AccessToken{}, err
		})}
		err := at(kind, place{"account", "container", ""}, "http://fake", b).PutIfAbsent(t.Context(), "x", nil)
		remotetest.MustSay(t, err, "Put Blob az://account/container/x: no credentials: no credential is configured",
			"or run az login")
		if len(failures) > 0 {
			t.Errorf("%d were not asked for", len(failures))
		}
	})
}

func TestAnAccountWithDirectoriesIsRefused(t *testing.T) {
	s := openStore(t, kind, "p", through(func(r *http.Request) (*http.Response, error) {
		out := httptest.NewRecorder()
		out.WriteString("<EnumerationResults><Blobs><Blob><Name>p/a</Name><Properties>" +
			"<ResourceType>directory</ResourceType></Properties></Blob></Blobs></EnumerationResults>")
		return dated(r, out), nil
	}))
	for _, err := range s.List(t.Context(), "") {
		remotetest.MustSay(t, err, "List Blobs az://account/container/p/: the account has a hierarchical namespace")
		return
	}
	t.Error("it was listed")
}

// A server that looks for the blocks first does not say that another writer's object is there.
func TestBlocksThatAnotherWriterMadeVanishMeanThatTheObjectExists(t *testing.T) {
	f := newFake()
	s := openStore(t, subject.Kind, "p", through(func(r *http.Request) (*http.Response, error) {
		if operation(r) == kind.Requests.Complete {
			return refuse(r, http.StatusBadRequest, "InvalidBlockList"), nil
		}
		return f.RoundTrip(r)
	}))
	for name, exists := range map[string]bool{"there": true, "absent": false} {
		if exists {
			must(t, s.PutIfAbsent(t.Context(), name, nil))
		}
		w, err := s.Create(t.Context(), name)
		must(t, err)
		_, err = w.Write(make([]byte, subject.Kind.PartBytes+1))
		must(t, err)
		if err := w.Finish(); err == nil || errors.Is(err, objstore.ErrExists) != exists {
			t.Errorf("%s: %v", name, err)
		}
	}
}
