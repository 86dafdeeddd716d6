package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/bench/async"
	"github.com/aquifer-stream/aquifer/bench/checkpoint"
	"github.com/aquifer-stream/aquifer/bench/nexmark"
	"github.com/aquifer-stream/aquifer/bench/state"
	"github.com/aquifer-stream/aquifer/internal/programtest"
)

func TestStateBeyondMemoryIsMeasured(t *testing.T) {
	r := succeed(t, "bench", "state", "--keys", "5000", "--records", "1000", "--ratio", "8", "--dist", "zipf",
		"--latency", "1ms", "--compaction=false", "--json")
	got := programtest.Parse[state.Report](t, r)
	if got.Keys != 5000 || got.LatencyMS != 1 || got.CacheFraction != 0.25 || len(got.Rows) != 4 {
		t.Fatalf("%s", r.Stdout)
	}
	for i, variant := range []string{state.InMemory, state.NoCache, state.DiskCache, ""} {
		x := got.Rows[i]
		if x.Variant != variant || x.Ratio != 8 && i > 0 || x.Distribution != "zipf" || min(x.RecordsPerS, x.RecordsPerCPUS) <= 0 {
			t.Errorf("%+v", x)
		}
	}
	if !strings.Contains(r.Stderr, "1000 zipf keys, 8 times the memory, disk cache\n") {
		t.Errorf("%q", r.Stderr)
	}
}

// quickCheckpoints are the flags of a measurement that takes half a second.
var quickCheckpoints = []string{
	"bench", "checkpoint", "--short", "20ms", "--long", "40ms", "--small", "10000", "--large", "100000", "--rate", "10000",
	"--checkpoints", "2", "--throttle", "50000", "--only", "intervals,throttled",
}

func TestCheckpointsAreMeasured(t *testing.T) {
	r := succeed(t, append(quickCheckpoints, "--json")...)
	got := programtest.Parse[checkpoint.Report](t, r)
	if len(got.Rows) != 3 || got.Ratio <= 0 || got.RatePerS != 10_000 || got.Rows[2].IntervalS != 0.04 {
		t.Errorf("%s", r.Stdout)
	}
	table := succeed(t, quickCheckpoints...)
	if !strings.Contains(table.Stdout, "pause µs") || strings.Count(table.Stdout, "\n") != 11 {
		t.Errorf("%s", table.Stdout)
	}
}

func TestAMeasurementThatIsInterruptedLeavesNothingAndSaysSo(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	p := start(t, t.TempDir(), "bench", "checkpoint", "--rate", "10", "--small", "10000")
	p.WaitFor(t, "checkpoints of about 0.0 MiB")
	p.Signal(t, os.Interrupt)
	if r := p.Wait(t); r.Code != 3 || r.Stdout != "" {
		t.Errorf("exit code %d: %s", r.Code, r.Stdout)
	}
	left, err := os.ReadDir(temporary)
	if must(t, err); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
}

func TestAsynchronousAccessIsMeasured(t *testing.T) {
	quick := []string{"bench", "async", "--keys", "4096", "--seconds", "0.02", "--rounds", "1", "--latency", "1ms",
		"--only", "memory,coarse"}
	r := succeed(t, append(quick, "--json")...)
	got := programtest.Parse[async.Report](t, r)
	if got.Keys != 4096 || got.LatencyMS != 1 || got.Rounds != 1 || len(got.Rows) != 2 || got.Rows[1].Group != async.Coarse {
		t.Errorf("%s", r.Stdout)
	}
	if table := succeed(t, quick...); !strings.Contains(table.Stdout, "entries of one key") {
		t.Errorf("%s", table.Stdout)
	}
}

// The runs are real processes of the command, which are too short to say much of speeds; the peer is a program that says
// it took a minute for each run.
func TestQueriesAreMeasuredBesideAPeer(t *testing.T) {
	peer, out := t.TempDir(), t.TempDir()
	must(t, os.WriteFile(filepath.Join(peer, "run"), []byte(`#!/bin/sh
echo '{"query":"'$2'","events":'$4',"wall_s":60,"cpu_s":60,"peak_rss_mb":100}'
`), 0o755))
	r := succeed(t, "bench", "nexmark", "--queries", "q0,q4", "--events", "40000", "--warmup", "1000", "--rounds", "1",
		"--latency", "0", "--peer", peer, "--out", out, "--json")
	got := programtest.Parse[nexmark.Report](t, r)
	if len(got.Rows) != 2 || got.Events != 40_000 || len(got.Goals) != 5 || got.Goals[4].OK {
		t.Fatalf("%s", r.Stdout)
	}
	for i, x := range got.Rows {
		if x.Query != []string{"q0", "q4"}[i] || len(x.Runs) != 4 || x.Peer == nil {
			t.Fatalf("%+v", x)
		}
		if x.PeakRSSBytes < 1<<20 || x.ObjectRequests < 1 {
			t.Errorf("%+v", x)
		}
		if full := x.Runs[1]; full.Events != 40_000 || full.Rows == 0 || min(full.CPUS, full.WallS) <= 0 {
			t.Errorf("%+v", full)
		}
	}
	for _, name := range []string{nexmark.ResultsFile, nexmark.ChartFile} {
		_, err := os.Stat(filepath.Join(out, name))
		must(t, err)
	}
	if !strings.Contains(r.Stderr, "q4 (2 of 2), run 5 of 5: round 1 of 1, peer, 40000 events\n") {
		t.Errorf("%s", r.Stderr)
	}
}

func TestAMeasurementOfQueriesThatIsInterruptedEndsItsProcesses(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	p := start(t, t.TempDir(), "bench", "nexmark", "--queries", "q0", "--events", "1000000000000", "--warmup", "0")
	p.WaitFor(t, "run 1 of 7")
	p.Signal(t, os.Interrupt)
	if r := p.Wait(t); r.Code != 3 || r.Stdout != "" {
		t.Errorf("exit code %d: %s", r.Code, r.Stdout)
	}
	left, err := os.ReadDir(temporary)
	if must(t, err); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
}
