package aquifer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

func TestExitCodesTellWhoHasToAct(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		said string
	}{
		{nil, 0, ""},
		{errors.New("no space"), 1, "prog: no space\n"},
		{base.Errorf(base.Corrupt, "table x"), 1, "prog: table x\n"},
		{base.Errorf(base.Config, "no such file"), 2, "prog: no such file\n"},
		{fmt.Errorf("source: %w", base.Errorf(base.Config, "no such file")), 2, "prog: source: no such file\n"},
		{ErrInterrupted, 3, ""},
		{fmt.Errorf("run: %w", ErrInterrupted), 3, ""},
	} {
		var b bytes.Buffer
		if code := ExitCode(c.err, "prog", &b); code != c.code || b.String() != c.said {
			t.Errorf("%v: exit code %d, %q; want %d, %q", c.err, code, b.String(), c.code, c.said)
		}
	}
}

// tree is a command with others below it, one of which fails with an error of its work.
func tree(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	root := &cobra.Command{Use: "prog", SilenceUsage: true, SilenceErrors: true}
	group := &cobra.Command{Use: "group"}
	work := &cobra.Command{Use: "work", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		return errors.New("it broke")
	}}
	work.Flags().Int("n", 1, "a number")
	group.AddCommand(&cobra.Command{Use: "inner", RunE: func(*cobra.Command, []string) error { return nil }})
	root.AddCommand(work, group)
	root.SetArgs(args)
	var out, err bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&err)
	code = Execute(root, &err)
	return code, out.String(), err.String()
}

func TestWrongUsageIsTwoAndFailedWorkIsOne(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		said string
	}{
		{"group inner", 0, ""},
		{"work", 1, "prog: it broke\n"},
		{"work --m", 2, "prog: unknown flag: --m (see prog work --help)\n"},
		{"work --n x", 2, `invalid argument "x" for "--n" flag`},
		{"work more", 2, `unknown command "more" for "prog work" (see prog work --help)`},
		{"bogus", 2, `unknown command "bogus" for "prog" (see prog --help)`},
		{"help bogus", 2, `prog: there is no help about "bogus" (see prog help --help)` + "\n"},
		{"help group bogus", 2, `there is no help about "group bogus"`},
		{"help work bogus", 2, `there is no help about "work bogus"`},
	} {
		code, _, stderr := tree(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(stderr, c.said) || strings.Count(stderr, "\n") != min(1, c.code) {
			t.Errorf("%s: exit code %d, %q; want %d, %q", c.args, code, stderr, c.code, c.said)
		}
	}
}

