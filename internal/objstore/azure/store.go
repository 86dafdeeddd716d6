package azure

import (
	"context"
	"net/http"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// kind is what stores in containers have in common. Blocks belong to no upload that is begun or aborted.
var kind = remote.Kind{
	Requests: remote.Requests{
		Get: "Get Blob", Head: "Get Blob Properties", Put: "Put Blob", Delete: "Delete Blob", List: "List Blobs",
		Part: "Put Block", Complete: "Put Block List",
	},
	Condition: "an account without a hierarchical namespace",
	PartBytes: 8 << 20, Sending: 2, MaxParts: 50_000, // 400 GB
}

// Open returns the store at a place of the form az://account/container/prefix. The credentials come from the
// environment: AZURE_STORAGE_CONNECTION_STRING, which may also name another server, AZURE_STORAGE_KEY,
// AZURE_STORAGE_SAS_TOKEN, or else whatever identity there is, as with every program that uses Azure's library. Of the
// container nothing is asked yet; errors are of kind base.Config.
func Open(_ context.Context, address string) (*remote.Store, error) {
	p, err := parse(address)
	if err != nil {
		return nil, err
	}
	a, err := environment(p.account)
	if err != nil {
		return nil, err
	}
	through, err := a.transport(p, remote.Transport())
	if err != nil {
		return nil, err
	}
	return at(kind, p, a.endpoint, through), nil
}

// at is the store at a place of a server, reached through a transport.
func at(k remote.Kind, p place, endpoint string, through http.RoundTripper) *remote.Store {
	return remote.New(k, p.String(), p.prefix, &protocol{remote.Connect(through), endpoint + "/" + p.container})
}
