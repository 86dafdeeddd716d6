package nexmark

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake is a program that takes the flags of either engine and says what a run would have measured: a start of one
// second, and then so many microseconds an event, by the clock and of processor time. It writes its flags into a log
// beside it.
const fake = `#!/bin/sh
here=$(dirname "$0")
echo "$(basename "$0") $*" >> "$here/log"
micros=MICROS
while [ $# -gt 0 ]; do
	case "$1" in
	nexmark) query="$2" ;;
	--query) query="$2" ;;
	--events) events="$2" ;;
	--state) mkdir -p "$2" ;;
	--latency) timed=',"latency":{"rows":7,"p50_ms":1.5,"p99_ms":20,"max_ms":30}' ;;
	esac
	shift
done
case "$query" in
q7) echo "out of luck" >&2; exit 3 ;;
q8) echo "no figures"; exit 0 ;;
q9) events=$((events-1)) ;;
q17) failed=',"restarts":2' ;;
q18) micros=0 ;;
esac
total=$((1000000+events*micros))
seconds="$((total/1000000)).$(printf %06d $((total%1000000)))"
echo "a line before"
echo "{\"query\":\"$query\",\"events\":$events,\"rows\":5,\"wall_s\":$seconds,\"cpu_s\":$seconds,
\"state_bytes\":$events,MEMORY,\"metrics\":{\"aquifer_object_requests_total{operation=\\\"put\\\"}\":3,
\"aquifer_object_requests_total{operation=\\\"read\\\"}\":4,
\"aquifer_object_read_bytes_total\":99}$timed$failed}" | tr -d '\n'
echo
`

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script writes the fake program.
func script(t *testing.T, path, micros, memory string) {
	t.Helper()
	text := strings.NewReplacer("MICROS", micros, "MEMORY", strings.ReplaceAll(memory, `"`, `\"`)).Replace(fake)
	must(t, os.WriteFile(path, []byte(text), 0o755))
}

// quick are options with a fake Aquifer of one microsecond an event, and a fake peer of six.
func quick(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	script(t, filepath.Join(dir, "aquifer"), "1", `"peak_rss_bytes":1048576`)
	script(t, filepath.Join(dir, "run"), "6", `"peak_rss_mb":512`)
	return Options{
		Program: filepath.Join(dir, "aquifer"), Peer: dir, Events: 1_000_000, Warmup: 10, Rounds: 3, Parallelism: 2,
		Interval: 10 * time.Second, Latency: 2 * time.Second,
	}
}

// asked are the flags of all runs so far.
func asked(t *testing.T, o Options) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(o.Peer, "log"))
	must(t, err)
	return string(text)
}
