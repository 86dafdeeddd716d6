package control

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustSay checks an error's kind and the words that make it useful.
func mustSay(t *testing.T, err error, kind base.Kind, words ...string) {
	t.Helper()
	if err == nil || base.KindOf(err) != kind {
		t.Fatalf("error %v of kind %v, want one of kind %v", err, base.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

// home gives the test a user's directories of its own, with short paths, and returns that of sockets.
func home(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "run")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("XDG_RUNTIME_DIR", dir)
	t.Setenv("HOME", filepath.Join(dir, "home"))
	t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
	return filepath.Join(dir, "aquifer")
}

// graph is the plan of a job with a source, an operator with keys and a sink.
func graph(name string) *plan.Physical {
	g := &plan.Graph{Name: name}
	rows := operator.RowTypeOf[int64]()
	in := g.Add(&plan.Node{UID: "in", Name: "in", Parallelism: 2, Outputs: []operator.RowType{rows}, Source: &plan.Source{}})
	count := g.Add(&plan.Node{UID: "c", Name: "count", Outputs: []operator.RowType{rows}})
	count.Inputs = []plan.Edge{{From: in, Exchange: operator.Hash}}
	out := g.Add(&plan.Node{UID: "out", Name: "out", Sink: &plan.Sink{}})
	out.Inputs = []plan.Edge{{From: count, Exchange: operator.Forward}}
	p, err := plan.Compile(g, plan.Options{Parallelism: 3, MaxParallelism: 8})
	if err != nil {
		panic(err)
	}
	return p
}

// parted is the plan of a job of two pipelines that have nothing to do with each other.
func parted() *plan.Physical {
	g := &plan.Graph{Name: "parted"}
	rows := operator.RowTypeOf[int64]()
	for _, i := range []string{" 0", " 1"} {
		in := g.Add(&plan.Node{UID: "in" + i, Name: "in" + i, Outputs: []operator.RowType{rows}, Source: &plan.Source{}})
		out := g.Add(&plan.Node{UID: "out" + i, Name: "out" + i, Sink: &plan.Sink{}})
		out.Inputs = []plan.Edge{{From: in, Exchange: operator.Forward}}
	}
	p, err := plan.Compile(g, plan.Options{Parallelism: 1, MaxParallelism: 8})
	if err != nil {
		panic(err)
	}
	return p
}

// served is a job whose socket is served, and what was asked of it.
type served struct {
	*Server
	stops, cancels chan struct{}
}

// serve serves a job that does nothing, until the end of the test.
func serve(t *testing.T, name, path string) *served {
	t.Helper()
	s := &served{stops: make(chan struct{}, 9), cancels: make(chan struct{}, 9)}
	var err error
	s.Server, err = Serve(Config{
		Path: path, Plan: graph(name), State: "/state", Requests: &coordinator.Requests{},
		Stop: func() { s.stops <- struct{}{} }, Cancel: func() { s.cancels <- struct{}{} },
	})
	must(t, err)
	t.Cleanup(func() {
		select {
		case <-s.ended:
		default:
			must(t, s.End(Outcome{}))
		}
	})
	return s
}

// find is a client of the only job with the name.
func find(t *testing.T, which string) Client {
	t.Helper()
	c, err := Find(t.Context(), which)
	must(t, err)
	return c
}

// asked is what a request returns, when it does.
type asked struct {
	outcome Outcome
	err     error
}

// inBackground makes a request.
func inBackground(ask func(context.Context) (Outcome, error)) <-chan asked {
	answer := make(chan asked, 1)
	go func() {
		o, err := ask(context.Background())
		answer <- asked{o, err}
	}()
	return answer
}

var errBroken = errors.New("broken")
