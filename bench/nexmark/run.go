package nexmark

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/internal/objstore/open"
	queries "github.com/aquifer-stream/aquifer/nexmark"
)

// peerLacks are the queries that the peer does not have: Flink's SQL cannot express the first, and the second never
// fires on an input with an end.
var peerLacks = []string{"q6", "q12"}

// Run measures all that the options ask for and says on progress how far it is. After each query the results are
// written. It works in a temporary directory.
func Run(ctx context.Context, o Options, progress io.Writer) (r Report, err error) {
	if err := o.Check(); err != nil {
		return r, err
	}
	earlier, err := o.baseline()
	if err != nil {
		return r, err
	}
	dir, err := os.MkdirTemp("", "aquifer-bench-nexmark")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{o: o, dir: dir, progress: progress}
	r = newReport(o)
	for i, name := range o.names() {
		b.query, b.number, b.run = name, i+1, 0
		row, err := b.measure(ctx)
		if err != nil {
			return r, fmt.Errorf("%s: %w", name, err)
		}
		row.compare(earlier)
		r.add(row)
		fmt.Fprintln(progress, row.line())
		if err := r.save(o.Out); err != nil {
			return r, err
		}
	}
	return r, nil
}

func newReport(o Options) Report {
	return Report{
		Begun: time.Now().UTC().Truncate(time.Second), Machine: fmt.Sprintf("%d CPUs, %s/%s, %s",
			runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		Events: o.Events, Rounds: o.Rounds, Parallelism: o.Parallelism, IntervalS: o.Interval.Seconds(),
	}
}

// bench measures one query after the other.
type bench struct {
	o        Options
	dir      string
	progress io.Writer

	query       string
	number, run int // which query it is, and which run of it
}

// runs is how many runs the query has.
func (b *bench) runs() int {
	n := 2 * b.o.Rounds
	if b.withPeer() {
		n *= 2
	}
	if b.o.Warmup > 0 {
		n++
	}
	if b.o.Latency > 0 {
		n++
	}
	return n
}

func (b *bench) withPeer() bool { return b.o.Peer != "" && !slices.Contains(peerLacks, b.query) }

// say tells which run begins.
func (b *bench) say(what string, events int64) {
	b.run++
	fmt.Fprintf(b.progress, "%s (%d of %d), run %d of %d: %s, %d events\n",
		b.query, b.number, len(b.o.names()), b.run, b.runs(), what, events)
}

// measure makes the row of the query.
func (b *bench) measure(ctx context.Context) (row Row, err error) {
	q, err := queries.ByName(b.query)
	if err != nil {
		return row, err
	}
	row = Row{Query: q.Name, Title: q.Title}
	if b.o.Warmup > 0 {
		if _, err := b.ours(ctx, "warm-up", b.o.Warmup); err != nil {
			return row, err
		}
	}
	for round := range b.o.Rounds {
		if err := b.round(ctx, round, &row); err != nil {
			return row, err
		}
	}
	row.evaluate()
	if b.o.Latency > 0 && row.EventsPerS > 0 {
		err = b.latency(ctx, &row)
	}
	return row, err
}

// round runs both sizes of both engines; each engine is the first in turn.
func (b *bench) round(ctx context.Context, round int, row *Row) error {
	turns := []func(context.Context, string, int64) (Sample, error){b.plain}
	if b.withPeer() {
		turns = append(turns, b.theirs)
		if round%2 == 1 {
			slices.Reverse(turns)
		}
	}
	for _, turn := range turns {
		for _, events := range []int64{b.o.Events / 2, b.o.Events} {
			s, err := turn(ctx, fmt.Sprintf("round %d of %d", round+1, b.o.Rounds), events)
			if err != nil {
				return err
			}
			row.Runs = append(row.Runs, s)
		}
	}
	return nil
}

// plain runs the query as fast as it can.
func (b *bench) plain(ctx context.Context, what string, events int64) (Sample, error) {
	return b.ours(ctx, what, events)
}

// ours runs the query in a process of the command aquifer, with state of its own.
func (b *bench) ours(ctx context.Context, what string, events int64, more ...string) (s Sample, err error) {
	b.say(what, events)
	own := filepath.Join(b.dir, fmt.Sprintf("%s-%d", b.query, b.run))
	state := own
	if b.o.State != "" {
		state = open.Below(b.o.State, filepath.Base(b.dir)+"/"+filepath.Base(own))
	}
	s, err = engine(ctx, b.o.Program, append([]string{
		"nexmark", b.query, "--events", fmt.Sprint(events), "--parallelism", fmt.Sprint(b.o.Parallelism),
		"--checkpoint-interval", b.o.Interval.String(), "--state", state, "--memory", fmt.Sprint(b.o.Memory),
		"--control", "none", "--json",
	}, more...)...)
	return s, errors.Join(err, os.RemoveAll(own), b.complete(s, events, err))
}

// theirs runs the query in the other engine.
func (b *bench) theirs(ctx context.Context, what string, events int64) (s Sample, err error) {
	b.say(what+", peer", events)
	s, err = engine(ctx, b.o.peer(), "--query", b.query, "--events", fmt.Sprint(events),
		"--warmup", fmt.Sprint(b.o.Warmup), "--hash", "false", "--parallelism", fmt.Sprint(b.o.Parallelism),
		"--checkpoint-ms", fmt.Sprint(b.o.Interval.Milliseconds()))
	s.Peer = true
	return s, errors.Join(err, b.complete(s, events, err))
}

// complete says what is missing in a run without an error.
func (b *bench) complete(s Sample, events int64, err error) error {
	if err == nil && s.Events != events {
		return fmt.Errorf("it read %d of %d events", s.Events, events)
	}
	return nil
}
