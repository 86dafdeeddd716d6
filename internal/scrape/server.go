package scrape

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/serving"
)

const (
	// Bounds on what a client may make the server wait for.
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second
	idleTimeout  = 2 * time.Minute
	// parallelScrapes is how many scrapes are answered at a time; others are told to come again.
	parallelScrapes = 4
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
	http     *serving.Server
	samples  atomic.Pointer[[]metric.Sample]
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
	s := &Server{listener: listener}
	s.samples.Store(new([]metric.Sample))
	s.http = serving.Serve(listener, &http.Server{
		Handler:     guarded(secret, s.pages(c.Job)),
		ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
	})
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

// Tell has scrapes answered with these samples from now on. They must not be changed afterwards.
func (s *Server) Tell(samples []metric.Sample) { s.samples.Store(&samples) }

// URL is where the metrics are, with the port that was chosen.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + "/metrics" }

// Close ends the serving, waits a little for scrapes under way, and for all that belongs to the server. An error is
// what ended the serving before.
func (s *Server) Close() error {
	if err := s.http.Close(); err != nil {
		return fmt.Errorf("metrics were not served to the end: %w", err)
	}
	return nil
}
