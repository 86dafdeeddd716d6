//go:build emulator

package gcs

import (
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

// The tests of this file are run by hand, against an emulator that STORAGE_EMULATOR_HOST names, such as
// fake-gcs-server. They make buckets.
//
//	go test -tags emulator ./internal/objstore/gcs -run Real

// newBucket makes an empty bucket and returns its place.
func newBucket(t *testing.T) string {
	t.Helper()
	bucket := fmt.Sprintf("t%x", rand.Uint64())
	endpoint, err := emulated(os.Getenv(emulator))
	must(t, err)
	a, err := http.Post(endpoint+"/storage/v1/b?project=p", "application/json", strings.NewReader(`{"name":"`+bucket+`"}`))
	must(t, err)
	defer a.Body.Close()
	if body, _ := io.ReadAll(a.Body); a.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", a.Status, body)
	}
	return "gs://" + bucket
}

func TestARealServerKeepsTheContract(t *testing.T) {
	objstoretest.Run(t, func(t *testing.T) objstore.Store {
		s, err := Open(t.Context(), newBucket(t)+"/some/prefix")
		must(t, err)
		return s
	})
}

func TestARealServerRefusesMistakes(t *testing.T) {
	wrong, err := Open(t.Context(), newBucket(t)+"none")
	must(t, err)
	remotetest.MustSay(t, wrong.PutIfAbsent(t.Context(), "x", nil), "there is no such bucket")
}
