package open

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

func environment(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "the-secret", "AWS_REGION": "", "AWS_DEFAULT_REGION": "",
		"AWS_PROFILE": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "", "AWS_CA_BUNDLE": "",
		"STORAGE_EMULATOR_HOST": "host:1", "AZURE_STORAGE_KEY": "a2V5", "AZURE_STORAGE_CONNECTION_STRING": "",
		"AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

func TestAPlaceIsADirectoryMemoryOrABucket(t *testing.T) {
	environment(t)
	root := t.TempDir()
	t.Chdir(root)
	for place, want := range map[string]string{
		filepath.Join(root, "absolute"):           filepath.Join(root, "absolute"),
		"relative/path":                           filepath.Join(root, "relative/path"),
		"with:colon":                              filepath.Join(root, "with:colon"),
		"file://" + root + "/in%20url":            filepath.Join(root, "in url"),
		"mem:":                                    "memory",
		"s3://bucket?region=eu-central-1":         "s3://bucket",
		"s3://bucket/":                            "s3://bucket", // the region is that of the endpoint below
		"s3://bucket/a/b/?endpoint=http://host:1": "s3://bucket/a/b",
		"s3://bucket/a/b?region=x&path-style=1":   "s3://bucket/a/b",
		"gs://bucket/a/b/":                        "gs://bucket/a/b",
		"az://account/container/a":                "az://account/container/a",
	} {
		if place == "s3://bucket/" {
			t.Setenv("AWS_ENDPOINT_URL_S3", "https://host")
		}
		for _, open := range []func(string) (objstore.Store, error){
			func(p string) (objstore.Store, error) { return Store(t.Context(), p) },
			func(p string) (objstore.Store, error) { return Existing(t.Context(), p) },
		} {
			s, err := open(place)
			if err != nil {
				t.Errorf("%s: %v", place, err)
			} else if s.String() != want {
				t.Errorf("%s is %s, want %s", place, s, want)
			}
		}
		t.Setenv("AWS_ENDPOINT_URL_S3", "")
	}
}

func TestADirectoryIsCreatedOnlyToWriteToIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	for _, place := range []string{path, "file://" + path} {
		if s, err := Existing(t.Context(), place); err == nil || s != nil || base.KindOf(err) != base.Config {
			t.Errorf("%s: %v, %v", place, s, err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("it was created: %v", err)
	}
}

func TestAMistakeInAPlaceIsToldWithoutWhatMayBeSecret(t *testing.T) {
	environment(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for place, words := range map[string]string{
		"":                                       "no place of the state",
		"hdfs://host/prefix":                     `no places of the kind "hdfs://": a place is a path, file:///path`,
		"gs://u:PASSWORD@bucket/x":               "credentials do not belong there",
		"az://account":                           `"" is not the name of a container`,
		"az://account/container?sig=PASSWORD":    `unknown parameter "sig"`,
		"file://host/path":                       "not of the form file:///path",
		"file://":                                "not of the form file:///path",
		"file:///path?password=PASSWORD":         "no parameters",
		"file://u:PASSWORD@/path":                "not of the form file:///path",
		file:                                     "cannot be used",
		"s3://":                                  "not the name of a bucket",
		"s3://u:PASSWORD@bucket/x":               "credentials do not belong there",
		"s3://bucket/x?secret=PASSWORD&region=r": `unknown parameter "secret"`,
		"s3://bucket/x":                          "the region is unknown",
	} {
		s, err := Store(t.Context(), place)
		if err == nil || s != nil || base.KindOf(err) != base.Config || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, %v (kind %v), want %q", place, s, err, base.KindOf(err), words)
		}
		if err != nil && (strings.Contains(err.Error(), "PASSWORD") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %q", place, err)
		}
	}
}
