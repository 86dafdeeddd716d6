package nexmark

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// measured is a report on some queries. Nothing but the results is left behind.
func measured(t *testing.T, o Options, names ...string) Report {
	t.Helper()
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	o.Queries = names
	r, err := Run(t.Context(), o, t.Output())
	must(t, err)
	left, err := os.ReadDir(temporary)
	if must(t, err); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
	return r
}

func TestSpeedsAreOfTheEventsBeyondHalfOfThem(t *testing.T) {
	r := measured(t, quick(t), "q5")
	x := r.Rows[0]
	// A run of all events takes two seconds, of which one is its start.
	if fmt.Sprintf("%.0f %.0f", x.EventsPerS, x.EventsPerCPUS) != "1000000 1000000" {
		t.Errorf("%+v", x.Speed)
	}
	if x.Peer == nil || fmt.Sprintf("%.0f %.2f", x.Peer.EventsPerCPUS, x.PeerRatio) != "166667 6.00" {
		t.Errorf("%+v, ratio %g", x.Peer, x.PeerRatio)
	}
	if x.PeakRSSBytes != 1<<20 || x.StateBytes != 1_000_000 || x.ObjectRequests != 7 || x.Peer.PeakRSSBytes != 512<<20 {
		t.Errorf("%+v, %+v", x, x.Peer)
	}
	if x.Title != "the auctions with the most bids of the last ten seconds, every two seconds" || len(x.Runs) != 12 {
		t.Errorf("%s, %d runs", x.Title, len(x.Runs))
	}
}

func TestRowsAreTimedAtSeventyPercentOfTheSpeed(t *testing.T) {
	o := quick(t)
	x := measured(t, o, "q5").Rows[0]
	want := Timed{700_000, queries.Latency{Rows: 7, P50MS: 1.5, P99MS: 20, MaxMS: 30}}
	if x.Latency == nil || x.Latency.Latency != want.Latency || int64(x.Latency.EventsPerS+0.5) != 700_000 {
		t.Errorf("%+v, want %+v", x.Latency, want)
	}
	log := asked(t, o)
	if !strings.Contains(log, " --pace --latency --rate 100000 --speed 7\n") || strings.Count(log, "--pace") != 1 ||
		!strings.Contains(log, "nexmark q5 --events 1400000 ") {
		t.Errorf("%s", log)
	}
}

func TestTheEnginesTakeTurns(t *testing.T) {
	o := quick(t)
	o.Latency, o.Rounds = 0, 2
	measured(t, o, "q5")
	var order []string
	for line := range strings.Lines(asked(t, o)) {
		f := strings.Fields(line)
		order = append(order, f[0]+" "+f[4])
	}
	want := "aquifer 10, aquifer 500000, aquifer 1000000, run 500000, run 1000000, " +
		"run 500000, run 1000000, aquifer 500000, aquifer 1000000"
	if got := strings.Join(order, ", "); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if !strings.Contains(asked(t, o),
		"run --query q5 --events 500000 --warmup 10 --hash false --parallelism 2 --checkpoint-ms 10000\n") {
		t.Errorf("%s", asked(t, o))
	}
}

func TestEachRunHasStateOfItsOwnWhereItIsWanted(t *testing.T) {
	o := quick(t)
	o.State, o.Memory, o.Rounds = t.TempDir()+"/", 5_000_000, 1
	measured(t, o, "q5")
	runs, err := filepath.Glob(filepath.Join(o.State, "aquifer-bench-nexmark*", "q5-*"))
	must(t, err)
	if log := asked(t, o); len(runs) != 4 || strings.Count(log, " --memory 5000000 ") != 4 {
		t.Errorf("%d places in\n%s", len(runs), log)
	}
}

func TestQueriesThatThePeerDoesNotHaveAreMeasuredWithoutIt(t *testing.T) {
	o := quick(t)
	r := measured(t, o, "q6", "q12", "q0")
	if r.Rows[0].Peer != nil || r.Rows[1].Peer != nil || r.Rows[0].EventsPerS == 0 || r.Rows[2].Peer == nil {
		t.Errorf("%+v", r.Rows)
	}
	if len(r.Goals) != 3 || r.Goals[0].Part != "q0" || !r.Goals[0].OK || r.Goals[2].Part != "all" || r.Goals[2].OK {
		t.Errorf("%+v", r.Goals)
	}
}

func TestWithoutAPeerThereIsNothingToJudge(t *testing.T) {
	o := quick(t)
	o.Peer, o.Warmup, o.Latency = "", 0, 0
	if r := measured(t, o, "q0"); len(r.Goals) > 0 || r.Rows[0].Peer != nil || len(r.Rows[0].Runs) != 6 {
		t.Errorf("%+v", r)
	}
}

