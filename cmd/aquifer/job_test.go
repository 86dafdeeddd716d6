package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/checkpoint/store"
	"github.com/aquifer-stream/aquifer/internal/control"
	"github.com/aquifer-stream/aquifer/internal/programtest"
)

// paced starts a query whose events come in real time, so that it does not end, and waits until it can be asked.
func paced(t *testing.T, state string, args ...string) (r *programtest.Running, socket string) {
	t.Helper()
	r = start(t, t.TempDir(), append([]string{
		"nexmark", "q18", "--pace", "--rate", "5000", "--events", "100000000", "--state", state, "--log", "text",
	}, args...)...)
	line := r.WaitFor(t, `msg="control served"`)
	r.WaitFor(t, `msg="tasks started"`)
	_, socket, _ = strings.Cut(line, "socket=")
	return r, socket
}

// refused runs the command, which must fail with an exit code and say something.
func refused(t *testing.T, code int, words string, args ...string) {
	t.Helper()
	if r := command(t, args...); r.Code != code || !strings.Contains(r.Stderr, words) || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("%q: exit code %d, want %d with %q: %s", args, r.Code, code, words, r.Stderr)
	}
}

// jobs are those that run.
func jobs(t *testing.T) []control.Job {
	t.Helper()
	return programtest.Parse[[]control.Job](t, succeed(t, "job", "list", "--json"))
}

// objects are the paths of all objects in a state directory.
func objects(t *testing.T, state, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(state, pattern))
	must(t, err)
	return all
}

// The story of a savepoint: it is taken of a running job, which is then killed; the job goes back to it with more
// subtasks; it is deleted, and what it alone needed with it.
func TestASavepointOfARunningJobSurvivesItsEndAndIsRestoredAtAnotherParallelism(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	first, socket := paced(t, state, "--parallelism", "1", "--retain", "1", "--checkpoint-interval", "50ms")
	first.WaitFor(t, "checkpoint completed")
	all := jobs(t)
	if len(all) != 1 || all[0].Name != "nexmark-q18" || all[0].Socket != socket || all[0].State != state {
		t.Fatalf("%+v", all)
	}
	taken := programtest.Parse[control.Taken](t, succeed(t, "job", "savepoint", "nexmark-q18", "--json"))
	for range 3 { // so that the checkpoints before are retired
		first.WaitFor(t, "reason=periodic")
	}
	first.Signal(t, syscall.SIGKILL)
	first.Wait(t)
	if left := jobs(t); len(left) != 0 {
		t.Errorf("jobs %+v", left)
	}
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket of the killed process is left")
	}

	listed := programtest.Parse[[]store.Entry](t, succeed(t, "savepoint", "list", state, "--json"))
	if len(listed) != 1 || listed[0].Checkpoint != taken.Checkpoint || taken.State != state || !listed[0].Savepoint {
		t.Fatalf("%+v, taken was %+v", listed, taken)
	}
	number := strconv.FormatUint(taken.Checkpoint, 10)
	second, _ := paced(t, state, "--parallelism", "3", "--from", number, "--retain", "1", "--checkpoint-interval", "50ms")
	for range 20 { // so that what the savepoint has is compacted
		second.WaitFor(t, "reason=periodic")
	}
	stopped := programtest.Parse[control.Outcome](t, succeed(t, "job", "stop", "nexmark-q18", "--json"))
	ended := second.Wait(t)
	if ended.Code != 3 || !strings.Contains(ended.Stderr, "msg=resumed job=nexmark-q18 checkpoint="+number) || stopped.Savepoint != 0 {
		t.Errorf("exit code %d, %+v: %s", ended.Code, stopped, ended.Stderr)
	}
	m := showManifest(t, "checkpoint", "show", state)
	if m.Reason != checkpoint.ReasonStop || m.Checkpoint != stopped.LastCheckpoint || m.Operators[1].Parallelism != 3 {
		t.Errorf("checkpoint %d for %s, subtasks %d", m.Checkpoint, m.Reason, m.Operators[1].Parallelism)
	}
	mustFreeItsObjects(t, state, number)
}

// mustFreeItsObjects deletes a savepoint and what it alone needed.
func mustFreeItsObjects(t *testing.T, state, number string) {
	t.Helper()
	succeed(t, "checkpoint", "gc", state)
	before := objects(t, state, "shards/*/*")
	if r := succeed(t, "checkpoint", "verify", state); !strings.Contains(r.Stdout, "savepoint "+number+": whole, ") {
		t.Error(r.Stdout)
	}
	r := succeed(t, "savepoint", "delete", state, number)
	if want := "savepoint " + number + " is deleted"; !strings.HasPrefix(r.Stdout, want) {
		t.Errorf("%q, want %q", r.Stdout, want)
	}
	gone := programtest.Parse[[]collected](t, succeed(t, "checkpoint", "gc", state, "--json"))
	has := func(prefix string) bool {
		return slices.ContainsFunc(gone[0].Names, func(n string) bool { return strings.HasPrefix(n, prefix) })
	}
	if !has("savepoints/") || !has("shards/") || len(objects(t, state, "shards/*/*")) >= len(before) {
		t.Errorf("gc deletes %v of %v", gone[0].Names, before)
	}
	succeed(t, "checkpoint", "verify", state)
	refused(t, 2, "has no savepoint "+number, "savepoint", "delete", state, number)
	refused(t, 2, "there is no savepoint "+number, "savepoint", "show", state, number)
}

