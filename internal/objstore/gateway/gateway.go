package gateway

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	accessKey = "gateway"
	secretKey = "gateway-secret"
	bucket    = "bucket"
)

// guarded runs a program that ends when the standard input does, as it does when the process of the test ends,
// however that ends.
const guarded = `exec 3<&0
"$@" &
server=$!
{ read -r _ <&3; kill -9 "$server"; } 2>/dev/null &
wait "$server"`

// Server is a server that belongs to a test. It is used by one goroutine.
type Server struct {
	binary, address, dir string
	guard                io.Closer // the end of it ends the server
	ended                chan struct{}
}

// binary finds or builds the server, once for all tests of a package.
var binary = sync.OnceValues(func() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	script := filepath.Join(filepath.Dir(file), "..", "..", "..", "scripts", "versitygw")
	out, err := exec.Command(script).Output()
	if exit, ok := err.(*exec.ExitError); ok {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return strings.TrimSpace(string(out)), err
})

// Start starts a server with an empty bucket, and ends it with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	path, err := binary()
	must(t, err)
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "data", bucket), 0o755))
	s := &Server{binary: path, address: freeAddress(t), dir: dir}
	s.Restart(t)
	t.Cleanup(s.Stop)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// freeAddress returns an address that nobody listens at. It is none of those that the system gives to outgoing
// connections, which might take it while the server is stopped.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 100 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(20_000+rand.IntN(12_000)))
		if l, err := net.Listen("tcp", address); err == nil {
			must(t, l.Close())
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// Endpoint is the URL of the server.
func (s *Server) Endpoint() string { return "http://" + s.address }

// Place returns the address of a store in the bucket, as users give it.
func (s *Server) Place(prefix string) string {
	return "s3://" + bucket + "/" + prefix + "?region=us-east-1&path-style=true&endpoint=" + s.Endpoint()
}

// Dir is the directory in which the objects of Place can be seen, under their names.
func (s *Server) Dir(prefix string) string { return filepath.Join(s.dir, "data", bucket, prefix) }

// Env is what a process needs in its environment to use the server.
func (s *Server) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + accessKey, "AWS_SECRET_ACCESS_KEY=" + secretKey, "AWS_SESSION_TOKEN=", "AWS_PROFILE=",
		"AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	}
}

// Setenv sets Env for this process until the test ends.
func (s *Server) Setenv(t testing.TB) {
	for _, e := range s.Env() {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
}

// Stop kills the server, as a crash does: what it has acknowledged stays, connections break. Stopping twice is no
// error.
func (s *Server) Stop() {
	if s.guard != nil {
		_ = s.guard.Close()
		<-s.ended
		s.guard = nil
	}
}

// Restart starts the server again at the same address over the same data. A server that runs is stopped first.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop()
	logPath := filepath.Join(s.dir, "log")
	log, err := os.Create(logPath)
	must(t, err)
	defer log.Close()
	command := exec.Command("sh", "-c", guarded, "sh",
		s.binary, "--port", s.address, "--quiet", "--keep-alive", "posix", filepath.Join(s.dir, "data"))
	command.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+accessKey, "ROOT_SECRET_KEY="+secretKey)
	command.Stdout, command.Stderr = log, log
	s.guard, err = command.StdinPipe()
	must(t, err)
	must(t, command.Start())
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	if err := s.await(t.Context()); err != nil {
		s.Stop()
		said, _ := os.ReadFile(logPath)
		t.Fatalf("%s does not answer: %v\n%s", s.binary, err, said)
	}
}

// await waits until the server answers a request, for twenty seconds.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	retry := time.NewTicker(10 * time.Millisecond)
	defer retry.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint(), nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(r)
		if err == nil {
			return answer.Body.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-s.ended:
			return fmt.Errorf("it ended: %w", err)
		case <-retry.C:
		}
	}
}
