package gcs

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestAPlaceNamesABucketAndAPrefix(t *testing.T) {
	for address, want := range map[string]place{
		"gs://bucket":        {bucket: "bucket"},
		"gs://bucket/":       {bucket: "bucket"},
		"gs://my.bucket_1/a": {bucket: "my.bucket_1", prefix: "a/"},
		"gs://bucket/a/b/":   {bucket: "bucket", prefix: "a/b/"},
	} {
		got, err := parse(address)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", address, got, err, want)
		}
	}
}

func TestAMistakeInAPlaceIsToldWithoutSecrets(t *testing.T) {
	for address, words := range map[string]string{
		"":                       "not a URL of the form gs://bucket/prefix",
		"GS://bucket":            "not a URL of the form gs://bucket/prefix",
		"gs://u:HIDDEN@bucket/x": "credentials do not belong there: give them as GOOGLE_APPLICATION_CREDENTIALS",
		"gs:///x":                `"" is not the name of a bucket`,
		"gs://Bucket/x":          `"Bucket" is not the name of a bucket`,
		"gs://bucket/x#y":        "contains a #",
		"gs://bucket/a//b":       "is not the name of an object",
		"gs://bucket?key=HIDDEN": `unknown parameter "key"`,
		"gs://bucket?a=1&a=2":    "a is given twice",
	} {
		_, err := parse(address)
		if err == nil || base.KindOf(err) != base.Config || !strings.Contains(err.Error(), words) ||
			strings.Contains(err.Error(), "HIDDEN") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", address, err, words)
		}
	}
}
