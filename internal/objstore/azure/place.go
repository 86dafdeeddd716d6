package azure

import (
	"regexp"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/objstore/remote"
)

// Scheme is how the places begin that Open takes.
const Scheme = "az://"

// form is how places are written. The account is a part of them, so that a place is the same store everywhere.
var form = remote.Form{
	Store: "an Azure store", Scheme: Scheme, Example: "az://account/container/prefix",
	Credentials: "give them as " + keyVariable + " or " + connectionVariable,
}

// place is a parsed address of a store.
type place struct {
	account, container string
	prefix             string // empty, or a name with a slash at its end
}

var (
	accountName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	containerName = regexp.MustCompile(`^[a-z0-9$][a-z0-9-]{1,61}[a-z0-9]$`)
)

// parse reads az://account/container/prefix.
func parse(address string) (p place, err error) {
	a, err := form.Parse(address)
	if err != nil {
		return place{}, err
	}
	for name := range a.Parameters {
		return place{}, form.Wrong("unknown parameter %q: there is none", name)
	}
	if p.account = a.Host; !accountName.MatchString(p.account) {
		return place{}, form.Wrong("%q is not the name of an account: it is of the form %s", p.account, form.Example)
	}
	var path string
	if p.container, path, _ = strings.Cut(a.Path, "/"); !containerName.MatchString(p.container) {
		return place{}, form.Wrong("%q is not the name of a container: it is of the form %s", p.container, form.Example)
	}
	if p.prefix, err = form.Prefix(path); err != nil {
		return place{}, err
	}
	return p, nil
}

// String is the place as it is shown.
func (p place) String() string {
	return strings.TrimSuffix(Scheme+p.account+"/"+p.container+"/"+p.prefix, "/")
}
