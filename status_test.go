package aquifer

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

func TestAmountsHaveThreeDigitsAndAUnit(t *testing.T) {
	for x, want := range map[float64]string{
		0: "0", 0.4: "0", 7: "7", 999: "999", 1000: "1.0 k", 12_345: "12.3 k", 999_949: "999.9 k",
		1e6: "1.00 M", 4_560_000: "4.56 M", 123_456_789: "123.46 M", 1e9: "1.00 G", 7.25e9: "7.25 G",
	} {
		if got := amount(x); got != want {
			t.Errorf("amount(%v) = %q, want %q", x, got, want)
		}
	}
}

func TestSizesAreInPowersOfTwo(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 5 << 19: "2.5 MiB",
		1 << 30: "1.0 GiB", 3 << 40: "3072.0 GiB",
	} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestEventTimesAreShownInUTC(t *testing.T) {
	for ms, want := range map[int64]string{
		flow.NoTime: "not begun", flow.EndOfTime: "complete", 0: "1970-01-01 00:00:00",
		1_431_857_103_999: "2015-05-17 10:05:03", -1: "1969-12-31 23:59:59",
	} {
		if got := eventTime(ms); got != want {
			t.Errorf("eventTime(%d) = %q, want %q", ms, got, want)
		}
	}
}

// statusOf is what a status line writes, in a bubble, where nothing is a terminal.
func statusOf(t *testing.T, tell func(s *statusLine)) string {
	var b bytes.Buffer
	bubble.Test(t, func(*testing.T) {
		s := newStatusLine(&b)
		tell(s)
		s.end()
	})
	return b.String()
}

func TestEachEventThatMattersIsALine(t *testing.T) {
	taken := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		event Event
		want  string
	}{
		{Resumed{Checkpoint: 7, Taken: taken}, "resumed from checkpoint 7, taken 2026-01-02 03:04:05\n"},
		{CheckpointFailed{Checkpoint: 8, Err: errors.New("no space")}, "checkpoint 8 failed: no space\n"},
		{CollectionFailed{Err: errors.New("busy")}, "unneeded objects could not be deleted, will try again: busy\n"},
		{CacheFailed{Err: errors.New("full")}, "the disk cache failed, reads ask the store: full\n"},
		{MetricsServed{URL: "http://127.0.0.1:1/metrics"}, "metrics are at http://127.0.0.1:1/metrics\n"},
		{Restarting{Err: errors.New("oops"), After: 1600*time.Millisecond + 3},
			"failed, restarting from the last checkpoint in 1.6s: oops\n"},
		{Restarting{Err: errors.New("oops"), After: time.Second, Operators: []string{"a", "b"}},
			"failed, restarting a, b from the last checkpoint in 1s: oops\n"},
		{Started{Attempt: 1}, ""},
		{SourcesEnded{}, ""},
		{CheckpointStored{Checkpoint: 1}, ""},
		{CheckpointCommitted{Checkpoint: 1}, ""},
		{Progress{RowsRead: 1}, ""}, // the first line comes after a pause
	} {
		if got := statusOf(t, func(s *statusLine) { s.show(c.event) }); got != c.want {
			t.Errorf("%+v is shown as %q, want %q", c.event, got, c.want)
		}
	}
}

func TestElsewhereThanOnATerminalALineComesEveryFewSeconds(t *testing.T) {
	got := statusOf(t, func(s *statusLine) {
		for i := range 24 { // twelve seconds
			<-time.After(500 * time.Millisecond)
			s.show(Progress{Elapsed: time.Duration(i+1) * 500 * time.Millisecond, RowsRead: int64(i+1) * 1000})
		}
	})
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "10.0 k rows,") || !strings.Contains(lines[1], "20.0 k rows,") {
		t.Errorf("%q", got)
	}
}

func TestALineTellsRateRowsTimeCheckpointAndState(t *testing.T) {
	got := statusOf(t, func(s *statusLine) {
		s.show(CheckpointStored{Checkpoint: 3, Bytes: 5 << 20})
		<-time.After(1500 * time.Millisecond)
		s.progress(Progress{Elapsed: time.Second, RowsRead: 2500, Watermark: 1_431_857_103_000, StateBytes: 3 << 10})
		want := "2.5 k rows/s, 2.5 k rows, event time 2015-05-17 10:05:03, checkpoint 3, 1.5 s ago, " +
			"state 3.0 KiB in memory, 5.0 MiB stored"
		if line := s.line(); line != want {
			t.Errorf("%s, want %s", line, want)
		}
	})
	if got != "" {
		t.Errorf("%q was written before it was time", got)
	}
}

func TestALineTellsOfLateRowsAndBadRecordsWhenThereAreAny(t *testing.T) {
	statusOf(t, func(s *statusLine) {
		s.progress(Progress{Elapsed: time.Second, Watermark: flow.NoTime})
		if line := s.line(); !strings.Contains(line, "event time not begun, checkpoint none yet,") ||
			strings.Contains(line, "late") || strings.Contains(line, "bad") {
			t.Errorf("%s", line)
		}
		s.progress(Progress{Elapsed: 2 * time.Second, Late: 4, Bad: 2})
		if line := s.line(); !strings.HasSuffix(line, ", 4 late, 2 bad") {
			t.Errorf("%s", line)
		}
	})
}

func TestTheRateIsSmoothedAndFollows(t *testing.T) {
	statusOf(t, func(s *statusLine) {
		rows, elapsed := int64(0), time.Duration(0)
		run := func(perSecond int64, seconds int) {
			for range 10 * seconds {
				rows, elapsed = rows+perSecond/10, elapsed+100*time.Millisecond
				s.progress(Progress{Elapsed: elapsed, RowsRead: rows})
			}
		}
		run(10_000, 10)
		if s.rate < 9_990 || s.rate > 10_000 {
			t.Errorf("after ten seconds of 10,000 rows/s it shows %f", s.rate)
		}
		s.progress(Progress{Elapsed: elapsed, RowsRead: rows + 1_000_000}) // no time has passed: no rate to tell
		if s.rate > 10_000 {
			t.Errorf("it shows %f", s.rate)
		}
	})
}

// On a terminal the line is overwritten, and wiped for a line of its own; what is last stays.
func TestOnATerminalTheLineIsOverwritten(t *testing.T) {
	var b bytes.Buffer
	s := newStatusLine(&b)
	s.terminal = true
	s.show(Progress{Elapsed: time.Second, RowsRead: 1})
	s.show(Progress{Elapsed: 2 * time.Second, RowsRead: 2})
	s.show(CheckpointFailed{Checkpoint: 1, Err: errors.New("full")})
	s.show(Progress{Elapsed: 3 * time.Second, RowsRead: 3})
	s.end()
	const wipe = "\r\x1b[K"
	parts := strings.Split(b.String(), wipe)
	if len(parts) != 5 || parts[0] != "" || parts[3] != "checkpoint 1 failed: full\n" ||
		!strings.HasSuffix(parts[4], "stored\n") {
		t.Fatalf("%q", b.String())
	}
	for i, rows := range map[int]string{1: "1 rows", 2: "2 rows", 4: "3 rows"} {
		if !strings.Contains(parts[i], rows) || strings.Contains(strings.TrimSuffix(parts[i], "\n"), "\n") {
			t.Errorf("part %d is %q", i, parts[i])
		}
	}
}

func TestAFileIsNotATerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if newStatusLine(f).terminal {
		t.Error("it is taken for one")
	}
}
