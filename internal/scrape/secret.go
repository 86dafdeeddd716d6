package scrape

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"unicode"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Secret is the value of the header Authorization that a request must have. However it is printed, it is not shown.
type Secret struct{ header string }

const redacted = "[secret]"

// longestCredentials bounds what is read of a file that may be a wrong one, in bytes.
const longestCredentials = 4096

// ReadSecret reads credentials from a file with one line: user:password for basic authentication, or a token, which
// has no colon, for a bearer. Errors are of kind base.Config and do not show what the file has.
func ReadSecret(path string) (Secret, error) {
	f, err := os.Open(path)
	if err != nil {
		return Secret{}, base.Errorf(base.Config, "credentials for metrics: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, longestCredentials+1))
	if err != nil {
		return Secret{}, base.Errorf(base.Config, "credentials for metrics: %w", err)
	}
	s, ok := newSecret(strings.TrimRight(string(text), "\r\n"))
	if !ok || len(text) > longestCredentials {
		return Secret{}, base.Errorf(base.Config, "credentials for metrics: file %s must have one line, "+
			"user:password or a token without spaces", path)
	}
	return s, nil
}

// newSecret is that of a line of credentials.
func newSecret(line string) (Secret, bool) {
	user, password, basic := strings.Cut(line, ":")
	if basic {
		ok := user != "" && password != "" && !strings.ContainsFunc(line, unicode.IsControl)
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(user, password)
		return Secret{r.Header.Get("Authorization")}, ok
	}
	return Secret{"Bearer " + line}, line != "" && !strings.ContainsFunc(line, func(r rune) bool {
		return r <= ' ' || r > '~'
	})
}

// Shown reports whether a request shows the secret. How long it takes says nothing of how much of it is right.
func (s Secret) Shown(r *http.Request) bool {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	wantScheme, want, _ := strings.Cut(s.header, " ")
	got, wanted := sha256.Sum256([]byte(rest)), sha256.Sum256([]byte(want))
	return strings.EqualFold(scheme, wantScheme) && subtle.ConstantTimeCompare(got[:], wanted[:]) == 1
}

// challenge is what a client without the secret is told to show.
func (s Secret) challenge() string {
	scheme, _, _ := strings.Cut(s.header, " ")
	return scheme + ` realm="metrics"`
}

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (Secret) String() string { return redacted }

// MarshalText implements encoding.TextMarshaler, which JSON and package slog use too.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
