package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) {
	if len(os.Args) == 0 {
		main() // never, but what it calls is now part of the test, whose result is cached until it changes
	}
	dir, err := os.MkdirTemp("", "wordcount")
	if err == nil {
		binary = filepath.Join(dir, "wordcount")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wordcount is the program with its settings; dir is where it is started.
type wordcount struct{ input, output, dir string }

// ran is a run that has ended.
type ran struct {
	code           int
	stdout, stderr string
}

// running is a run that has not.
type running struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	lines          chan string // of standard error
}

// start starts the program. It is killed when it takes too long, or at the end of the test.
func (w wordcount) start(t *testing.T, flags ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &running{Cmd: exec.CommandContext(ctx, binary, flags...), lines: make(chan string, 1000)}
	r.Dir = w.dir
	r.Env = append(os.Environ(), "WORDCOUNT_INPUT="+w.input, "WORDCOUNT_OUTPUT="+w.output)
	r.Stdout = &r.stdout
	pipe, err := r.StderrPipe()
	must(t, err)
	must(t, r.Start())
	go func() {
		defer close(r.lines)
		for in := bufio.NewScanner(pipe); in.Scan(); {
			r.lines <- in.Text()
		}
	}()
	return r
}

// waitFor returns the next line on standard error that contains a text.
func (r *running) waitFor(t *testing.T, text string) string {
	t.Helper()
	for line := range r.lines {
		fmt.Fprintln(&r.stderr, line)
		if strings.Contains(line, text) {
			return line
		}
	}
	t.Fatalf("it ended (%v) without saying %q: %s", r.Wait(), text, r.stderr.String())
	return ""
}

// wait returns what the program has left when it has ended.
func (r *running) wait(t *testing.T) ran {
	t.Helper()
	for line := range r.lines {
		fmt.Fprintln(&r.stderr, line)
	}
	err := r.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return ran{r.ProcessState.ExitCode(), r.stdout.String(), r.stderr.String()}
}

func (w wordcount) run(t *testing.T, flags ...string) ran {
	t.Helper()
	return w.start(t, flags...).wait(t)
}
