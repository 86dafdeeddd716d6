package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/programtest"
)

// binary is the command, built once.
var binary string

func TestMain(m *testing.M) {
	if len(os.Args) == 0 {
		main() // never, but what it calls is now part of the test, whose result is cached until it changes
	}
	programtest.Main(m, &binary)
}

func must(t testing.TB, err error) {
	t.Helper()
	programtest.Must(t, err)
}

// start starts the command in a home directory.
func start(t *testing.T, home string, args ...string) *programtest.Running {
	t.Helper()
	env := []string{"HOME=" + home, "XDG_CACHE_HOME=" + filepath.Join(home, "cache")}
	return programtest.Start(t, binary, "", env, args...)
}

// command runs it to its end.
func command(t *testing.T, args ...string) programtest.Ran {
	t.Helper()
	return start(t, t.TempDir(), args...).Wait(t)
}

// succeed runs the command, which must.
func succeed(t *testing.T, args ...string) programtest.Ran {
	t.Helper()
	r := command(t, args...)
	if r.Code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, r.Code, r.Stderr)
	}
	return r
}
