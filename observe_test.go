package aquifer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/metric"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// anyPort is a loopback address.
const anyPort = "127.0.0.1:0"

// watched keeps what the events of a run say of its metrics, and reads them.
type watched struct {
	t      *testing.T
	url    string
	header string // Authorization
}

// get is what the server answers now.
func (w *watched) get() (status int, body string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url, nil)
	if err != nil {
		w.t.Error(err)
		return 0, ""
	}
	if w.header != "" {
		r.Header.Set("Authorization", w.header)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		w.t.Error(err)
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Error(err)
	}
	return response.StatusCode, string(text)
}

// scrape returns what is served now, by identity.
func (w *watched) scrape() map[string]float64 {
	w.t.Helper()
	status, body := w.get()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if status != http.StatusOK || err != nil {
		w.t.Errorf("status %d, %v", status, err)
	}
	for _, m := range metric.All {
		if f := families[m.Name]; f != nil && !strings.EqualFold(f.GetType().String(), string(m.Type)) {
			w.t.Errorf("%s is a %s", m.Name, f.GetType())
		}
	}
	values := map[string]float64{}
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		if values[line[:at]], err = strconv.ParseFloat(strings.TrimSpace(line[at:]), 64); err != nil {
			w.t.Error(err)
		}
	}
	return values
}

// gone checks that nobody listens any more.
func (w *watched) gone() {
	w.t.Helper()
	address := strings.TrimSuffix(strings.TrimPrefix(w.url, "http://"), "/metrics")
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		w.t.Errorf("%s is still served", w.url)
	}
}

func TestMetricsAreServedAsTheyAreWhileAJobRuns(t *testing.T) {
	w := &watched{t: t}
	var last map[string]float64
	r := mustRun(t, large("process", manyKeys+manyKeys/10, nil, newCollected[string]()), RunOptions{
		Parallelism: 2, MaxParallelism: 8, Memory: someMemory, objects: mem.New(), Metrics: anyPort,
		OnEvent: func(e Event) {
			switch e := e.(type) {
			case MetricsServed:
				w.url = e.URL
			case Progress:
				last = w.scrape()
			}
		},
	})
	for id, want := range metric.Map(r.Metrics) {
		if got, ok := last[id]; !ok || got != want {
			t.Errorf("%s was %g at last, %v; the result says %g", id, got, ok, want)
		}
	}
	for _, m := range metric.All {
		told := slices.ContainsFunc(r.Metrics, func(s Sample) bool { return strings.HasPrefix(s.Name, m.Name) })
		if !told && !ofCalls(m.Name) {
			t.Errorf("nothing is told of %s", m.Name)
		}
	}
	for _, name := range []string{"go_goroutines", "process_cpu_seconds_total"} {
		if last[name] == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	w.gone()
}

func TestAJobThatIsRestartedKeepsServing(t *testing.T) {
	w := &watched{t: t}
	failed := false
	fail := func(n int64) error {
		if n > 3000 && !failed {
			failed = true
			return errors.New("not now")
		}
		return nil
	}
	const rows = `aquifer_operator_rows_in_total{operator="count",subtask="0"}`
	var between, after map[string]float64
	job := countJob(numbers{end: 5000, splits: 1, batch: 7}, newCollected[string](), fail)
	mustRun(t, job, RunOptions{Parallelism: 1, Metrics: anyPort, OnEvent: func(e Event) {
		switch e := e.(type) {
		case MetricsServed:
			w.url = e.URL
		case Restarting:
			between = w.scrape()
		case Progress:
			after = w.scrape()
		}
	}})
	if between[metric.Restarts] != 1 || between[rows] == 0 {
		t.Errorf("between the attempts: %g restarts, %g rows", between[metric.Restarts], between[rows])
	}
	if after[metric.Restarts] != 1 || after[rows] != 5000 {
		t.Errorf("at the end: %g restarts, %g rows", after[metric.Restarts], after[rows])
	}
	w.gone()
}

func TestWhoHasNoCredentialsGetsNoMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{anyPort, ":0"} {
		w := &watched{t: t}
		heard := false
		job := countJob(numbers{end: 10, splits: 1, batch: 7}, newCollected[string](), nil)
		mustRun(t, job, RunOptions{Metrics: address, MetricsCredentials: path, OnEvent: func(e Event) {
			if s, ok := e.(MetricsServed); ok {
				w.url, heard = s.URL, true
				for header, want := range map[string]int{"": 401, "Bearer abd": 401, "Basic abc": 401, "Bearer abc": 200} {
					w.header = header
					if status, body := w.get(); status != want || want == 401 && strings.Contains(body, "go_") {
						t.Errorf("%s with %q: status %d, %q", address, header, status, body)
					}
				}
			}
		}})
		if !heard {
			t.Errorf("%s was not served", address)
		}
		w.gone()
	}
}

