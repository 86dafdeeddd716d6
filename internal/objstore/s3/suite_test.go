package s3

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// subject is a bucket of the server in this process.
var subject = remotetest.Subject{
	Kind:      smallParts,
	Place:     "s3://bucket",
	Server:    func(t *testing.T) http.RoundTripper { return newFake(t) },
	Open:      openStore,
	Operation: operation,
	Refuse:    refuse,
	Uploads:   uploads,
	Busy: []remotetest.Refusal{
		{Status: 503, Code: "SlowDown"}, {Status: 500, Code: "InternalError"},
		{Status: 409, Code: "OperationAborted", Except: noBody},
	},
	Nothing:    []remotetest.Refusal{{Status: 503, Code: "SlowDown"}, {Status: 409, Code: "ConditionalRequestConflict"}},
	Denied:     remotetest.Refusal{Status: 403, Code: "AccessDenied"},
	LostUpload: remotetest.Refusal{Status: 404, Code: "NoSuchUpload"},
	Version:    `"another"`,
	Mistakes: []remotetest.Mistake{
		mistake(403, "AccessDenied", "access denied", "give these credentials the right"),
		mistake(405, "MethodNotAllowed", "access denied", "a store that can only be read holds no state"),
		mistake(403, "InvalidAccessKeyId", "the credentials are not valid", "AWS_ACCESS_KEY_ID"),
		mistake(403, "SignatureDoesNotMatch", "the credentials are not valid", "AWS_SECRET_ACCESS_KEY"),
		mistake(400, "ExpiredToken", "the credentials have expired", "get new ones"),
		mistake(404, "NoSuchBucket", "there is no such bucket", "create it or correct its name"),
		mistake(403, "RequestTimeTooSkewed", "the clock of this machine is wrong", "set it"),
		mistake(301, "PermanentRedirect", "the bucket is elsewhere", "correct region or endpoint"),
		mistake(400, "AuthorizationHeaderMalformed", "the bucket is elsewhere", "correct region or endpoint"),
		mistake(501, "NotImplemented", "the server cannot do this", "use a store with conditional writes",
			"ListMultipartUploads"), // a list that nobody needs
	},
}

// smallParts makes big objects small.
var smallParts = func(k remote.Kind) remote.Kind { k.PartBytes = 64 << 10; return k }(kind)

// noBody are the requests whose answers do not say what is meant.
var noBody = []string{"HeadObject"}

func mistake(status int, code, meaning, advice string, except ...string) remotetest.Mistake {
	r := remotetest.Refusal{Status: status, Code: code, Except: append(except, noBody...)}
	return remotetest.Mistake{Refusal: r, Meaning: meaning, Advice: advice}
}

func uploads(server http.RoundTripper) int {
	out := httptest.NewRecorder()
	server.(*fake).ServeHTTP(out, httptest.NewRequest("GET", "http://fake/bucket?uploads", nil))
	return strings.Count(out.Body.String(), "<Upload>")
}

func TestABucketKeepsWhatIsPromised(t *testing.T) { remotetest.Run(t, subject) }
