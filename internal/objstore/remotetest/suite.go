// Package remotetest is what every protocol of package remote must pass: the contract of stores, and stories of
// servers that are busy, lose answers, break off, hang, or lie. Time is synthetic.
package remotetest

import (
	"net/http"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/objstoretest"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// Subject is a kind of store under test.
type Subject struct {
	Kind remote.Kind // with small parts
	// Place is what a store without a prefix is called, as in "s3://bucket".
	Place string
	// Server returns a new server in this process, reached without a network, with what Place names.
	Server func(t *testing.T) http.RoundTripper
	// Open opens a store of Kind as a process would, through a transport to a server.
	Open func(t *testing.T, k remote.Kind, prefix string, through http.RoundTripper) *remote.Store
	// Operation is what Kind calls a request.
	Operation func(*http.Request) string
	// Refuse makes an answer that is an error, with the message "because".
	Refuse func(r *http.Request, status int, code string) *http.Response
	// Uploads is the number of unfinished uploads that a server of Server knows; nil if they vanish by themselves.
	Uploads func(server http.RoundTripper) int

	Busy       []Refusal // that are repeated
	Nothing    []Refusal // that are repeated, and of a write say for sure that it was not carried out
	Mistakes   []Mistake // that are not repeated
	Denied     Refusal
	LostUpload Refusal          // the answer to the end of an upload that was completed
	Version    objstore.Version // of another object
}

// Refusal is an error of a server.
type Refusal struct {
	Status int
	Code   string
	Except []string // requests to which it does not apply
}

// Mistake is an error that repeating cannot help, and what is told of it.
type Mistake struct {
	Refusal
	Meaning, Advice string
}

// story is a test of a kind of store.
type story struct {
	name string
	test func(*testing.T, Subject)
}

// Run tests a kind of store.
func Run(t *testing.T, k Subject) {
	t.Run("TheContractIsKept", func(t *testing.T) {
		objstoretest.RunInSyntheticTime(t, func(t *testing.T) objstore.Store { return newFake(t, k).store(t, "some/prefix") })
	})
	for _, stories := range [][]story{faults, streams, writers, leases, places} {
		for _, s := range stories {
			t.Run(s.name, func(t *testing.T) { s.test(t, k) })
		}
	}
}

// tell runs a story in synthetic time, on a store of a fake server.
func tell(t *testing.T, k Subject, test func(t *testing.T, f *Fake, s *remote.Store)) {
	t.Helper()
	bubble.Test(t, func(t *testing.T) {
		f := newFake(t, k)
		test(t, f, f.store(t, "p"))
	})
}
