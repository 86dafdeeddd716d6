package s3

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// Scheme is how the places begin that Open takes.
const Scheme = "s3://"

// form is how places are written.
var form = remote.Form{
	Store: "an S3 store", Scheme: Scheme, Example: "s3://bucket/prefix",
	Credentials: "give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}

// place is a parsed address of a store.
type place struct {
	bucket    string
	prefix    string // empty, or a name with a slash at its end
	region    string // empty: as the environment says
	endpoint  string // empty: as the environment says, else Amazon's
	pathStyle bool   // the bucket stands in the path, not in the name of the host
}

var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$`)

// parse reads s3://bucket/prefix?region=…&endpoint=…&path-style=….
func parse(address string) (p place, err error) {
	a, err := form.Parse(address)
	if err != nil {
		return place{}, err
	}
	if p.bucket = a.Host; !bucketName.MatchString(p.bucket) {
		return place{}, form.Wrong("%q is not the name of a bucket", p.bucket)
	}
	if p.prefix, err = form.Prefix(a.Path); err != nil {
		return place{}, err
	}
	for name, value := range a.Parameters {
		if err := p.option(name, value); err != nil {
			return place{}, err
		}
	}
	return p, nil
}

func (p *place) option(name, value string) (err error) {
	switch name {
	case "region":
		p.region = value
	case "endpoint":
		p.endpoint = value
		e, err := url.Parse(value)
		if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil || e.RawQuery != "" {
			return form.Wrong("endpoint is not of the form https://host:port")
		}
	case "path-style":
		if p.pathStyle, err = strconv.ParseBool(value); err != nil {
			return form.Wrong("path-style is neither true nor false")
		}
	default:
		return form.Wrong("unknown parameter %q: there are region, endpoint and path-style", name)
	}
	return nil
}

// String is the place without parameters.
func (p place) String() string { return strings.TrimSuffix(Scheme+p.bucket+"/"+p.prefix, "/") }