// showManifest parses what a command shows.
func showManifest(t *testing.T, args ...string) (m checkpoint.Manifest) {
	t.Helper()
	must(t, json.Unmarshal([]byte(succeed(t, args...).Stdout), &m))
	return m
}

func TestAJobIsStoppedWithASavepoint(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	job, socket := paced(t, state, "--checkpoint-interval", "1h")
	r := succeed(t, "job", "checkpoint", socket)
	if want := "checkpoint 1 is stored in " + state + "\n"; r.Stdout != want {
		t.Errorf("%q, want %q", r.Stdout, want)
	}
	r = succeed(t, "job", "stop", "--savepoint", socket)
	if want := "stopped: savepoint 2 is stored in " + state + "\n"; r.Stdout != want {
		t.Errorf("%q, want %q", r.Stdout, want)
	}
	if ended := job.Wait(t); ended.Code != 3 {
		t.Errorf("exit code %d: %s", ended.Code, ended.Stderr)
	}
	if m := showManifest(t, "savepoint", "show", state); m.Checkpoint != 2 || m.Reason != checkpoint.ReasonStopSavepoint {
		t.Errorf("savepoint %d, %s", m.Checkpoint, m.Reason)
	}
	refused(t, 2, `no job "`+socket+`" runs`, "job", "show", socket)
}

func TestACanceledJobEndsWithoutACheckpoint(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	job, _ := paced(t, state, "--checkpoint-interval", "1h")
	if r := succeed(t, "job", "cancel", "nexmark-q18"); r.Stdout != "canceled: there is no checkpoint\n" {
		t.Errorf("%q", r.Stdout)
	}
	ended := job.Wait(t)
	if ended.Code != 1 || !strings.Contains(ended.Stderr, "canceled, without a last checkpoint") {
		t.Errorf("exit code %d: %s", ended.Code, ended.Stderr)
	}
	if all := objects(t, state, "checkpoints/*"); len(all) > 0 {
		t.Errorf("%v", all)
	}
}

func TestTwoJobsAtOnceAreShownAndToldApart(t *testing.T) {
	dir := t.TempDir()
	a, socket := paced(t, filepath.Join(dir, "a"), "--checkpoint-interval", "50ms")
	short := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "b.sock")
	b, at := paced(t, filepath.Join(dir, "b"), "--control", short)
	if at != short || len(jobs(t)) != 1 {
		t.Errorf("the second is at %s, listed are %+v", at, jobs(t))
	}
	c, second := paced(t, filepath.Join(dir, "c"))
	refused(t, 2, `2 jobs are named "nexmark-q18"`, "job", "show", "nexmark-q18")
	a.WaitFor(t, "reason=periodic")
	shown := succeed(t, "job", "show", socket).Stdout
	for _, want := range []string{"nexmark-q18, process ", "OPERATOR ", "(hash)", "CHECKPOINT ", "periodic", "restarts"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	if list := succeed(t, "job", "list").Stdout; strings.Count(list, "nexmark-q18") != 2 {
		t.Error(list)
	}
	for _, path := range []string{socket, short, second} {
		succeed(t, "job", "stop", path)
	}
	for _, r := range []*programtest.Running{a, b, c} {
		if ended := r.Wait(t); ended.Code != 3 {
			t.Errorf("exit code %d: %s", ended.Code, ended.Stderr)
		}
	}
	if r := succeed(t, "job", "list"); r.Stdout != "no job runs\n" {
		t.Errorf("%q", r.Stdout)
	}
}

func TestWithoutASocketOrWithABadOneAJobSaysSo(t *testing.T) {
	long := "/" + strings.Repeat("x", 107)
	refused(t, 2, "its path has 108 bytes, and at most 103 are possible", "nexmark", "q0", "--events", "10", "--control", long)
	r := succeed(t, "nexmark", "q0", "--events", "10", "--control", "none", "--log", "text")
	if strings.Contains(r.Stderr, "control served") {
		t.Error(r.Stderr)
	}
	home := t.TempDir()
	file := filepath.Join(home, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	t.Setenv("XDG_RUNTIME_DIR", "")
	env := []string{"HOME=" + file, "XDG_CACHE_HOME=" + file}
	ran := programtest.Start(t, binary, "", env, "nexmark", "q0", "--events", "10").Wait(t)
	if ran.Code != 0 || !strings.Contains(ran.Stderr, "aquifer job cannot reach this one") {
		t.Errorf("exit code %d: %s", ran.Code, ran.Stderr)
	}
}

func TestSavepointsOfAJobWhoseStateIsInMemoryAreRefused(t *testing.T) {
	job, socket := paced(t, "")
	refused(t, 1, "state is in memory only", "job", "savepoint", socket)
	refused(t, 1, "state is in memory only", "job", "stop", "--savepoint", socket)
	succeed(t, "job", "stop", socket)
	job.Wait(t)
}
