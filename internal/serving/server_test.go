package serving

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen opens a port of the machine's own.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client is a connection to the listener that has said something.
func client(t *testing.T, l net.Listener, said string) net.Conn {
	t.Helper()
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := c.Write([]byte(said)); err != nil {
		t.Fatal(err)
	}
	return c
}

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

// firstLine is the status that the client is answered with.
func firstLine(t *testing.T, c net.Conn) string {
	t.Helper()
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// A client that says nothing, one in the middle of a request and one that is idle do not keep a server from its end.
func TestAClosedServerHasNoConnections(t *testing.T) {
	l := listen(t)
	s := Serve(l, &http.Server{Handler: http.NotFoundHandler()})
	client(t, l, "")
	client(t, l, "GET /met")
	if line := firstLine(t, client(t, l, request)); line != "HTTP/1.1 404 Not Found" {
		t.Error(line)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

func TestARequestUnderWayIsAnsweredBeforeTheEnd(t *testing.T) {
	l, came, answer := listen(t), make(chan struct{}), make(chan struct{})
	s := Serve(l, &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(came)
		<-answer
	})})
	c := client(t, l, request)
	<-came
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	close(answer)
	if line := firstLine(t, c); line != "HTTP/1.1 200 OK" {
		t.Error(line)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

func TestARequestThatHasNoAnswerIsCutOff(t *testing.T) {
	l, came, gone := listen(t), make(chan struct{}), make(chan struct{})
	s := Serve(l, &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(came)
		<-r.Context().Done()
		close(gone)
	})})
	client(t, l, request)
	<-came
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-gone
}

func TestALongHeaderIsRefused(t *testing.T) {
	l := listen(t)
	s := Serve(l, &http.Server{Handler: http.NotFoundHandler()})
	c := client(t, l, "GET / HTTP/1.1\r\nHost: x\r\nA: "+strings.Repeat("a", 2*longestHeader)+"\r\n\r\n")
	if line := firstLine(t, c); !strings.Contains(line, "431") {
		t.Error(line)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestAServerThatHasLostItsListenerSaysSoAtItsEnd(t *testing.T) {
	l := listen(t)
	s := Serve(l, &http.Server{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	s.served <- <-s.served // until it has noticed
	if err := s.Close(); err == nil {
		t.Error("no error")
	}
}
