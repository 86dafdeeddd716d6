package main

import (
	"os"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/programtest"
)

// binary is the program, built once.
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

// wordcount is the program with its settings; dir is where it is started.
type wordcount struct{ input, output, dir string }

func (p wordcount) start(t *testing.T, flags ...string) *programtest.Running {
	t.Helper()
	environment := []string{"WORDCOUNT_INPUT=" + p.input, "WORDCOUNT_OUTPUT=" + p.output}
	return programtest.Start(t, binary, p.dir, environment, flags...)
}

func (p wordcount) run(t *testing.T, flags ...string) programtest.Ran {
	t.Helper()
	return p.start(t, flags...).Wait(t)
}
