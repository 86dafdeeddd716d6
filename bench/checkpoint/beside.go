package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/aquifer-stream/aquifer/internal/measure"
)

// besideQuery is the query of Nexmark that both engines run: it keeps the last bid of each bidder for each auction, so its
// state grows with the events and every bid changes some of it.
const besideQuery = "q18"

// ownEngine is what rows of this engine are called; those of the peer are called by where it has its state.
const ownEngine = "aquifer"

// backends are where the peer has its state: in files of its own, copied at checkpoints, and in those of the checkpoints.
var backends = []string{"rocksdb", "forst-remote"}

// Beside are checkpoints, and what comes after them, beside those of another engine.
type Beside struct {
	Query string      `json:"query"`
	Rows  []BesideRow `json:"rows"`
}

// BesideRow is what was measured of an engine and a number of events.
type BesideRow struct {
	Engine string `json:"engine"`
	// Events is how many were read before the last checkpoint, EventsPerS how many in a second: as many of each engine as
	// the fastest peer could read, or fewer.
	Events     int64   `json:"events"`
	EventsPerS float64 `json:"events_per_s"`
	// CheckpointS is the median duration of a checkpoint in seconds, StateBytes the size of the last.
	CheckpointS float64 `json:"checkpoint_s"`
	StateBytes  int64   `json:"state_bytes"`
	// Back are the times that it took to be back, at several parallelisms.
	Back []Back `json:"back"`
}

// Back is going on from the last checkpoint, in a process that has nothing of it in memory.
type Back struct {
	From int `json:"from"`
	To   int `json:"to"`
	// Seconds is the time until as many events as were Left had been read, and all of it was in another checkpoint.
	Seconds float64 `json:"seconds"`
	Left    int64   `json:"left"`
}

// afterwards is how many events come after the checkpoint.
const afterwards = 1_000_000

// beside measures all engines with all numbers of events, the peer first: it says how fast events can come.
func (b *bench) beside(ctx context.Context) error {
	s := &Beside{Query: besideQuery}
	b.r.Beside = s
	for _, events := range b.o.PeerEvents {
		rate := 0.0
		for _, engine := range append(append([]string{}, backends...), ownEngine) {
			b.say("%s, %d events with a checkpoint every %v, and %d more at a parallelism of %d, %d and %d",
				engine, events, b.o.Short, afterwards, before, before/2, 2*before)
			row, err := b.besideIn(ctx, engine, events, rate)
			if err != nil {
				return fmt.Errorf("%s with %d events: %w", engine, events, err)
			}
			rate = max(rate, row.EventsPerS)
			s.Rows = append(s.Rows, row)
		}
	}
	b.judge(s.compare()...)
	return nil
}

// besideIn measures an engine in a directory of its own.
func (b *bench) besideIn(ctx context.Context, engine string, events int64, rate float64) (row BesideRow, err error) {
	dir, err := os.MkdirTemp("", "aquifer-bench-checkpoint")
	if err != nil {
		return row, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if engine == ownEngine {
		return b.ours(ctx, dir, events, rate)
	}
	return b.theirs(ctx, dir, engine, events)
}

// peerRun is what the peer prints of a run.
type peerRun struct {
	Events     int64   `json:"events"`
	WallS      float64 `json:"wall_s"`
	EventsPerS float64 `json:"events_per_s"`
	Median     float64 `json:"checkpoint_ms_p50"`
	StateBytes int64   `json:"state_bytes"`
	Path       string  `json:"path"`
}

// theirs measures the peer with its state in a backend.
func (b *bench) theirs(ctx context.Context, dir, backend string, events int64) (row BesideRow, err error) {
	run := func(more ...string) (r peerRun, err error) {
		err = measure.Program(ctx, &r, filepath.Join(b.o.Peer, "run"), append([]string{
			"--query", besideQuery, "--backend", backend, "--dir", dir, "--hash", "false",
			"--events", fmt.Sprint(events + afterwards), "--checkpoint-ms", fmt.Sprint(b.o.Short.Milliseconds()),
		}, more...)...)
		return r, err
	}
	first, err := run("--parallelism", fmt.Sprint(before), "--pause-at", fmt.Sprint(events), "--warmup", fmt.Sprint(b.o.PeerWarmup))
	if err != nil {
		return row, err
	}
	if first.Path == "" {
		return row, fmt.Errorf("it left no checkpoint")
	}
	row = BesideRow{
		Engine: backend, Events: first.Events, EventsPerS: first.EventsPerS, CheckpointS: first.Median / 1e3, StateBytes: first.StateBytes,
	}
	for _, to := range [parallelisms]int{before, before / 2, 2 * before} {
		again, err := run("--parallelism", fmt.Sprint(to), "--from", first.Path)
		if err != nil {
			return row, err
		}
		if again.Events != afterwards {
			return row, fmt.Errorf("it went on with %d of %d events", again.Events, afterwards)
		}
		row.Back = append(row.Back, Back{From: before, To: to, Seconds: again.WallS, Left: again.Events})
	}
	return row, nil
}

// compare compares this engine at the largest number of events with the best of the peer there.
func (s *Beside) compare() (goals []measure.Goal) {
	engines := len(backends) + 1
	last := s.Rows[len(s.Rows)-engines:]
	own, peers := last[engines-1], last[:engines-1]
	add := func(what string, of func(BesideRow) float64) {
		best := of(peers[0])
		for _, p := range peers[1:] {
			best = min(best, of(p))
		}
		goals = append(goals, measure.AtMost(Peer, what+" by the peer's best", ratio(of(own), best), 1))
	}
	add("duration of a checkpoint", func(r BesideRow) float64 { return r.CheckpointS })
	for i, to := range own.Back {
		add(fmt.Sprintf("time to be back, %d → %d,", to.From, to.To), func(r BesideRow) float64 { return r.Back[i].Seconds })
	}
	return goals
}

func (s *Beside) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "engine\tevents\tevents/s\tcheckpoint ms\tstate MiB\t")
	for _, x := range s.Rows[0].Back {
		fmt.Fprintf(t, "%d → %d s\t", x.From, x.To)
	}
	fmt.Fprintln(t)
	for _, x := range s.Rows {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.0f\t%.1f\t", x.Engine, x.Events, x.EventsPerS, 1e3*x.CheckpointS, mib(x.StateBytes))
		for _, back := range x.Back {
			fmt.Fprintf(t, "%.1f\t", back.Seconds)
		}
		fmt.Fprintln(t)
	}
	_ = t.Flush()
	fmt.Fprintf(w, "%s; %s is given events as fast as the fastest of %s takes them. Back is when %d more are done.\n",
		s.Query, ownEngine, strings.Join(backends, " and "), afterwards)
}
