package s3

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestAPlaceNamesABucketAPrefixAndAServer(t *testing.T) {
	for address, want := range map[string]place{
		"s3://bucket":                             {bucket: "bucket"},
		"s3://bucket/":                            {bucket: "bucket"},
		"s3://my.bucket-1/a":                      {bucket: "my.bucket-1", prefix: "a/"},
		"s3://bucket/a/b/":                        {bucket: "bucket", prefix: "a/b/"},
		"s3://bucket/a?region=eu-central-1":       {bucket: "bucket", prefix: "a/", region: "eu-central-1"},
		"s3://bucket?endpoint=http://h:1":         {bucket: "bucket", endpoint: "http://h:1"},
		"s3://bucket?endpoint=https%3A%2F%2Fh":    {bucket: "bucket", endpoint: "https://h"},
		"s3://bucket?path-style=true":             {bucket: "bucket", pathStyle: true},
		"s3://bucket?path-style=false&region=r-1": {bucket: "bucket", region: "r-1"},
	} {
		got, err := parse(address)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", address, got, err, want)
		}
	}
}

func TestAMistakeInAPlaceIsToldWithoutSecrets(t *testing.T) {
	for address, words := range map[string]string{
		"":                                       "not a URL of the form s3://bucket/prefix",
		"bucket/prefix":                          "not a URL of the form s3://bucket/prefix",
		"S3://bucket":                            "not a URL of the form s3://bucket/prefix",
		"s3://bucket:HIDDEN@/x":                  "credentials do not belong there",
		"s3://key:HIDDEN@bucket/x":               "credentials do not belong there",
		"s3://key:HIDDEN%zz@bucket/x":            "not a URL of the form s3://bucket/prefix",
		"s3://bucket:80/x":                       `"bucket:80" is not the name of a bucket`,
		"s3:///x":                                `"" is not the name of a bucket`,
		"s3://b/x":                               `"b" is not the name of a bucket`,
		"s3://bucket/x#y":                        "contains a #",
		"s3://bucket/../x":                       "is not the name of an object",
		"s3://bucket/a//b":                       "is not the name of an object",
		"s3://bucket/a%20b":                      "is not the name of an object",
		"s3://bucket?region=a&region=b":          "region is given twice",
		"s3://bucket?Region=a":                   `unknown parameter "Region": there are region, endpoint and path-style`,
		"s3://bucket?secret_key=HIDDEN":          `unknown parameter "secret_key"`,
		"s3://bucket?path-style=maybe":           "neither true nor false",
		"s3://bucket?endpoint=host:1":            "endpoint is not of the form https://host:port",
		"s3://bucket?endpoint=ftp://host":        "endpoint is not of the form https://host:port",
		"s3://bucket?endpoint=http://":           "endpoint is not of the form https://host:port",
		"s3://bucket?endpoint=http://u:HIDDEN@h": "endpoint is not of the form https://host:port",
		"s3://bucket?region=%zz":                 "not of the form name=value",
		"s3://bucket?region=a;b=HIDDEN":          "not of the form name=value",
	} {
		_, err := parse(address)
		if err == nil || base.KindOf(err) != base.Config || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", address, err, words)
			continue
		}
		if strings.Contains(err.Error(), "HIDDEN") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q", address, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("s3://bucket/a/b?region=r&endpoint=http://h&path-style=true")
	f.Add("s3://u:p@bucket")
	f.Fuzz(func(t *testing.T, address string) {
		p, err := parse(address)
		if err != nil {
			return
		}
		again, err := parse(p.String())
		if err != nil || again.bucket != p.bucket || again.prefix != p.prefix {
			t.Errorf("%q is %s, which is %+v, %v", address, p, again, err)
		}
	})
}
