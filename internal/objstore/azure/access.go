package azure

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// The variables of the environment are those of Azure's command.
const (
	connectionVariable = "AZURE_STORAGE_CONNECTION_STRING"
	keyVariable        = "AZURE_STORAGE_KEY"
	sasVariable        = "AZURE_STORAGE_SAS_TOKEN"
)

// access is how an account is reached.
type access struct {
	endpoint string // without a slash at its end
	key, sas string // one of them at most; neither: as the environment identifies itself
}

// environment returns what the environment says of an account.
func environment(account string) (access, error) {
	if text := os.Getenv(connectionVariable); text != "" {
		return connection(account, text)
	}
	return access{
		endpoint: "https://" + account + ".blob.core.windows.net", key: os.Getenv(keyVariable), sas: os.Getenv(sasVariable),
	}, nil
}

// connection reads a connection string, of which no error repeats anything.
func connection(account, text string) (access, error) {
	fields := map[string]string{"DefaultEndpointsProtocol": "https", "EndpointSuffix": "core.windows.net"}
	for field := range strings.SplitSeq(strings.Trim(text, "; \n"), ";") {
		name, value, ok := strings.Cut(field, "=")
		if !ok {
			return access{}, base.Errorf(base.Config, "%s is not of the form name=value;name=value", connectionVariable)
		}
		fields[name] = value
	}
	if name := fields["AccountName"]; name != "" && name != account {
		return access{}, base.Errorf(base.Config, "%s is for the account %q, the place for %q: correct one of them",
			connectionVariable, name, account)
	}
	a := access{endpoint: fields["BlobEndpoint"], key: fields["AccountKey"], sas: fields["SharedAccessSignature"]}
	if a.endpoint == "" {
		a.endpoint = fields["DefaultEndpointsProtocol"] + "://" + account + ".blob." + fields["EndpointSuffix"]
	}
	a.endpoint = strings.TrimSuffix(a.endpoint, "/")
	if u, err := url.Parse(a.endpoint); err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return access{}, base.Errorf(base.Config, "%s has no BlobEndpoint of the form https://host", connectionVariable)
	}
	return a, nil
}

// transport gives credentials to the requests of a place.
func (a access) transport(p place, next http.RoundTripper) (http.RoundTripper, error) {
	switch {
	case a.key != "":
		key, err := base64.StdEncoding.DecodeString(a.key)
		if err != nil {
			return nil, base.Errorf(base.Config, "%s: the key of the account is not base64: copy it again", p)
		}
		return signer{p.account, key, next}, nil
	case a.sas != "":
		query, err := url.ParseQuery(strings.TrimPrefix(a.sas, "?"))
		if err != nil || query.Get("sig") == "" {
			return nil, base.Errorf(base.Config, "%s: the shared access signature has no sig=: copy it again", p)
		}
		return shared{query, next}, nil
	}
	c, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return nil, base.Errorf(base.Config, "%s: %s: %w", p, howTo, remote.Line(err))
	}
	return &bearer{source: c, next: next}, nil
}

const howTo = "set " + connectionVariable + ", " + keyVariable + " or " + sasVariable + ", or run az login"

// shared adds a shared access signature to requests.
type shared struct {
	query url.Values
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (s shared) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	query := r.URL.Query()
	for name, values := range s.query {
		query[name] = values
	}
	r.URL.RawQuery = query.Encode()
	return s.next.RoundTrip(r)
}
