package spiky

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/gateway"
)

var (
	subtasks = flag.Int("subtasks", 8, "subtasks of the job")
	keyCount = flag.Int64("keys", 30_000, "keys in the state")
	payload  = flag.Int64("payload", 500, "bytes of a key's value")
	memory   = flag.Int64("memory", 16_000_000, "bound on the memory of the process in bytes")
	interval = flag.Duration("interval", 200*time.Millisecond, "time between checkpoints")
	capacity = flag.Duration("capacity", 500*time.Millisecond, "time for which the capacity is measured")
	half     = flag.Duration("half", 500*time.Millisecond, "time for which load is high, and low")
	waves    = flag.Int("waves", 1, "times that load is high and low")
	onS3     = flag.Bool("s3", false, "keep the state on an S3 server instead of in a directory")
	jsonFile = flag.String("json", "", "file for the report as a JSON object")
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// surge builds the program, runs it to its end and returns its report.
func surge(t *testing.T, o Options, env []string) (r Report) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "surge")
	build := exec.Command("go", "build", "-o", program, "./surge")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as Aquifer itself is built
	out, err := build.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := exec.CommandContext(t.Context(), program)
	c.Env = append(append(os.Environ(), env...), "SPIKY_OPTIONS="+o.Text())
	c.Stderr = t.Output()
	out, err = c.Output()
	must(t, err)
	must(t, json.Unmarshal(out, &r))
	r.PeakBytes = c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
	return r
}

// slack is what a gap may have beyond what the job says of it: other subtasks have the processors meanwhile.
const slack = 1.0

func TestAJobStandsALoadThatSwings(t *testing.T) {
	o := Options{
		Place: filepath.Join(t.TempDir(), "state"), Subtasks: *subtasks, Keys: *keyCount, Payload: *payload,
		Memory: *memory, Interval: *interval, Capacity: *capacity, Half: *half, Waves: *waves,
	}
	var env []string
	if *onS3 {
		server := gateway.Start(t)
		o.Place, env = server.Place("spiky"), server.Env()
	}
	r := surge(t, o, env)
	r.Print(t.Output())
	if r.Failed+r.Restarts > 0 || r.Checkpoints < 2 || r.Compactions == 0 {
		t.Errorf("%d checkpoints and %d failed, %d restarts, %d compactions", r.Checkpoints, r.Failed, r.Restarts,
			r.Compactions)
	}
	if r.CapacityPerS <= 0 || r.Rows <= 0 || r.GapS <= 0 || r.WaitMaxS <= 0 || r.PeakBytes <= 0 {
		t.Errorf("something was not measured: %+v", r)
	}
	if said := r.WaitMaxS + r.FreezeMaxS; r.GapS > said+slack {
		t.Errorf("a subtask had no output for %.2f s; the longest wait that the job tells of is %.2f s", r.GapS, said)
	}
	if o.Memory >= 128<<20 && r.PeakBytes > o.Memory/5*6 {
		t.Errorf("the process took %.0f MB of memory, its bound is %.0f MB", mb(r.PeakBytes), mb(o.Memory))
	}
	if *jsonFile != "" {
		text, err := json.Marshal(r)
		must(t, err)
		must(t, os.WriteFile(*jsonFile, append(text, '\n'), 0o644))
	}
}

// some are options with which nothing is wrong.
func some() Options {
	return Options{
		Place: "here", Subtasks: 2, Keys: 10, Payload: 1, Memory: 1, Interval: time.Second,
		Capacity: 4 * time.Second, Half: 5 * time.Second, Waves: 2,
	}
}

// afterCapacity is a load over some options, at a capacity of 100 rows per second, and when swinging begins.
func afterCapacity() (*load, time.Time) {
	l, begin := newLoad(some()), time.Unix(1000, 0)
	l.out(begin.Add(-time.Minute), 9)
	l.out(begin, 1)
	for i := range 40 {
		l.out(begin.Add(time.Duration(i+1)*time.Second/10), 10)
	}
	return l, begin.Add(4 * time.Second)
}

func TestTheLoadSwingsAroundTheCapacityThatWasMeasured(t *testing.T) {
	l, begin := afterCapacity()
	if c, rows := l.measured(); c < 99 || c > 106 || rows != 400 {
		t.Fatalf("capacity %g after %d rows, want about 100 after 400", c, rows)
	}
	c, _ := l.measured()
	for after, want := range map[time.Duration]string{
		-5 * time.Second: "1 0 0s", -time.Second: "1 0 0s", 0: "2 0 0s", 6 * time.Second: "2 1 1s",
		19 * time.Second: "2 3 4s", 20 * time.Second: "3 0 0s",
	} {
		phase, half, passed := l.at(begin.Add(after))
		if got := fmt.Sprint(phase, " ", half, " ", passed); got != want {
			t.Errorf("after %v: %s, want %s", after, got, want)
		}
	}
	if up, down := l.rate(2), l.rate(3); up != c || down != c/20 { // of each of two splits
		t.Errorf("rates %g and %g at a capacity of %g", up, down, c)
	}
}

func TestNothingIsMeasuredBeforeAllKeysAreThere(t *testing.T) {
	l, now := newLoad(some()), time.Unix(1000, 0)
	l.out(now, 9) // of ten
	if phase, _, _ := l.at(now.Add(time.Hour)); phase != loading {
		t.Errorf("phase %d", phase)
	}
	if _, rows := l.measured(); rows != 0 {
		t.Errorf("%d rows", rows)
	}
}

func TestOnlyGapsWhileLoadIsHighCount(t *testing.T) {
	l, begin := afterCapacity()
	g := &gaps{load: l}
	w := &gapWriter{gaps: g, half: -1}
	for _, s := range []struct{ at, want time.Duration }{
		{-time.Second, 0}, {0, 0}, {time.Second, time.Second}, {1500 * time.Millisecond, time.Second},
		{4 * time.Second, 2500 * time.Millisecond}, // within the first half
		{9 * time.Second, 2500 * time.Millisecond}, // over its end, and while load is low
		{10 * time.Second, 2500 * time.Millisecond}, {14 * time.Second, 4 * time.Second}, {30 * time.Second, 4 * time.Second},
	} {
		if w.take(begin.Add(s.at), 1); g.Longest() != s.want {
			t.Errorf("after %v the longest gap is %v, want %v", s.at, g.Longest(), s.want)
		}
	}
}

func TestOptionsSurviveTheirTextAndMistakesAreRefused(t *testing.T) {
	if got, err := ParseOptions(some().Text()); err != nil || got != some() {
		t.Errorf("%+v, %v", got, err)
	}
	for name, change := range map[string]func(o *Options){
		"subtasks": func(o *Options) { o.Subtasks = 0 }, "place": func(o *Options) { o.Place = "" },
		"keys": func(o *Options) { o.Keys = 1 }, "waves": func(o *Options) { o.Waves = 0 },
		"half": func(o *Options) { o.Half = 0 }, "memory": func(o *Options) { o.Memory = 0 },
	} {
		o := some()
		change(&o)
		if _, err := ParseOptions(o.Text()); base.KindOf(err) != base.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseOptions("{"); base.KindOf(err) != base.Config {
		t.Error(err)
	}
}
