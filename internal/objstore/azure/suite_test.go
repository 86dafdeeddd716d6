package azure

import (
	"net/http"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
	"github.com/aquifer-stream/aquifer/internal/objstore/remotetest"
)

// subject is a container of the server in this process.
var subject = remotetest.Subject{
	Kind:      smallParts,
	Place:     "az://account/container",
	Server:    func(*testing.T) http.RoundTripper { return newFake() },
	Open:      openStore,
	Operation: operation,
	Refuse:    refuse,
	Busy: []remotetest.Refusal{
		{Status: 503, Code: "ServerBusy"}, {Status: 500, Code: "OperationTimedOut"}, {Status: 500, Code: "InternalError"},
		{Status: 429, Code: "TooManyRequests"}, {Status: 408, Code: "RequestTimeout"},
	},
	Nothing:    []remotetest.Refusal{{Status: 429, Code: "TooManyRequests"}},
	Denied:     remotetest.Refusal{Status: 403, Code: "AuthorizationFailure"},
	LostUpload: remotetest.Refusal{Status: 400, Code: "InvalidBlockList"},
	Version:    `"0x1"`,
	Mistakes: []remotetest.Mistake{
		mistake(403, "AuthorizationFailure", "access denied", "Storage Blob Data Contributor"),
		mistake(403, "AuthorizationPermissionMismatch", "access denied", "the account's firewall"),
		mistake(403, "AuthenticationFailed", "the credentials are not valid", "AZURE_STORAGE_KEY"),
		mistake(401, "InvalidAuthenticationInfo", "the credentials are not valid", "AZURE_STORAGE_CONNECTION_STRING"),
		mistake(404, "ContainerNotFound", "there is no such container", "create it or correct its name"),
		mistake(409, "ContainerBeingDeleted", "there is no such container", "create it"),
		mistake(403, "AccountIsDisabled", "the account cannot be used", "portal"),
	},
}

// smallParts makes big objects small.
var smallParts = func(k remote.Kind) remote.Kind { k.PartBytes = 64 << 10; return k }(kind)

// What HEAD is answered has no message.
func mistake(status int, code, meaning, advice string) remotetest.Mistake {
	r := remotetest.Refusal{Status: status, Code: code, Except: []string{kind.Requests.Head}}
	return remotetest.Mistake{Refusal: r, Meaning: meaning, Advice: advice}
}

func TestAContainerKeepsWhatIsPromised(t *testing.T) { remotetest.Run(t, subject) }
