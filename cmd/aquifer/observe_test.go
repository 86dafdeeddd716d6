package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/programtest"
)

// fetched is the body of a page.
func fetched(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	must(t, err)
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	must(t, err)
	return string(text)
}

func TestARunningCommandServesMetricsAndWritesALog(t *testing.T) {
	r := start(t, t.TempDir(), "quickstart", "--metrics", "127.0.0.1:0", "--log", "json")
	var served struct{ URL string }
	must(t, json.Unmarshal([]byte(r.WaitFor(t, "metrics served")), &served))
	r.WaitFor(t, "checkpoint completed") // progress has been told before
	if text := fetched(t, served.URL); !strings.Contains(text, "\n# TYPE aquifer_operator_rows_in_total counter\n") ||
		!strings.Contains(text, "\ngo_goroutines ") {
		t.Errorf("%s", text)
	}
	if text := fetched(t, strings.TrimSuffix(served.URL, "metrics")); !strings.Contains(text, "runs the job quickstart") {
		t.Errorf("%s", text)
	}
	r.Signal(t, os.Interrupt)
	mustBeALog(t, r.Wait(t), "job stopped")
}

// mustBeALog checks that a program was interrupted and wrote records, with one at the end, and nothing else.
func mustBeALog(t *testing.T, r programtest.Ran, last string) {
	t.Helper()
	if r.Code != 3 {
		t.Errorf("exit code %d", r.Code)
	}
	_, log, _ := strings.Cut(r.Stderr, "\n") // the first line says where the state is
	var record struct{ Msg, Level, Job string }
	for line := range strings.Lines(log) {
		err := json.Unmarshal([]byte(line), &record)
		if err != nil || record.Job != "quickstart" || record.Level != "INFO" {
			t.Errorf("%v: %s", err, line)
		}
	}
	if record.Msg != last {
		t.Errorf("the last record is %q", record.Msg)
	}
}

func TestWithoutALogAPersonIsToldWhereMetricsAre(t *testing.T) {
	r := succeed(t, "nexmark", "q1", "--events", "10", "--metrics", "127.0.0.1:0")
	if !strings.HasPrefix(r.Stderr, "metrics are at http://127.0.0.1:") || !strings.HasSuffix(r.Stderr, "/metrics\n") {
		t.Errorf("%q", r.Stderr)
	}
}
