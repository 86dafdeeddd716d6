package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// into runs a job that writes its input into two directories.
func into(t *testing.T, one, two string) error {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in.txt")
	if err := os.WriteFile(in, []byte("a\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := func(dst []byte, row *string) []byte { return append(dst, *row...) }
	job := aquifer.NewJob("job")
	rows := aquifer.From(job, "in", file.Lines(in))
	aquifer.To(rows, "one", file.WriteText(one, text))
	aquifer.To(rows, "two", file.WriteText(two, text))
	_, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 1, Restarts: -1})
	return err
}

func TestTwoSinksOfAJobDoNotWriteIntoOneDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".", "link"); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{
		"out", "./out/", "x/../out", filepath.Join(here, "out"), filepath.Join("link", "out"),
	} {
		err := into(t, "out", same)
		if base.KindOf(err) != base.Config {
			t.Fatalf("%s: %v", same, err)
		}
		for _, word := range []string{`"one"`, `"two"`, "out", "a place of its own"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %s", same, err, word)
			}
		}
		if _, err := os.Stat("out"); err == nil {
			t.Error("the directory was made")
		}
	}
}

func TestSinksOfAJobWriteIntoDirectoriesBesideAndBelowEachOther(t *testing.T) {
	for _, c := range [][2]string{{"out/one", "out/two"}, {"out", "out/two"}, {"out", "out2"}} {
		dir := t.TempDir()
		one, two := filepath.Join(dir, c[0]), filepath.Join(dir, c[1])
		if err := into(t, one, two); err != nil {
			t.Errorf("%q: %v", c, err)
		}
		for _, d := range []string{one, two} {
			if files, err := filepath.Glob(filepath.Join(d, "part-*.txt")); err != nil || len(files) != 1 {
				t.Errorf("%q: %q in %s, %v", c, files, d, err)
			}
		}
	}
}
