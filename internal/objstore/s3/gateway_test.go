package s3

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/gateway"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// realStore opens a store of a real server.
func realStore(t *testing.T, server *gateway.Server, prefix string) *remote.Store {
	t.Helper()
	s, err := Open(t.Context(), server.Place(prefix))
	must(t, err)
	return s
}

func TestARealServerKeepsTheContract(t *testing.T) {
	server := gateway.Start(t)
	server.Setenv(t)
	stores := 0
	objstoretest.Run(t, func(t *testing.T) objstore.Store {
		stores++
		return realStore(t, server, fmt.Sprintf("some/prefix-%d", stores))
	})
	must(t, objstore.Probe(t.Context(), realStore(t, server, "probed")))
}

// A request that meets a restart of the server is repeated, and what was acknowledged before is there after.
func TestARestartOfTheServerIsNotNoticed(t *testing.T) {
	server := gateway.Start(t)
	server.Setenv(t)
	s := realStore(t, server, "p")
	v, err := s.Swap(t.Context(), "head", "", []byte("1"))
	must(t, err)
	w, err := s.Create(t.Context(), "big")
	must(t, err)
	_, err = w.Write(make([]byte, 20<<20))
	must(t, err)

	server.Stop()
	swapped := make(chan error)
	go func() {
		_, err := s.Swap(t.Context(), "head", v, []byte("2"))
		swapped <- err
	}()
	server.Restart(t)
	must(t, <-swapped)
	must(t, w.Finish())
	o, err := s.Stat(t.Context(), "big")
	must(t, err)
	if o.Size != 20<<20 {
		t.Errorf("%+v", o)
	}
	got, _, err := s.Get(t.Context(), "head")
	must(t, err)
	if string(got) != "2" {
		t.Errorf("head is %q", got)
	}
}

func TestARealServersRefusalsAreMistakes(t *testing.T) {
	server := gateway.Start(t)
	for story, c := range map[string]struct{ variable, bucket, words string }{
		"a wrong key":    {"AWS_ACCESS_KEY_ID", "bucket", "the credentials are not valid (XAdminUserNotFound)"},
		"a wrong secret": {"AWS_SECRET_ACCESS_KEY", "bucket", "the credentials are not valid (SignatureDoesNotMatch)"},
		"a wrong bucket": {"", "another", "there is no such bucket (NoSuchBucket)"},
	} {
		t.Run(story, func(t *testing.T) {
			server.Setenv(t)
			if c.variable != "" {
				t.Setenv(c.variable, secret)
			}
			s, err := Open(t.Context(), strings.Replace(server.Place("p"), "bucket", c.bucket, 1))
			must(t, err)
			remotetest.MustSay(t, s.PutIfAbsent(t.Context(), "x", nil), "PutObject s3://"+c.bucket+"/p/x: "+c.words)
			_, _, err = s.Get(t.Context(), "x")
			remotetest.MustSay(t, err, "GetObject s3://"+c.bucket+"/p/x: "+c.words)
			_, err = s.Lock(t.Context())
			remotetest.MustSay(t, err, c.words)
		})
	}
}
