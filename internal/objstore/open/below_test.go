package open

import "testing"

func TestAPartOfAPlaceIsBeforeItsParameters(t *testing.T) {
	for place, want := range map[string]string{
		"/tmp/all":                "/tmp/all/q1",
		"what?":                   "what?/q1",
		"s3://bucket":             "s3://bucket/q1",
		"s3://bucket/a/?region=x": "s3://bucket/a/q1?region=x",
		"gs://bucket/a":           "gs://bucket/a/q1",
	} {
		if got := Below(place, "q1"); got != want {
			t.Errorf("%s: %s, want %s", place, got, want)
		}
	}
}
