package gateway

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// status asks the server without credentials.
func status(s *Server) int {
	answer, err := http.Get(s.Endpoint() + "/" + bucket)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func TestAServerAnswersUntilItIsStoppedAndAgainAtTheSameAddress(t *testing.T) {
	s := Start(t)
	place := s.Place("a/b")
	for range 2 {
		if got := status(s); got != http.StatusForbidden {
			t.Fatalf("status %d", got)
		}
		s.Stop()
		s.Stop()
		if got := status(s); got != 0 {
			t.Fatalf("stopped, status %d", got)
		}
		s.Restart(t)
	}
	s.Restart(t) // one that runs
	if got := status(s); got != http.StatusForbidden || s.Place("a/b") != place {
		t.Errorf("status %d at %s", got, s.Place("a/b"))
	}
}

func TestServersAreApartAndEndWithTheirTests(t *testing.T) {
	var inner *Server
	outer := Start(t)
	t.Run("inner", func(t *testing.T) {
		inner = Start(t)
		if inner.Endpoint() == outer.Endpoint() || status(inner) == 0 {
			t.Errorf("%s and %s", inner.Endpoint(), outer.Endpoint())
		}
	})
	if status(inner) != 0 || status(outer) == 0 {
		t.Error("the wrong server ended")
	}
}

func TestWhatAServerStoresOutlivesIt(t *testing.T) {
	s := Start(t)
	if err := os.WriteFile(filepath.Join(s.dir, "data", bucket, "object"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Restart(t)
	if _, err := os.Stat(filepath.Join(s.dir, "data", bucket, "object")); err != nil {
		t.Error(err)
	}
}

// The program that cannot run is told by what it prints, and at once.
func TestAServerThatEndsIsTold(t *testing.T) {
	s := Start(t)
	second := &Server{binary: "/none", address: freeAddress(t), dir: t.TempDir()}
	told := failureOf(func(t testing.TB) { second.Restart(t) })
	if !strings.Contains(told, "/none does not answer") || status(s) == 0 {
		t.Errorf("told %q", told)
	}
}

// failureOf runs what fails its test and returns what it says.
func failureOf(f func(t testing.TB)) string {
	r := &recorder{TB: &testing.T{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r.said
}

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return context.Background() }
func (r *recorder) Fatal(args ...any)        { r.Fatalf("%v", args...) }
func (r *recorder) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestSecretsAreInTheEnvironmentOnly(t *testing.T) {
	s := &Server{address: "host:1"}
	if strings.Contains(s.Place("p"), secretKey) {
		t.Error(s.Place("p"))
	}
	t.Run("set", func(t *testing.T) {
		s.Setenv(t)
		if os.Getenv("AWS_SECRET_ACCESS_KEY") != secretKey || os.Getenv("AWS_PROFILE") != "" {
			t.Error("the environment is not set")
		}
	})
	if os.Getenv("AWS_SECRET_ACCESS_KEY") == secretKey {
		t.Error("the environment stays set")
	}
}
