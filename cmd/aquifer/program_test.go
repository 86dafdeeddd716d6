package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is the command, built once.
var binary string

func TestMain(m *testing.M) {
	if len(os.Args) == 0 {
		main() // never, but what it calls is now part of the test, whose result is cached until it changes
	}
	dir, err := os.MkdirTemp("", "aquifer")
	if err == nil {
		binary = filepath.Join(dir, "aquifer")
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

// ran is a command that has ended.
type ran struct {
	code           int
	stdout, stderr string
}

// running is a command that has not. Its lines come from standard output and standard error alike.
type running struct {
	*exec.Cmd
	lines          chan line
	stdout, stderr strings.Builder
}

type line struct {
	text string
	to   *strings.Builder
}

// start starts the command in a home directory. It is killed when it takes too long, or after the test.
func start(t *testing.T, home string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &running{Cmd: exec.CommandContext(ctx, binary, args...), lines: make(chan line, 1000)}
	r.Env = append(os.Environ(), "HOME="+home, "XDG_CACHE_HOME="+filepath.Join(home, "cache"))
	stdout, err := r.StdoutPipe()
	must(t, err)
	stderr, err := r.StderrPipe()
	must(t, err)
	must(t, r.Start())
	ended := make(chan struct{})
	read := func(in *bufio.Scanner, to *strings.Builder) {
		for in.Scan() {
			r.lines <- line{in.Text(), to}
		}
		ended <- struct{}{}
	}
	go read(bufio.NewScanner(stdout), &r.stdout)
	go read(bufio.NewScanner(stderr), &r.stderr)
	go func() {
		<-ended
		<-ended
		close(r.lines)
	}()
	return r
}

// waitFor returns the next line that contains a text.
func (r *running) waitFor(t *testing.T, text string) string {
	t.Helper()
	for l := range r.lines {
		fmt.Fprintln(l.to, l.text)
		if strings.Contains(l.text, text) {
			return l.text
		}
	}
	t.Fatalf("it ended (%v) without saying %q: %s", r.Wait(), text, r.stderr.String())
	return ""
}

// wait returns what the command has left when it has ended.
func (r *running) wait(t *testing.T) ran {
	t.Helper()
	for l := range r.lines {
		fmt.Fprintln(l.to, l.text)
	}
	err := r.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return ran{r.ProcessState.ExitCode(), r.stdout.String(), r.stderr.String()}
}

// interrupt sends what Ctrl-C sends.
func (r *running) interrupt(t *testing.T) { must(t, r.Process.Signal(os.Interrupt)) }

// command runs it to its end.
func command(t *testing.T, args ...string) ran {
	t.Helper()
	return start(t, t.TempDir(), args...).wait(t)
}

// succeed runs the command, which must.
func succeed(t *testing.T, args ...string) ran {
	t.Helper()
	r := command(t, args...)
	if r.code != 0 {
		t.Fatalf("%q: exit code %d: %s", args, r.code, r.stderr)
	}
	return r
}

// parse decodes the JSON that a command printed.
func parse[T any](t *testing.T, r ran) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader([]byte(r.stdout)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%q is not one JSON value: %v", r.stdout, err)
	}
	return v
}
