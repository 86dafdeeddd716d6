package s3

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Scheme is how the places begin that Open takes.
const Scheme = "s3://"

// place is a parsed address of a store.
type place struct {
	bucket    string
	prefix    string // empty, or a name with a slash at its end
	region    string // empty: as the environment says
	endpoint  string // empty: as the environment says, else Amazon's
	pathStyle bool   // the bucket stands in the path, not in the name of the host
}

var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$`)

// parse reads s3://bucket/prefix?region=…&endpoint=…&path-style=…. Errors do not repeat the address, which may
// hold a password that somebody put there.
func parse(address string) (place, error) {
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(address, Scheme) {
		return place{}, wrong("it is not a URL of the form s3://bucket/prefix")
	}
	if u.User != nil {
		return place{}, wrong("credentials do not belong there: " +
			"give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	}
	if u.Fragment != "" {
		return place{}, wrong("it contains a #")
	}
	p := place{bucket: u.Host}
	if !bucketName.MatchString(p.bucket) {
		return place{}, wrong("%q is not the name of a bucket", p.bucket)
	}
	if prefix := strings.Trim(u.Path, "/"); prefix != "" {
		if err := objstore.CheckName(prefix); err != nil {
			return place{}, wrong("%w", err)
		}
		p.prefix = prefix + "/"
	}
	return p, p.options(u)
}

// options reads the query.
func (p *place) options(u *url.URL) error {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return wrong("what follows the ? is not of the form name=value&name=value")
	}
	for name, values := range query {
		if len(values) > 1 {
			return wrong("%s is given twice", name)
		}
		if err := p.option(name, values[0]); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) option(name, value string) (err error) {
	switch name {
	case "region":
		p.region = value
	case "endpoint":
		p.endpoint = value
		e, err := url.Parse(value)
		if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil || e.RawQuery != "" {
			return wrong("endpoint is not of the form https://host:port")
		}
	case "path-style":
		if p.pathStyle, err = strconv.ParseBool(value); err != nil {
			return wrong("path-style is neither true nor false")
		}
	default:
		return wrong("unknown parameter %q: there are region, endpoint and path-style", name)
	}
	return nil
}

func wrong(format string, args ...any) error {
	return base.Errorf(base.Config, "place of an S3 store: "+format, args...)
}

// String is the place without parameters.
func (p place) String() string { return strings.TrimSuffix(Scheme+p.bucket+"/"+p.prefix, "/") }
