package programtest

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
	"slices"
	"strings"
	"testing"
	"time"
)

// Main builds the main package in the working directory under the name of that directory, hands the path of the
// binary over, runs the tests and exits. It is what a TestMain calls. Programs have their control sockets where no other
// test, nor the user, looks for them.
func Main(m *testing.M, binary *string) {
	dir, err := os.MkdirTemp("", "program")
	if err == nil {
		*binary, err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	sockets := filepath.Join(dir, "run")
	if err := errors.Join(os.Mkdir(sockets, 0o700), os.Setenv("XDG_RUNTIME_DIR", sockets)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build builds the main package in the working directory into another.
func build(dir string) (binary string, err error) {
	source, err := os.Getwd()
	if err != nil {
		return "", err
	}
	binary = filepath.Join(dir, filepath.Base(source))
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
}

// Must fails the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Ran is a program that has ended.
type Ran struct {
	Code           int
	Stdout, Stderr string
}

// Running is a program that has not. It is used by one goroutine.
type Running struct {
	command        *exec.Cmd
	lines          chan line
	stdout, stderr strings.Builder
}

// line is what the program printed, and where to.
type line struct {
	text string
	to   *strings.Builder
}

// Start starts a binary with arguments in a directory (the present one, if empty), with more in its environment.
func Start(t *testing.T, binary, dir string, env []string, args ...string) *Running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &Running{command: exec.CommandContext(ctx, binary, args...), lines: make(chan line, 1000)}
	r.command.Dir, r.command.Env = dir, append(os.Environ(), env...)
	stdout, err := r.command.StdoutPipe()
	Must(t, err)
	stderr, err := r.command.StderrPipe()
	Must(t, err)
	Must(t, r.command.Start())
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

// WaitFor returns the next line, on standard output or standard error, that contains a text.
func (r *Running) WaitFor(t *testing.T, text string) string {
	t.Helper()
	for l := range r.lines {
		fmt.Fprintln(l.to, l.text)
		if strings.Contains(l.text, text) {
			return l.text
		}
	}
	t.Fatalf("it ended (%v) without saying %q: %s", r.command.Wait(), text, r.stderr.String())
	return ""
}

// Wait returns what the program has left when it has ended.
func (r *Running) Wait(t *testing.T) Ran {
	t.Helper()
	for l := range r.lines {
		fmt.Fprintln(l.to, l.text)
	}
	err := r.command.Wait()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	return Ran{r.command.ProcessState.ExitCode(), r.stdout.String(), r.stderr.String()}
}

// Signal sends the program a signal: os.Interrupt is what Ctrl-C sends.
func (r *Running) Signal(t *testing.T, s os.Signal) {
	t.Helper()
	Must(t, r.command.Process.Signal(s))
}

// Begun says whether a checkpoint in a state directory holds state of rows. One may be taken before any row is read.
func Begun(t *testing.T, state string) bool {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(state, "checkpoints", "*.manifest"))
	Must(t, err)
	return slices.ContainsFunc(all, func(path string) bool {
		b, err := os.ReadFile(path) // what is gone by now has newer ones
		return err == nil && bytes.Contains(b, []byte(`"tables":[`))
	})
}

// Parse decodes the one JSON value that a program has printed on standard output.
func Parse[T any](t *testing.T, r Ran) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader([]byte(r.Stdout)))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || d.More() {
		t.Fatalf("%q is not one JSON value: %v", r.Stdout, err)
	}
	return v
}
