package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/plan"
	"github.com/aquifer-stream/aquifer/internal/serving"
)

// Config says what is served.
type Config struct {
	// Path is that of the socket, or Auto.
	Path string
	Plan *plan.Physical
	// State is where the job's checkpoints are; empty for memory only, where there are no savepoints.
	State    string
	Requests *coordinator.Requests
	// Stop ends the job after a checkpoint, Cancel at once. They are called any number of times, and return at once.
	Stop, Cancel func()
}

// Server serves a job's control socket. It is safe for concurrent use.
type Server struct {
	Config
	book    *book
	socket  fs.FileInfo
	http    *serving.Server
	ended   chan struct{} // closed when outcome is known
	outcome Outcome
}

// Serve serves the socket from now on. A path that cannot be used is an error of kind base.Config; so is each error, but
// for Auto, whose directory may be amiss without anybody's fault.
func Serve(c Config) (*Server, error) {
	var err error
	if c.Path == Auto {
		if c.Path, err = choose(c.Plan.Name); err != nil {
			return nil, fmt.Errorf("no control socket: %w", err)
		}
	}
	l, err := listen(c.Path)
	if err != nil {
		return nil, err
	}
	s := &Server{Config: c, ended: make(chan struct{})}
	s.socket, err = os.Lstat(c.Path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	s.book = newBook(c.Plan, Job{Process: os.Getpid(), Socket: c.Path, State: c.State, Started: time.Now().UnixMilli()})
	s.http = serving.Serve(l, &http.Server{Handler: s.pages()})
	return s, nil
}

// Hear takes an event of the job in.
func (s *Server) Hear(e coordinator.Event) { s.book.step(e, time.Now()) }

func (s *Server) pages() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := do(r)
			reply(w, answer, err)
		})
	}
	handle("GET /v1/job", func(*http.Request) (any, error) { return s.book.read(), nil })
	handle("POST /v1/checkpoint", func(r *http.Request) (any, error) {
		id, err := s.Requests.Checkpoint(r.Context())
		return Taken{id, s.State}, err
	})
	handle("POST /v1/savepoint", func(r *http.Request) (any, error) {
		id, err := s.savepoint(r.Context(), s.Requests.Savepoint)
		return Taken{id, s.State}, err
	})
	handle("POST /v1/stop", s.stop)
	handle("POST /v1/cancel", func(r *http.Request) (any, error) {
		s.Cancel()
		return s.end(r.Context(), 0)
	})
	return mux
}

// reply writes an answer, or an error as {"error": message}.
func reply(w http.ResponseWriter, answer any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusConflict)
		answer = failure{err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer) // whoever has gone needs no answer
}

type failure struct {
	Error string `json:"error"`
}

// savepoint refuses one that would end with the process.
func (s *Server) savepoint(ctx context.Context, take func(context.Context) (uint64, error)) (uint64, error) {
	if s.State == "" {
		return 0, errors.New("no savepoint: the job's state is in memory only (run it with --state)")
	}
	return take(ctx)
}

// stop answers when the job has ended.
func (s *Server) stop(r *http.Request) (any, error) {
	if r.URL.Query().Get("savepoint") != "true" {
		s.Stop()
		return s.end(r.Context(), 0)
	}
	id, err := s.savepoint(r.Context(), s.Requests.StopWithSavepoint)
	if err != nil {
		return nil, err
	}
	return s.end(r.Context(), id)
}

// end waits for the end of the job.
func (s *Server) end(ctx context.Context, savepoint uint64) (any, error) {
	select {
	case <-s.ended:
		o := s.outcome
		o.Savepoint, o.State = savepoint, s.State
		return o, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// End tells those who wait how the job ended, and removes the socket. It waits for all that belongs to the server, but
// for clients only a little. An error is what ended the serving before.
func (s *Server) End(o Outcome) error {
	s.outcome = o
	close(s.ended)
	if now, err := os.Lstat(s.Path); err == nil && os.SameFile(now, s.socket) {
		_ = os.Remove(s.Path) // what is left is found to be stale
	}
	if err := s.http.Close(); err != nil {
		return fmt.Errorf("the control socket was not served to the end: %w", err)
	}
	return nil
}
