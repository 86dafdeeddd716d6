package azure

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestAPlaceNamesAnAccountAContainerAndAPrefix(t *testing.T) {
	for address, want := range map[string]place{
		"az://account1/my-container":    {account: "account1", container: "my-container"},
		"az://account/container/":       {account: "account", container: "container"},
		"az://account/container/a/b/":   {account: "account", container: "container", prefix: "a/b/"},
		"az://account/$root/a":          {account: "account", container: "$root", prefix: "a/"},
		"az://devstoreaccount1/tests/a": {account: "devstoreaccount1", container: "tests", prefix: "a/"},
	} {
		got, err := parse(address)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", address, got, err, want)
		}
		if again := strings.TrimSuffix(address, "/"); got.String() != again {
			t.Errorf("%s is shown as %s", again, got)
		}
	}
}

func TestAMistakeInAPlaceIsToldWithoutSecrets(t *testing.T) {
	for address, words := range map[string]string{
		"":                             "not a URL of the form az://account/container/prefix",
		"az:account/container":         "not a URL of the form",
		"az://u:HIDDEN@account/c/x":    "credentials do not belong there: give them as AZURE_STORAGE_KEY",
		"az://my-account/container":    `"my-account" is not the name of an account`,
		"az://a.blob.core.net/c":       `is not the name of an account: it is of the form az://account/container/prefix`,
		"az://container":               `"" is not the name of a container`,
		"az://account/Container":       `"Container" is not the name of a container`,
		"az://account/container/a//b":  "is not the name of an object",
		"az://account/container?sig=x": `unknown parameter "sig"`,
		"az://account/container#x":     "contains a #",
	} {
		_, err := parse(address)
		if err == nil || base.KindOf(err) != base.Config || !strings.Contains(err.Error(), words) ||
			strings.Contains(err.Error(), "HIDDEN") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", address, err, words)
		}
	}
}