func TestWhatCannotBeToldIsAbsentAndMissesItsGoal(t *testing.T) {
	r := measured(t, quick(t), "q0", "q18")
	x := r.Rows[1]
	if x.EventsPerS != 0 || x.PeerRatio != 0 || x.Latency != nil || r.MeanPeerRatio != 0 {
		t.Errorf("%+v, %g", x, r.MeanPeerRatio)
	}
	for _, g := range r.Goals {
		speed := g.What != "MB of memory at the peak"
		if g.OK == (speed && g.Part != "q0") {
			t.Errorf("%+v", g)
		}
	}
}

func TestProgressSaysWhichRunOfHowManyBegins(t *testing.T) {
	o := quick(t)
	o.Queries, o.Rounds, o.Latency = []string{"q0", "q6"}, 1, 0
	var said strings.Builder
	_, err := Run(t.Context(), o, &said)
	must(t, err)
	want := `q0 (1 of 2), run 1 of 5: warm-up, 10 events
q0 (1 of 2), run 2 of 5: round 1 of 1, 500000 events
q0 (1 of 2), run 3 of 5: round 1 of 1, 1000000 events
q0 (1 of 2), run 4 of 5: round 1 of 1, peer, 500000 events
q0 (1 of 2), run 5 of 5: round 1 of 1, peer, 1000000 events
q0: 1.00 M events/s, 1.00 M per second of CPU, 6 times the peer
q6 (2 of 2), run 1 of 3: warm-up, 10 events
q6 (2 of 2), run 2 of 3: round 1 of 1, 500000 events
q6 (2 of 2), run 3 of 3: round 1 of 1, 1000000 events
q6: 1.00 M events/s, 1.00 M per second of CPU
`
	if said.String() != want {
		t.Errorf("%s", said.String())
	}
}

func TestARunThatIsNotWholeEndsTheMeasurement(t *testing.T) {
	for query, want := range map[string]string{
		"q7":  "exit status 3\nout of luck",
		"q8":  `printed "no figures": invalid character`,
		"q9":  "it read 9 of 10 events",
		"q17": "it failed, and was restarted 2 times",
	} {
		o := quick(t)
		o.Queries, o.Out = []string{"q0", query}, filepath.Join(t.TempDir(), "out")
		r, err := Run(t.Context(), o, io.Discard)
		if err == nil || !strings.HasPrefix(err.Error(), query+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if kept := loaded(t, o); len(kept.Rows) != 1 || len(r.Rows) != 1 || kept.Rows[0].Query != "q0" {
			t.Errorf("what was measured before is not kept: %+v", kept)
		}
	}
}

// loaded is the report in the directory for results.
func loaded(t *testing.T, o Options) (r Report) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(o.Out, ResultsFile))
	must(t, err)
	must(t, json.Unmarshal(text, &r))
	return r
}

func TestResultsAreKeptAndALaterRunIsComparedWithThem(t *testing.T) {
	o := quick(t)
	o.Out = t.TempDir()
	measured(t, o, "q0", "q6")
	o.Baseline = filepath.Join(o.Out, ResultsFile)
	script(t, o.Program, "2", `"peak_rss_bytes":1048576`)
	r := measured(t, o, "q0", "q1", "q6")
	if fmt.Sprintf("%.2f %.2f %.2f %.2f", r.Rows[0].BaselineRatio, r.Rows[1].BaselineRatio, r.Rows[2].BaselineRatio,
		r.MeanBaselineRatio) != "0.50 0.00 0.50 0.50" {
		t.Errorf("%+v", r)
	}
	kept := loaded(t, o)
	if len(kept.Rows) != 3 || kept.Events != 1_000_000 || kept.Begun.IsZero() || len(kept.Rows[0].Runs) != 12 {
		t.Errorf("%+v", kept)
	}
	files, err := os.ReadDir(o.Out)
	if must(t, err); len(files) != 2 {
		t.Errorf("%v", files)
	}
}

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Options){
		`no query "q99"`:              func(o *Options) { o.Queries = []string{"q1", "q99"} },
		"3 rounds of 1 events":        func(o *Options) { o.Events = 1 },
		"0 rounds of":                 func(o *Options) { o.Rounds = 0 },
		"after -1, parallelism 2":     func(o *Options) { o.Warmup = -1 },
		"parallelism 0":               func(o *Options) { o.Parallelism = 0 },
		"-1s of events by the clock":  func(o *Options) { o.Latency = -time.Second },
		"and 0s between checkpoints":  func(o *Options) { o.Interval = 0 },
		"a bound of -1 bytes":         func(o *Options) { o.Memory = -1 },
		"the peer has no program":     func(o *Options) { o.Peer = t.TempDir() },
		"the baseline cannot be read": func(o *Options) { o.Baseline = filepath.Join(t.TempDir(), "none") },
		"is no report of an earlier":  func(o *Options) { o.Baseline = filepath.Join(o.Peer, "run") },
	} {
		o := quick(t)
		change(&o)
		_, err := Run(t.Context(), o, io.Discard)
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestAMeasurementEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("it is enough")
	cancel(enough)
	if _, err := Run(ctx, quick(t), io.Discard); !errors.Is(err, enough) {
		t.Error(err)
	}
}
