package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/programtest"
	"github.com/aquifer-stream/aquifer/nexmark"
)

func TestAllQueriesRunOneAfterTheOther(t *testing.T) {
	r := succeed(t, "nexmark", "all", "--events", "500", "--out", "hash", "--json")
	in := json.NewDecoder(strings.NewReader(r.Stdout))
	var names []string
	for in.More() {
		var got report
		must(t, in.Decode(&got))
		if names = append(names, got.Query); got.Events != 500 || got.Hash == nil || got.EventsPerS <= 0 {
			t.Errorf("%+v", got)
		}
	}
	if want := strings.Join(nexmark.Names(), " "); strings.Join(names, " ") != want {
		t.Errorf("%v, want %s", names, want)
	}
}

func TestEachOfAllQueriesHasStateAndFilesOfItsOwn(t *testing.T) {
	state, out := t.TempDir(), t.TempDir()
	r := succeed(t, "nexmark", "all", "--events", "100", "--state", state, "--out", out, "--parallelism", "1")
	if lines := strings.Split(r.Stdout, "\n"); len(lines) != len(nexmark.Names())+1 ||
		!strings.HasPrefix(lines[1], "q1   100 events, 0 rows: ") {
		t.Errorf("%s", r.Stdout)
	}
	for _, q := range nexmark.Names() {
		_, err := os.Stat(filepath.Join(state, q, "head"))
		must(t, err)
		_, err = os.Stat(filepath.Join(out, q))
		must(t, err)
	}
}

func TestRowsAreTimedByThePace(t *testing.T) {
	args := []string{"nexmark", "q0", "--events", "60000", "--rate", "10000", "--pace", "--speed", "20", "--latency"}
	r := programtest.Parse[report](t, succeed(t, append(args, "--json")...))
	l := r.Latency
	if l == nil || l.Rows < 18_300 || l.Rows > 18_500 || l.P50MS <= 0 || l.P99MS < l.P50MS || l.MaxMS < l.P99MS {
		t.Errorf("%+v", l)
	}
	if text := succeed(t, args...).Stdout; !strings.Contains(text, "after they were due (median; p99 ") {
		t.Errorf("%s", text)
	}
	wrong := command(t, "nexmark", "q0", "--latency")
	if wrong.Code != 2 || !strings.Contains(wrong.Stderr, "give --pace and --events") {
		t.Errorf("exit code %d: %s", wrong.Code, wrong.Stderr)
	}
}
