package control

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestAJobIsFoundByItsNameAndGoneWhenItHasEnded(t *testing.T) {
	dir := home(t)
	s := serve(t, "orders", Auto)
	if filepath.Dir(s.Path) != dir {
		t.Errorf("the socket is %s, not in %s", s.Path, dir)
	}
	j, err := find(t, "orders").Job(t.Context())
	must(t, err)
	if j.Name != "orders" || j.Process != os.Getpid() || j.Socket != s.Path || j.State != "/state" || j.Started == 0 {
		t.Errorf("%+v", j)
	}
	if all := List(t.Context()); len(all) != 1 || all[0].Socket != s.Path {
		t.Errorf("%+v", all)
	}
	must(t, s.End(Outcome{}))
	if all := List(t.Context()); len(all) != 0 || len(sockets(dir)) != 0 {
		t.Errorf("%+v, %v", all, sockets(dir))
	}
	_, err = Find(t.Context(), "orders")
	mustSay(t, err, base.Config, `no job "orders" runs, nor any other`)
}

func TestNobodyElseCanConnect(t *testing.T) {
	dir := home(t)
	must(t, os.Mkdir(dir, 0o777)) // of somebody careless
	must(t, os.Chmod(dir, 0o777))
	s := serve(t, "orders", Auto)
	for path, want := range map[string]os.FileMode{dir: 0o700, s.Path: 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v; %v", path, info.Mode().Perm(), want, err)
		}
	}
}

func TestAJobWithoutASessionIsFoundByOneWith(t *testing.T) {
	dir := home(t)
	session := os.Getenv("XDG_RUNTIME_DIR")
	t.Setenv("XDG_RUNTIME_DIR", "")
	s := serve(t, "orders", Auto)
	t.Setenv("XDG_RUNTIME_DIR", session)
	if all := List(t.Context()); filepath.Dir(s.Path) == dir || len(all) != 1 || all[0].Socket != s.Path {
		t.Errorf("%s, %+v", s.Path, all)
	}
}

func TestTwoJobsOfOneNameAreToldApartByTheirSockets(t *testing.T) {
	home(t)
	a, b := serve(t, "orders", Auto), serve(t, "orders", Auto)
	serve(t, "bids", Auto)
	if all := List(t.Context()); len(all) != 3 || all[0].Name != "bids" {
		t.Errorf("%+v", all)
	}
	_, err := Find(t.Context(), "orders")
	mustSay(t, err, base.Config, `2 jobs are named "orders"`, a.Path, b.Path)
	_, err = Find(t.Context(), "asks")
	mustSay(t, err, base.Config, `no job "asks" runs: there is bids, orders`)
	if j, err := find(t, b.Path).Job(t.Context()); err != nil || j.Socket != b.Path {
		t.Errorf("%+v, %v", j, err)
	}
}

// stale leaves a socket behind as a process does that is killed.
func stale(t *testing.T, path string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
}

func TestWhatAKilledProcessLeftIsRemoved(t *testing.T) {
	for name, look := range map[string]func(t *testing.T){
		"by a list":       func(t *testing.T) { List(t.Context()) },
		"by the next job": func(t *testing.T) { serve(t, "orders", Auto) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(home(t), "left.sock")
			stale(t, path)
			look(t)
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it is there: %v", err)
			}
		})
	}
}

func TestAJobTakesThePathOfAKilledOne(t *testing.T) {
	path := filepath.Join(home(t), "left.sock")
	stale(t, path)
	serve(t, "orders", path)
	if j, err := find(t, path).Job(t.Context()); err != nil || j.Name != "orders" {
		t.Errorf("%+v, %v", j, err)
	}
}

