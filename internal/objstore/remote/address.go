package remote

import (
	"net/url"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Form is how the addresses of a kind of store are written.
type Form struct {
	Store       string // as in "an S3 store"
	Scheme      string // with its slashes, as in "s3://"
	Example     string // as in "s3://bucket/prefix"
	Credentials string // where they belong, as in "give them as AWS_ACCESS_KEY_ID"
}

// Address is a parsed address.
type Address struct {
	Host       string
	Path       string            // without slashes at its ends
	Parameters map[string]string // what follows the question mark
}

// Parse reads an address. Errors do not repeat it: it may hold a password that somebody put there.
func (f Form) Parse(address string) (Address, error) {
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, f.Scheme) {
		return Address{}, f.Wrong("it is not a URL of the form %s", f.Example)
	}
	if u.User != nil {
		return Address{}, f.Wrong("credentials do not belong there: %s", f.Credentials)
	}
	if u.Fragment != "" {
		return Address{}, f.Wrong("it contains a #")
	}
	a := Address{Host: u.Host, Path: strings.Trim(u.Path, "/"), Parameters: map[string]string{}}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, f.Wrong("what follows the ? is not of the form name=value&name=value")
	}
	for name, values := range query {
		if len(values) > 1 {
			return Address{}, f.Wrong("%s is given twice", name)
		}
		a.Parameters[name] = values[0]
	}
	return a, nil
}

// Prefix returns what the keys of a store at a path begin with: nothing, or the path with a slash at its end.
func (f Form) Prefix(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if err := objstore.CheckName(path); err != nil {
		return "", f.Wrong("%w", err)
	}
	return path + "/", nil
}

// Wrong is the refusal of an address.
func (f Form) Wrong(format string, args ...any) error {
	return base.Errorf(base.Config, "place of "+f.Store+": "+format, args...)
}