func TestMetricsThatCannotBeServedAreRefusedBeforeAnythingIsTouched(t *testing.T) {
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for want, o := range map[string]RunOptions{
		"address already in use":          {Metrics: l.Addr().String()},
		"could be read by other machines": {Metrics: ":0"},
		"missing port":                    {Metrics: "localhost"},
		"no such file":                    {Metrics: anyPort, MetricsCredentials: "/does/not/exist"},
		"no address to serve them at":     {MetricsCredentials: "/does/not/exist"},
	} {
		o.State = filepath.Join(t.TempDir(), "state")
		o.OnEvent = func(e Event) { t.Errorf("%s: %T", want, e) }
		job := countJob(numbers{end: 10, splits: 1, batch: 7}, newCollected[string](), nil)
		_, err := job.Run(t.Context(), o)
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := os.Stat(o.State); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the state was touched: %v", want, err)
		}
	}
}

func TestAJobThatCannotRunServesNoMetricsAnyMore(t *testing.T) {
	w := &watched{t: t}
	job := countJob(numbers{end: 10, splits: 1, batch: 7}, newCollected[string](), nil)
	_, err := job.Run(t.Context(), RunOptions{From: 7, Metrics: anyPort, OnEvent: func(e Event) {
		if s, ok := e.(MetricsServed); ok {
			w.url = s.URL
			w.scrape() // before there is any number of the job
		}
	}})
	if err == nil {
		t.Error("it ran from a checkpoint that does not exist")
	}
	w.gone()
}

// logged are the records of a JSON log.
func logged(t *testing.T, text string) (records []map[string]any) {
	t.Helper()
	for line := range strings.Lines(text) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		records = append(records, r)
	}
	return records
}

func TestALoggerHearsTheStoryOfARun(t *testing.T) {
	failed := make(chan struct{})
	var once sync.Once
	fail := func(n int64) (err error) {
		if n == 1000 {
			once.Do(func() {
				close(failed)
				err = errors.New("not now")
			})
		}
		return err
	}
	gate := func(next int64) error {
		if next > 4900 {
			<-failed // the end is not reached before
		}
		return nil
	}
	var log, out bytes.Buffer
	job := countJob(numbers{end: 5000, splits: 1, batch: 7, gate: gate}, newCollected[string](), fail)
	r, err := RunUntilSignal(t.Context(), job, RunOptions{
		Parallelism: 1, Metrics: anyPort, CheckpointInterval: -1, Logger: slog.New(slog.NewJSONHandler(&log, nil)),
	}, &out)
	if err != nil || r.Restarts != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	var told []string
	for _, r := range logged(t, log.String()) {
		told = append(told, r["msg"].(string))
		if r["job"] != "count" {
			t.Errorf("%v is of job %v", r["msg"], r["job"])
		}
		if failure, _ := r["error"].(string); (r["msg"] == "restarting") != strings.Contains(failure, "not now") {
			t.Errorf("%v", r)
		}
	}
	want := []string{
		"metrics served", "tasks started", "restarting", "tasks started", "sources ended", "checkpoint completed",
		"job finished",
	}
	if !slices.Equal(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
	if out.Len() > 0 {
		t.Errorf("progress is shown beside: %q", out.String())
	}
}

func TestARunThatFailsSaysSoInItsLog(t *testing.T) {
	var log bytes.Buffer
	never := func(int64) error { return errors.New("never") }
	job := countJob(numbers{end: 10, splits: 1, batch: 7}, newCollected[string](), never)
	_, err := job.Run(t.Context(), RunOptions{Restarts: -1, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	records := logged(t, log.String())
	last := records[len(records)-1]
	if err == nil || last["msg"] != "job failed" || last["level"] != "ERROR" || last["error"] != err.Error() {
		t.Errorf("%v, %v", last, err)
	}
}

func TestALogHasOneOfTwoFormats(t *testing.T) {
	var logger *slog.Logger
	f := &logFlag{logger: &logger}
	if err := f.Set("xml"); err == nil || logger != nil || f.String() != "" {
		t.Errorf("%v, %v, %s", err, logger, f)
	}
	for _, format := range []string{"text", "json"} {
		logger = nil
		err := f.Set(format)
		if err != nil || logger == nil || f.String() != format || !logger.Enabled(t.Context(), slog.LevelInfo) {
			t.Errorf("%v, %v, %s", err, logger, f)
		}
	}
}

// With state larger than memory, the log has what became of it: once in ten seconds, and at the end.
func TestALogTellsWhatStateDid(t *testing.T) {
	var log bytes.Buffer
	var took time.Duration
	mustRun(t, large("process", manyKeys+manyKeys/10, nil, newCollected[string]()), RunOptions{
		Parallelism: 1, MaxParallelism: 8, Memory: someMemory, CheckpointInterval: 20 * time.Millisecond,
		objects: mem.New(), Logger: slog.New(slog.NewJSONHandler(&log, nil)),
		OnEvent: func(e Event) {
			if p, ok := e.(Progress); ok {
				took = p.Elapsed
			}
		},
	})
	count := map[string]int{}
	for _, r := range logged(t, log.String()) {
		count[r["msg"].(string)]++
	}
	most := 1 + int(took/(10*time.Second))
	if n := count["state evicted"]; n == 0 || n > most || count["block cache missed"] == 0 {
		t.Errorf("after %v: %v", took, count)
	}
}