func TestAPathThatCannotBeASocketIsOneClearError(t *testing.T) {
	dir := home(t)
	must(t, os.MkdirAll(dir, 0o700))
	file := filepath.Join(dir, "notes.txt")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	long := filepath.Join(dir, strings.Repeat("x", 108-len(dir)-1))
	for path, words := range map[string][]string{
		long: {"108 bytes", "at most 103", "choose a shorter one"},
		file: {"notes.txt", "in use", "choose another one"},
		serve(t, "bids", filepath.Join(dir, "bids.sock")).Path: {"bids.sock", "in use"},
		filepath.Join(dir, "none", "x.sock"):                   {"x.sock", "no such file", "choose a path"},
	} {
		_, err := Serve(Config{Path: path, Plan: graph("orders")})
		mustSay(t, err, base.Config, words...)
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q has several lines", err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
}

func TestALongNameOrOneWithSlashesHasASocket(t *testing.T) {
	home(t)
	for _, name := range []string{"a/b c", "../x", strings.Repeat("long", 60), ".", "é"} {
		s := serve(t, name, Auto)
		if j, err := find(t, name).Job(t.Context()); err != nil || j.Socket != s.Path {
			t.Errorf("%q: %+v, %v", name, j, err)
		}
	}
}

func TestWhoStopsOrCancelsAJobHearsHowItEnded(t *testing.T) {
	home(t)
	for name, c := range map[string]struct {
		ask  func(Client) func(context.Context) (Outcome, error)
		what func(*served) chan struct{}
	}{
		"stop": {func(c Client) func(context.Context) (Outcome, error) {
			return func(ctx context.Context) (Outcome, error) { return c.Stop(ctx, false) }
		}, func(s *served) chan struct{} { return s.stops }},
		"cancel": {func(c Client) func(context.Context) (Outcome, error) { return c.Cancel },
			func(s *served) chan struct{} { return s.cancels }},
	} {
		s := serve(t, name, Auto)
		answer := inBackground(c.ask(find(t, name)))
		<-c.what(s)
		must(t, s.End(Outcome{LastCheckpoint: 7, Error: "x"}))
		want := Outcome{LastCheckpoint: 7, Error: "x", State: "/state"}
		if got := <-answer; got.err != nil || got.outcome != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestARequestThatCannotBeFulfilledSaysWhy(t *testing.T) {
	home(t)
	s := serve(t, "orders", Auto)
	client := find(t, "orders")
	_, err := client.Checkpoint(t.Context())
	mustSay(t, err, base.Failed, "manual: the job does not run")
	_, err = client.Savepoint(t.Context())
	mustSay(t, err, base.Failed, "savepoint: the job does not run")
	s.State = ""
	for _, take := range []func() error{
		func() error { _, err := client.Savepoint(t.Context()); return err },
		func() error { _, err := client.Stop(t.Context(), true); return err },
	} {
		mustSay(t, take(), base.Failed, "state is in memory only", "--state")
	}
	if _, err := client.Job(t.Context()); err != nil {
		t.Errorf("it is stopped: %v", err)
	}
}

func TestAClientWhoGoesDoesNotKeepTheJobFromEnding(t *testing.T) {
	home(t)
	s := serve(t, "orders", Auto)
	client := find(t, "orders")
	ctx, cancel := context.WithCancel(t.Context())
	answer := inBackground(func(context.Context) (Outcome, error) { return client.Stop(ctx, false) })
	<-s.stops
	cancel()
	if got := <-answer; got.err == nil {
		t.Errorf("%+v", got)
	}
	must(t, s.End(Outcome{}))
}

// A socket that another process has put in the place of the own one is not removed.
func TestOnlyTheOwnSocketIsRemoved(t *testing.T) {
	dir := home(t)
	path := filepath.Join(dir, "orders.sock")
	must(t, os.MkdirAll(dir, 0o700))
	first := serve(t, "first", path)
	must(t, os.Remove(path))
	serve(t, "second", path)
	must(t, first.End(Outcome{}))
	if j, err := find(t, path).Job(t.Context()); err != nil || j.Name != "second" {
		t.Errorf("%+v, %v", j, err)
	}
}

func TestWhatIsNoJobSaysSo(t *testing.T) {
	dir := home(t)
	must(t, os.MkdirAll(dir, 0o700))
	path := filepath.Join(dir, "other.sock")
	l, err := net.Listen("unix", path)
	must(t, err)
	other := &http.Server{Handler: http.NotFoundHandler()}
	done := make(chan error, 1)
	go func() { done <- other.Serve(l) }()
	_, err = Client{path}.Savepoint(t.Context())
	mustSay(t, err, base.Failed, path, "404", "another version")
	if all := List(t.Context()); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	must(t, other.Close())
	<-done
	_, err = Client{path}.Savepoint(t.Context())
	mustSay(t, err, base.Failed, path, "does not answer")
}
