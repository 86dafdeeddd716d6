package scrape

import (
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/metric"
)

func TestTheFirstPageLeadsToTheMetrics(t *testing.T) {
	s := served(t, Config{Address: loopback, Job: "sales"})
	root := strings.TrimSuffix(s.URL(), "metrics")
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{http.MethodGet, "", 200, "Aquifer runs the job sales.\n\n/metrics has its numbers, for Prometheus.\n"},
		{http.MethodHead, "", 200, ""},
		{http.MethodGet, "metrics", 200, ""},
		{http.MethodHead, "metrics", 200, ""},
		{http.MethodGet, "metric", 404, ""},
		{http.MethodGet, "debug/pprof/", 404, ""},
		{http.MethodPost, "metrics", 405, ""},
		{http.MethodPost, "", 405, ""},
	} {
		a := ask(t, c.method, root+c.path, "")
		if a.StatusCode != c.status || c.body != "" && a.body != c.body {
			t.Errorf("%s /%s: %d, %q", c.method, c.path, a.StatusCode, a.body)
		}
		if kind := a.Header.Get("Content-Type"); c.status == 200 && !strings.HasPrefix(kind, "text/plain;") {
			t.Errorf("%s /%s is %s", c.method, c.path, kind)
		}
	}
}

func TestCredentialsAreAskedForOnEveryPage(t *testing.T) {
	for file, c := range map[string]struct{ right, wrong, challenge string }{
		"abc":   {"Bearer abc", "Bearer abd", `Bearer realm="metrics"`},
		"ann:x": {"Basic YW5uOng=", "Basic YW5uOnk=", `Basic realm="metrics"`},
	} {
		s := served(t, Config{Address: loopback, Credentials: fileWith(t, file)})
		root := strings.TrimSuffix(s.URL(), "metrics")
		for _, url := range []string{root, s.URL(), root + "other"} {
			for _, shown := range []string{"", c.wrong} {
				a := ask(t, http.MethodGet, url, shown)
				if a.StatusCode != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") != c.challenge ||
					a.body != "credentials are needed\n" {
					t.Errorf("%s with %q: %d, %q, %q", url, shown, a.StatusCode, a.Header, a.body)
				}
			}
		}
		a := ask(t, http.MethodGet, s.URL(), c.right)
		if a.StatusCode != 200 || !strings.Contains(a.body, "go_goroutines") {
			t.Errorf("%d, %q", a.StatusCode, a.body)
		}
	}
}

func TestAnAddressThatOthersCanReachNeedsCredentials(t *testing.T) {
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		_, err := Serve(t.Context(), Config{Address: address})
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), "could be read by other machines") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", address, err)
		}
		s := served(t, Config{Address: address, Credentials: fileWith(t, "abc")})
		if _, port, err := net.SplitHostPort(s.listener.Addr().String()); err != nil || port == "0" {
			t.Errorf("%s became %s", address, s.URL())
		}
	}
	for _, address := range []string{"127.0.0.1:0", "127.1.2.3:0", "localhost:0"} {
		if s := served(t, Config{Address: address}); !strings.HasPrefix(s.URL(), "http://127.") &&
			!strings.HasPrefix(s.URL(), "http://[::1]:") {
			t.Errorf("%s became %s", address, s.URL())
		}
	}
}

func TestWhatCannotBeServedIsAMistakeOfConfiguration(t *testing.T) {
	used := strings.TrimSuffix(strings.TrimPrefix(served(t, Config{Address: loopback}).URL(), "http://"), "/metrics")
	for want, c := range map[string]Config{
		"address already in use":        {Address: used},
		"missing port":                  {Address: "127.0.0.1"},
		"invalid port":                  {Address: "127.0.0.1:99999"},
		"no such file":                  {Address: loopback, Credentials: "/does/not/exist"},
		"choose a free host:port":       {Address: "127.0.0.1:x"},
		"cannot be served at \"x:y:z\"": {Address: "x:y:z"},
	} {
		_, err := Serve(t.Context(), c)
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAClosedServerListensNoMore(t *testing.T) {
	s, err := Serve(context.Background(), Config{Address: loopback})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err := net.Dial("tcp", s.listener.Addr().String()); err == nil {
		c.Close()
		t.Error("it still listens")
	}
}

func TestSamplesMayBeToldDuringScrapes(t *testing.T) {
	s := served(t, Config{Address: loopback})
	var both sync.WaitGroup
	both.Go(func() {
		for i := range 1000 {
			s.Tell([]metric.Sample{{Name: metric.Restarts, Value: float64(i)}})
		}
	})
	both.Go(func() {
		for range 10 {
			ask(t, http.MethodGet, s.URL(), "")
		}
	})
	both.Wait()
	if got := families(t, s)[metric.Restarts].Metric[0].Counter.GetValue(); got != 999 {
		t.Errorf("%g", got)
	}
}
