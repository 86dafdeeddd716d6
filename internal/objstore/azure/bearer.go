package azure

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// scope is what tokens are for.
const scope = "https://storage.azure.com/.default"

// early is how long before its end a token is replaced.
const early = 5 * time.Minute

// bearer gives requests a token, which it keeps while it is valid: some sources start a program for each.
type bearer struct {
	source azcore.TokenCredential
	next   http.RoundTripper
	mu     sync.Mutex
	token  azcore.AccessToken
}

// tokenError means that there is no token.
type tokenError struct{ error }

func (t *tokenError) Unwrap() error { return t.error }

// RoundTrip implements http.RoundTripper.
func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	token, err := b.current(r.Context())
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, &tokenError{err}
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+token)
	return b.next.RoundTrip(r)
}

// current returns a valid token.
func (b *bearer) current(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Until(b.token.ExpiresOn) < early {
		token, err := b.source.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
		if err != nil {
			return "", err
		}
		b.token = token
	}
	return b.token.Token, nil
}