func TestHelpAboutWhatThereIsSucceeds(t *testing.T) {
	for args, want := range map[string]string{
		"help": "Available Commands:", "help work": "a number", "help group": "inner",
		"help group inner": "prog group inner",
		"help help":        "prog help", "work --help": "a number", "help --help": "prog help",
	} {
		code, stdout, stderr := tree(t, strings.Fields(args)...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

func TestFlagsHaveTheDefaultsOfTheOptions(t *testing.T) {
	var o RunOptions
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	o.AddFlags(f)
	if err := f.Parse(nil); err != nil {
		t.Fatal(err)
	}
	want := RunOptions{}.withDefaults()
	want.Control = ControlAuto // of programs, not of libraries
	if !reflect.DeepEqual(o, want) {
		t.Errorf("%+v, want %+v", o, want)
	}
	if o.Parallelism != runtime.NumCPU() || o.MaxParallelism != 256 || o.Restarts != 10 || o.Retain != 3 {
		t.Errorf("%+v", o)
	}
}

func TestEachFlagSetsItsOption(t *testing.T) {
	var o RunOptions
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	o.AddFlags(f)
	err := f.Parse(strings.Fields("--state /s --parallelism 3 --max-parallelism 12 --checkpoint-interval 1s " +
		"--checkpoint-overhead 0.5 --checkpoint-pause 6s " +
		"--checkpoint-timeout 2s --tolerate-failures 4 --retain 5 --from 6 --restarts 7 --memory 8 --flush-after 9ms " +
		"--unaligned-after 3s --unaligned-above 12 --cache /d --cache-size 10 --cache-keep-free 11 --accept-loss --metrics :0 " +
		"--metrics-credentials /c --log text " +
		"--control /x.sock --allow-dropped-state --restart-delay 12s"))
	if err != nil {
		t.Fatal(err)
	}
	if o.Logger == nil {
		t.Error("--log makes no logger")
	}
	o.Logger = nil
	want := RunOptions{
		State: "/s", Parallelism: 3, MaxParallelism: 12, CheckpointInterval: time.Second,
		CheckpointOverhead: 0.5, CheckpointPause: 6 * time.Second, UnalignedAbove: 12,
		CheckpointTimeout: 2 * time.Second, UnalignedAfter: 3 * time.Second,
		TolerateFailures: 4, Retain: 5, From: 6, Restarts: 7, Memory: 8,
		Cache: "/d", CacheSize: 10, CacheKeepFree: 11, FlushAfter: 9 * time.Millisecond,
		AcceptLoss: true, Metrics: ":0", MetricsCredentials: "/c", Control: "/x.sock",
		AllowDroppedState: true, RestartDelay: 12 * time.Second,
	}
	if !reflect.DeepEqual(o, want) {
		t.Errorf("%+v, want %+v", o, want)
	}
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Usage == "" || !flag.Changed {
			t.Errorf("flag --%s: usage %q, tried %v", flag.Name, flag.Usage, flag.Changed)
		}
	})
}

// endless is a job whose source has more rows at each read, and announces the first one.
func endless(reached chan<- struct{}) (*Job, *collected[int64]) {
	job, sink := NewJob("endless"), newCollected[int64]()
	var once sync.Once
	source := numbers{end: 1 << 40, splits: 1, batch: 1, gate: func(int64) error {
		once.Do(func() { close(reached) })
		return nil
	}}
	To(From(job, "numbers", source), "out", sink)
	return job, sink
}

// interrupt sends this process a signal as Ctrl-C does, when something has happened.
func interrupt(t *testing.T, when <-chan struct{}) (sent <-chan struct{}) {
	t.Helper()
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		<-when
		if err := self.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
	}()
	return done
}

