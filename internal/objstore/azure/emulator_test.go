//go:build emulator

package azure

import (
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// The tests of this file are run by hand, against Azurite or a real account that AZURE_STORAGE_CONNECTION_STRING
// names. They make containers.
//
//	go test -tags emulator ./internal/objstore/azure -run Real -account devstoreaccount1
var account = flag.String("account", "devstoreaccount1", "that the tests with the tag emulator use")

// newContainer makes an empty container and returns its place.
func newContainer(t *testing.T) string {
	t.Helper()
	address := fmt.Sprintf("az://%s/t%x", *account, rand.Uint64())
	p, err := parse(address)
	must(t, err)
	a, err := environment(p.account)
	must(t, err)
	through, err := a.transport(p, http.DefaultTransport)
	must(t, err)
	at := a.endpoint + "/" + p.container + "?restype=container"
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, at, nil)
	must(t, err)
	r.Header.Set("x-ms-version", version)
	answer, err := through.RoundTrip(r)
	must(t, err)
	defer answer.Body.Close()
	if body, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", answer.Status, body)
	}
	return address
}

func TestARealServerKeepsTheContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Store {
		s, err := Open(t.Context(), newContainer(t)+"/some/prefix")
		must(t, err)
		return s
	})
}

func TestARealServerRefusesMistakes(t *testing.T) {
	here := newContainer(t)
	wrong, err := Open(t.Context(), here+"none")
	must(t, err)
	remotetest.MustSay(t, wrong.PutIfAbsent(t.Context(), "x", nil), "there is no such container (ContainerNotFound)")
	_, err = wrong.Stat(t.Context(), "x")
	remotetest.MustSay(t, err, "there is no such container (ContainerNotFound)")
	text := strings.Replace(os.Getenv(connectionVariable), "AccountKey=", "AccountKey=AAAA", 1)
	t.Setenv(connectionVariable, text)
	refused, err := Open(t.Context(), here)
	must(t, err)
	remotetest.MustSay(t, refused.PutIfAbsent(t.Context(), "x", nil), "Server failed to authenticate the request")
}

// The answers on which package remote relies, on the server of the tests and on a real one.
func TestARealServerAnswersAsTheOneOfTheTests(t *testing.T) {
	p, err := parse(newContainer(t))
	must(t, err)
	a, err := environment(p.account)
	must(t, err)
	through, err := a.transport(p, http.DefaultTransport)
	must(t, err)
	real := answers(t, a.endpoint+"/"+p.container, through)
	ours := answers(t, "http://fake/container", newFake())
	for step, want := range ours {
		if real[step] != want {
			t.Errorf("%s: the real server says %q, ours %q", step, real[step], want)
		}
	}
}
