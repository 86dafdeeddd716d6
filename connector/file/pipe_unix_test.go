//go:build unix

package file

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// makePipe makes a named pipe.
func makePipe(t *testing.T, path string) string {
	t.Helper()
	must(t, unix.Mkfifo(path, 0o600))
	return path
}

// To open a pipe that nobody writes to would take for ever.
func TestANamedPipeIsRefusedAndNotOpened(t *testing.T) {
	dir := t.TempDir()
	pipe := makePipe(t, filepath.Join(dir, "pipe.txt"))
	for _, path := range []string{pipe, filepath.Join(dir, "*.txt")} {
		for _, first := range []bool{true, false} {
			_, err := Lines(path).Discover(t.Context(), flow.Known{First: first, Has: none})
			if base.KindOf(err) != base.Config {
				t.Errorf("%s: %v", path, err)
				continue
			}
			for _, want := range []string{pipe + " is not a regular file", "standard input", "path -"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
		}
	}
}

func TestAPipeInADirectoryIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	makePipe(t, filepath.Join(dir, "pipe"))
	write(t, filepath.Join(dir, "file"), "a\n")
	if rows, _ := readAll(t, Lines(dir), 10, false); strings.Join(rows, "") != "a" {
		t.Errorf("%q", rows)
	}
}
