package gcs

import (
	"net/http"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// subject is a bucket of the server in this process.
var subject = remotetest.Subject{
	Kind:      smallParts,
	Place:     "gs://bucket",
	Server:    func(*testing.T) http.RoundTripper { return newFake() },
	Open:      openStore,
	Operation: operation,
	Refuse:    refuse,
	Uploads:   uploads,
	Busy: []remotetest.Refusal{
		{Status: 503, Code: "backendError"}, {Status: 500, Code: "internalError"}, {Status: 429, Code: "rateLimitExceeded"},
		{Status: 403, Code: "userRateLimitExceeded"}, {Status: 409, Code: "conflict"}, {Status: 408, Code: "timeout"},
	},
	Nothing:    []remotetest.Refusal{{Status: 429, Code: "rateLimitExceeded"}, {Status: 409, Code: "conflict"}},
	Denied:     remotetest.Refusal{Status: 403, Code: "forbidden"},
	LostUpload: remotetest.Refusal{Status: 410, Code: "gone"},
	Version:    "1234567890",
	Mistakes: []remotetest.Mistake{
		mistake(403, "forbidden", "access denied", "roles/storage.objectUser"),
		mistake(403, "insufficientPermissions", "access denied", "roles/storage.objectUser"),
		mistake(401, "authError", "the credentials are not valid", "gcloud auth application-default login"),
		mistake(401, "required", "the credentials are not valid", "GOOGLE_APPLICATION_CREDENTIALS"),
		mistake(403, "accountDisabled", "the bucket's project cannot be used", "look at its billing account"),
	},
}

// smallParts makes big objects small.
var smallParts = func(k remote.Kind) remote.Kind { k.PartBytes = quantum; return k }(kind)

func mistake(status int, code, meaning, advice string) remotetest.Mistake {
	return remotetest.Mistake{Refusal: remotetest.Refusal{Status: status, Code: code}, Meaning: meaning, Advice: advice}
}

func TestABucketKeepsWhatIsPromised(t *testing.T) { remotetest.Run(t, subject) }
