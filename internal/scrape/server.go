package scrape

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

const (
	// Bounds on what a client may make the server wait for, and hold.
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	longestHeader = 16 << 10
	// parallelScrapes is how many scrapes are answered at a time; others are told to come again.
	parallelScrapes = 4
	// farewell is for how long Close waits for scrapes under way.
	farewell = time.Second
)

// Config says what is served, where and to whom.
type Config struct {
	// Address is host:port; port 0 takes a free one.
	Address string
	// Credentials is the path of a file for ReadSecret; empty for none, which only a loopback address may have.
	Credentials string
	// Job is the name that the page at / shows.
	Job string
}

// Server serves samples until it is closed. It is safe for concurrent use.
type Server struct {
	listener net.Listener
	http     http.Server
	samples  atomic.Pointer[[]metric.Sample]
	open     sync.WaitGroup // connections
	served   chan error     // has what ended the serving
}

// Serve listens at the address and serves from then on. An address that is in use, that cannot be listened at, or
// that is not loopback and has no credentials, is an error of kind base.Config.
func Serve(ctx context.Context, c Config) (*Server, error) {
	var secret *Secret
	if c.Credentials != "" {
		read, err := ReadSecret(c.Credentials)
		if err != nil {
			return nil, err
		}
		secret = &read
	}
	listener, err := listen(ctx, c.Address, secret != nil)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener, served: make(chan error, 1)}
	s.samples.Store(new([]metric.Sample))
	s.http = http.Server{
		Handler:           guarded(secret, s.pages(c.Job)),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: longestHeader, ConnState: s.count, ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { s.served <- s.http.Serve(listener) }()
	return s, nil
}

// listen opens the address. Whether it is loopback is asked of what is open, so a name cannot mean two things.
func listen(ctx context.Context, address string, guarded bool) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, base.Errorf(base.Config, "metrics cannot be served at %q: %w; choose a free host:port, or port 0",
			address, err)
	}
	if a, ok := l.Addr().(*net.TCPAddr); guarded || ok && a.IP.IsLoopback() {
		return l, nil
	}
	return nil, errors.Join(base.Errorf(base.Config, "metrics at %q could be read by other machines: "+
		"serve them at 127.0.0.1, or name a file with credentials", address), l.Close())
}

// pages are /metrics and a page at / that leads there.
func (s *Server) pages(job string) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		collector{func() []metric.Sample { return *s.samples.Load() }})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: parallelScrapes,
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		fmt.Fprintf(w, "Aquifer runs the job %s.\n\n/metrics has its numbers, for Prometheus.\n", job)
	})
	return mux
}

// guarded lets requests through that show the secret; all, if there is none.
func guarded(secret *Secret, pages http.Handler) http.Handler {
	if secret == nil {
		return pages
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !secret.Shown(r) {
			w.Header().Set("WWW-Authenticate", secret.challenge())
			http.Error(w, "credentials are needed", http.StatusUnauthorized)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// count counts the connections that are open.
func (s *Server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed:
		s.open.Done()
	}
}

// Tell has scrapes answered with these samples from now on. They must not be changed afterwards.
func (s *Server) Tell(samples []metric.Sample) { s.samples.Store(&samples) }

// URL is where the metrics are, with the port that was chosen.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/metrics" }

// Close ends the serving, waits a little for scrapes under way, and for all that belongs to the server. An error is
// what ended the serving before.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
	err := <-s.served
	s.open.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("metrics were not served to the end: %w", err)
}
