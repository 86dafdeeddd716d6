package gcs

import (
	"regexp"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// Scheme is how the places begin that Open takes.
const Scheme = "gs://"

// form is how places are written.
var form = remote.Form{
	Store: "a Google store", Scheme: Scheme, Example: "gs://bucket/prefix",
	Credentials: "give them as " + credentialsFile,
}

// place is a parsed address of a store.
type place struct {
	bucket string
	prefix string // empty, or a name with a slash at its end
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)

// parse reads gs://bucket/prefix.
func parse(address string) (p place, err error) {
	a, err := form.Parse(address)
	if err != nil {
		return place{}, err
	}
	for name := range a.Parameters {
		return place{}, form.Wrong("unknown parameter %q: there is none", name)
	}
	if p.bucket = a.Host; !bucketName.MatchString(p.bucket) {
		return place{}, form.Wrong("%q is not the name of a bucket", p.bucket)
	}
	if p.prefix, err = form.Prefix(a.Path); err != nil {
		return place{}, err
	}
	return p, nil
}

// String is the place as it is shown.
func (p place) String() string { return strings.TrimSuffix(Scheme+p.bucket+"/"+p.prefix, "/") }