func TestASignalEndsAJobAfterALastCheckpoint(t *testing.T) {
	for _, state := range []string{"", t.TempDir()} {
		reached := make(chan struct{})
		job, sink := endless(reached)
		sent := interrupt(t, reached)
		var out bytes.Buffer
		o := RunOptions{State: state, Parallelism: 1, CheckpointInterval: -1}
		r, err := RunUntilSignal(t.Context(), job, o, &out)
		<-sent
		if !errors.Is(err, ErrInterrupted) || r.Finished || r.LastCheckpoint != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		if n := int64(len(sink.rows())); n != r.RowsRead || n == 0 {
			t.Errorf("%d rows are visible, %d were read", n, r.RowsRead)
		}
		want := "interrupted after checkpoint 1: started again, the job goes on from there\n"
		if state == "" {
			want = "interrupted: state was in memory only, started again the job begins anew (--state keeps it)\n"
		}
		if !strings.HasSuffix(out.String(), want) {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}

// hanging is a sink that does not come to the end of its first phase.
type hanging struct {
	*collected[int64]
	stuck chan struct{} // closed when a writer waits
}

type hangingWriter struct {
	flow.Writer[int64]
	stuck chan struct{}
}

func (h hanging) Open(ctx context.Context, subtask flow.SinkSubtask) (flow.Writer[int64], error) {
	w, err := h.collected.Open(ctx, subtask)
	return hangingWriter{w, h.stuck}, err
}

func (w hangingWriter) Prepare(ctx context.Context, _ uint64) (flow.Prepared, error) {
	close(w.stuck)
	<-ctx.Done()
	return flow.Prepared{}, context.Cause(ctx)
}

func TestAJobThatRunsUntilASignalEndsWhenItIsAskedToAsWell(t *testing.T) {
	reached, stop := make(chan struct{}), make(chan struct{})
	var once sync.Once
	source := numbers{end: 1 << 40, splits: 1, batch: 1, gate: func(int64) error {
		once.Do(func() { close(reached) })
		return nil
	}}
	job := NewJob("asked")
	To(From(job, "numbers", source), "out", newCollected[int64]())
	go func() { <-reached; close(stop) }()
	var out bytes.Buffer
	r, err := RunUntilSignal(t.Context(), job, RunOptions{Parallelism: 1, CheckpointInterval: -1, Stop: stop}, &out)
	if !errors.Is(err, ErrInterrupted) || r.LastCheckpoint == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestASecondSignalEndsAJobAtOnce(t *testing.T) {
	stuck, reached := make(chan struct{}), make(chan struct{})
	job, sink := NewJob("hanging"), newCollected[int64]()
	var once sync.Once
	source := numbers{end: 1 << 40, splits: 1, batch: 1, gate: func(int64) error {
		once.Do(func() { close(reached) })
		return nil
	}}
	To(From(job, "numbers", source), "out", hanging{sink, stuck})
	first, second := interrupt(t, reached), interrupt(t, stuck)
	var out bytes.Buffer
	r, err := RunUntilSignal(t.Context(), job, RunOptions{Parallelism: 1, CheckpointInterval: -1}, &out)
	<-first
	<-second
	if errors.Is(err, ErrInterrupted) || r.LastCheckpoint != 0 || len(sink.rows()) > 0 {
		t.Errorf("%+v", r)
	}
	wantError(t, err, "ended by a second signal (interrupt), without a last checkpoint")
}

func TestASignalInThePauseBeforeARestartIsAnInterruptionToo(t *testing.T) {
	for state, want := range map[string]string{
		"":          "interrupted: state was in memory only, started again the job begins anew (--state keeps it)\n",
		t.TempDir(): "interrupted before the first checkpoint: started again, the job begins anew\n",
	} {
		job, sink := NewJob("failing"), newCollected[int64]()
		sink.fault = func(step string) error { return errors.New("cannot " + step) }
		To(From(job, "numbers", numbers{end: 3, splits: 1, batch: 1}), "out", sink)
		paused := make(chan struct{})
		var once sync.Once
		var out bytes.Buffer
		sent := interrupt(t, paused)
		r, err := RunUntilSignal(t.Context(), job, RunOptions{State: state, Parallelism: 1, OnEvent: func(e Event) {
			if _, ok := e.(Restarting); ok {
				once.Do(func() { close(paused) })
				<-sent
			}
		}}, &out)
		if !errors.Is(err, ErrInterrupted) || r.Restarts == 0 {
			t.Errorf("%+v, %v", r, err)
		}
		if said := out.String(); !strings.Contains(said, "failed, restarting") || !strings.HasSuffix(said, want) {
			t.Errorf("%q, want %q", said, want)
		}
	}
}

func TestAJobThatEndsByItselfIsNotInterruptedAndEventsAreHeard(t *testing.T) {
	job, sink := NewJob("short"), newCollected[int64]()
	To(From(job, "numbers", numbers{end: 3, splits: 1, batch: 1}), "out", sink)
	var mu sync.Mutex
	heard := map[string]int{}
	var out bytes.Buffer
	r, err := RunUntilSignal(t.Context(), job, RunOptions{Parallelism: 1, OnEvent: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		heard[fmt.Sprintf("%T", e)]++
	}}, &out)
	if err != nil || !r.Finished || out.Len() > 0 {
		t.Errorf("%+v, %v, %q", r, err, out.String())
	}
	if heard["coordinator.CheckpointStored"] != 1 || heard["coordinator.Progress"] == 0 {
		t.Errorf("%v", heard)
	}
}

func TestAContextThatEndsIsAFailureAndNoInterruption(t *testing.T) {
	reached := make(chan struct{})
	job, _ := endless(reached)
	cause := errors.New("the caller has had enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-reached; cancel(cause) }()
	var out bytes.Buffer
	_, err := RunUntilSignal(ctx, job, RunOptions{Parallelism: 1}, &out)
	if !errors.Is(err, cause) || errors.Is(err, ErrInterrupted) {
		t.Errorf("%v", err)
	}
	if code := ExitCode(err, "prog", &out); code != ExitFailed {
		t.Errorf("exit code %d", code)
	}
}
