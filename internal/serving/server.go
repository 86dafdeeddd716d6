package serving

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	longestHeader = 16 << 10
	// farewell is for how long Close waits for answers to be written.
	farewell = time.Second
)

// Server serves HTTP until it is closed. It is safe for concurrent use.
type Server struct {
	http   *http.Server
	open   sync.WaitGroup // connections
	served chan error     // has what ended the serving
}

// Serve serves the listener as h says, of which bounds on headers, ConnState and ErrorLog are set here. Both belong to the
// server from now on.
func Serve(l net.Listener, h *http.Server) *Server {
	s := &Server{http: h, served: make(chan error, 1)}
	h.ReadHeaderTimeout, h.MaxHeaderBytes = headerTimeout, longestHeader
	h.ConnState, h.ErrorLog = s.count, log.New(io.Discard, "", 0)
	go func() { s.served <- h.Serve(l) }()
	return s
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

// Close ends the serving, waits a little for requests under way, and for all that belongs to the server. An error is what
// ended the serving before. It is called once.
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
	return err
}
