package async

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// quick are options of a measurement that takes a moment.
func quick(only ...string) Options {
	return Options{Keys: 4 * leastKeys, Seconds: 0.02, Rounds: 2, Latency: time.Millisecond, Only: only}
}

// measured is what a quick measurement of some groups says.
func measured(t *testing.T, only ...string) Report {
	t.Helper()
	r, err := Run(t.Context(), quick(only...), t.Output())
	must(t, err)
	for _, x := range r.Rows {
		if len(x.Ratios) != 2 || x.Ratio <= 0 || !slices.Contains(only, x.Group) {
			t.Errorf("%+v", x)
		}
		for _, f := range []Figures{x.A, x.B} {
			if f.Records <= 0 || min(f.RecordsPerS, f.CPUNS, f.Cores) <= 0 {
				t.Errorf("%s: something was not measured: %+v", x.Name, f)
			}
		}
	}
	return r
}

func TestTheOperatorIsMeasuredBesideBareHotTables(t *testing.T) {
	r := measured(t, Memory)
	if len(r.Rows) != 1 || r.Swing != nil || r.Keys != 4096 || r.Rounds != 2 || r.LatencyMS != 1 {
		t.Fatalf("%+v", r)
	}
	x := r.Rows[0]
	if !x.Cost || x.Target != 1.05 || x.A.Records != 4096 || x.B.Records != 4096 || x.A.ReadsPerRecord != 0 {
		t.Errorf("%+v", x)
	}
}

func TestManyColdKeysAreReadAtOnceAndOthersOneByOne(t *testing.T) {
	r := measured(t, Cold)
	if len(r.Rows) != 2 {
		t.Fatalf("%+v", r.Rows)
	}
	for _, x := range r.Rows {
		if x.Ratio < 2 || x.Target != 500 || x.Cost || x.OfBound <= 0 {
			t.Errorf("%+v", x)
		}
		// Some of the rows that the limit lets in at first are done when the last of them comes.
		if x.B.InFlight > 1 || x.B.Records > 100 || x.A.InFlight < leastKeys*9/10 {
			t.Errorf("%s: %d rows in flight, %d of those one at a time", x.Name, x.A.InFlight, x.B.InFlight)
		}
		if x.B.ReadsPerRecord < 0.5 || x.A.ReadsPerRecord <= 0 {
			t.Errorf("%s: reads: %+v", x.Name, x)
		}
	}
}

func TestEntriesOfACoarseKeyAreReadAtOnceIfTheyAreDeclared(t *testing.T) {
	r := measured(t, Coarse)
	if x := r.Rows[0]; len(r.Rows) != 1 || x.Ratio < 2 || x.B.InFlight > 1 || x.A.InFlight < leastKeys {
		t.Errorf("%+v", r.Rows)
	}
}

func TestEachRecordIsParkedOnceForItsRead(t *testing.T) {
	r := measured(t, Park)
	if len(r.Rows) != 2 {
		t.Fatalf("%+v", r.Rows)
	}
	for _, x := range r.Rows {
		if x.A.ReadsPerRecord != 1 || x.B.ReadsPerRecord != 0 || x.A.Records != 4096 {
			t.Errorf("%+v", x)
		}
	}
	if x := r.Rows[0]; x.ParkNS <= 0 || x.Target != mostParkNS || r.Rows[1].ParkNS != 0 {
		t.Errorf("%+v", r.Rows)
	}
}

func TestWindowsAndTimersAreMeasuredInBothOrders(t *testing.T) {
	r := measured(t, Watermarks)
	var names []string
	for _, x := range r.Rows {
		names = append(names, x.Name)
		if x.Measured != "relaxed" || x.Reference != "strict" || min(x.A.ReadsPerRecord, x.B.ReadsPerRecord) <= 0 {
			t.Errorf("%+v", x)
		}
	}
	want := "windows of 1s|timers after 1s|windows of 10s|timers after 10s|timers, reads not foreseen|windows of 1m0s|" +
		"timers after 1m0s"
	if got := strings.Join(names, "|"); got != want {
		t.Error(got)
	}
}

func TestALoadThatSwingsIsTakenAsAWhole(t *testing.T) {
	o := quick(Swing)
	o.Seconds = 0.1
	r, err := Run(t.Context(), o, t.Output())
	must(t, err)
	s := r.Swing
	if s == nil || len(r.Rows) > 0 || len(s.Offered) != swings || len(s.Done) != swings {
		t.Fatalf("%+v", r)
	}
	if s.SecondS != 0.05 || s.MostInFlight <= 0 || s.PeakBytes < s.BeforeBytes || s.LeftS < 0 {
		t.Errorf("%+v", s)
	}
	for i := 0; i < swings; i += 2 {
		if s.Offered[i] <= 0 || s.Offered[i+1] < 2*s.Offered[i] {
			t.Errorf("offered %v", s.Offered)
		}
	}
}

func TestAMeasurementEndsWithItsContext(t *testing.T) {
	for _, group := range Groups {
		ctx, cancel := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		o := quick(group)
		o.Seconds, o.Keys = 60, 1<<16
		if group == Memory || group == Park {
			o.Rounds = 1 << 30
		}
		_, err := Run(ctx, o, writing(func() { cancel(enough) }))
		if !errors.Is(err, enough) && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", group, err)
		}
	}
}

// writing is called for what is written.
type writing func()

func (w writing) Write(p []byte) (int, error) { w(); return len(p), nil }

func TestWhatCannotBeMeasuredIsRefused(t *testing.T) {
	for want, change := range map[string]func(*Options){
		"1023 keys: there must be 1024": func(o *Options) { o.Keys = 1023 },
		"2 rounds of -1 seconds":        func(o *Options) { o.Seconds = -1 },
		"0 rounds":                      func(o *Options) { o.Rounds = 0 },
		"latency 0s":                    func(o *Options) { o.Latency = 0 },
		`no rows "warm": there are`:     func(o *Options) { o.Only = []string{Cold, "warm"} },
	} {
		o := quick()
		change(&o)
		_, err := Run(t.Context(), o, io.Discard)
		if base.KindOf(err) != base.Config || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	if err := (Options{}).Check(); strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("not all mistakes at once: %v", err)
	}
}

// BenchmarkGroup measures a group of rows as a whole, to be profiled: go test -run '^$' -bench Group/cold -benchtime 1x
// -cpuprofile FILE ./bench/async.
func BenchmarkGroup(b *testing.B) {
	for _, group := range Groups {
		b.Run(group, func(b *testing.B) {
			o := Options{Keys: 1_000_000, Seconds: 2, Rounds: 2, Latency: 20 * time.Millisecond, Only: []string{group}}
			for b.Loop() {
				r, err := Run(b.Context(), o, io.Discard)
				must(b, err)
				r.Print(b.Output())
			}
		})
	}
}
