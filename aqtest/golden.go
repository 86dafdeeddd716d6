package aqtest

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("aqtest.update", false, "write golden files instead of comparing with them")

// Golden compares rows with those in a file, such as testdata/counts.ndjson: a line of JSON for each, sorted, so that the
// order of rows does not matter. Run with the flag -aqtest.update, go test writes the file instead, and its directory.
func Golden[T any](t testing.TB, path string, rows []T) {
	t.Helper()
	got, err := lines(rows)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := write(path, got); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test -aqtest.update writes it", err)
	}
	want := strings.FieldsFunc(string(text), func(c rune) bool { return c == '\n' })
	if difference := differ(got, want); difference != "" {
		t.Errorf("%s: %s; go test -aqtest.update writes what there is now", path, difference)
	}
}

func write(path string, lines []string) error {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line + "\n")
	}
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(text.String()), 0o666))
}
