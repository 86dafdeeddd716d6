package aquifer

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/coordinator"
)

// statusLine shows a running job to a person: one line that is overwritten on a terminal, or a line every
// few seconds elsewhere, and a line for each event that matters.
type statusLine struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	shown    bool // an unfinished line is on the terminal

	printed  time.Time
	last     coordinator.Progress
	rate     float64
	stored   uint64
	storedAt time.Time
	bytes    int64
}

// linePause is the time between lines where they cannot be overwritten.
const linePause = 5 * time.Second

func newStatusLine(w io.Writer) *statusLine {
	s := &statusLine{w: w, printed: time.Now()}
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			s.terminal = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return s
}

// show takes the event in.
func (s *statusLine) show(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := e.(type) {
	case coordinator.Resumed:
		s.say("resumed from checkpoint %d, taken %s", e.Checkpoint, e.Taken.Format(time.DateTime))
	case coordinator.CheckpointStored:
		s.stored, s.storedAt, s.bytes = e.Checkpoint, time.Now(), e.Bytes
	case coordinator.CheckpointFailed:
		s.say("checkpoint %d failed: %v", e.Checkpoint, e.Err)
	case coordinator.CollectionFailed:
		s.say("unneeded objects could not be deleted, will try again: %v", e.Err)
	case coordinator.CacheFailed:
		s.say("the disk cache failed, reads ask the store: %v", e.Err)
	case coordinator.MetricsServed:
		s.say("metrics are at %s", e.URL)
	case coordinator.ControlFailed:
		s.say("aquifer job cannot reach this one: %v", e.Err)
	case coordinator.Restarting:
		what := ""
		if e.Operators != nil {
			what = " " + strings.Join(e.Operators, ", ")
		}
		s.say("failed, restarting%s from the last checkpoint in %v: %v", what, e.After.Round(time.Millisecond), e.Err)
	case coordinator.Progress:
		s.progress(e)
	}
}

func (s *statusLine) progress(p coordinator.Progress) {
	if d := (p.Elapsed - s.last.Elapsed).Seconds(); d > 0 {
		rate := float64(p.RowsRead-s.last.RowsRead) / d
		s.rate += (rate - s.rate) * min(1, d) // smoothed over about a second
	}
	s.last = p
	switch {
	case s.terminal:
		fmt.Fprintf(s.w, "\r\x1b[K%s", s.line())
		s.shown = true
	case time.Since(s.printed) >= linePause:
		s.printed = time.Now()
		fmt.Fprintln(s.w, s.line())
	}
}

// line is the state of the job in one line.
func (s *statusLine) line() string {
	checkpoint := "none yet"
	if s.stored > 0 {
		checkpoint = fmt.Sprintf("%d, %.1f s ago", s.stored, time.Since(s.storedAt).Seconds())
	}
	line := fmt.Sprintf("%s rows/s, %s rows, event time %s, checkpoint %s, state %s in memory, %s stored",
		amount(s.rate), amount(float64(s.last.RowsRead)), eventTime(s.last.Watermark), checkpoint,
		size(s.last.StateBytes), size(s.bytes))
	if s.last.Late > 0 {
		line += fmt.Sprintf(", %d late", s.last.Late)
	}
	if s.last.Bad > 0 {
		line += fmt.Sprintf(", %d bad", s.last.Bad)
	}
	return line
}

// say prints a line of its own.
func (s *statusLine) say(format string, args ...any) {
	if s.shown {
		fmt.Fprint(s.w, "\r\x1b[K")
		s.shown = false
	}
	fmt.Fprintf(s.w, format+"\n", args...)
}

// end leaves the last line standing.
func (s *statusLine) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown {
		fmt.Fprintln(s.w)
	}
}

func eventTime(ms int64) string {
	switch ms {
	case flow.NoTime:
		return "not begun"
	case flow.EndOfTime:
		return "complete"
	}
	return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04:05")
}

// amount is a number with three digits and a unit: 12.3 k, 4.56 M.
func amount(x float64) string {
	switch {
	case x >= 1e9:
		return fmt.Sprintf("%.2f G", x/1e9)
	case x >= 1e6:
		return fmt.Sprintf("%.2f M", x/1e6)
	case x >= 1e3:
		return fmt.Sprintf("%.1f k", x/1e3)
	}
	return fmt.Sprintf("%.0f", x)
}

func size(bytes int64) string {
	switch {
	case bytes >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	case bytes >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
	case bytes >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%d B", bytes)
}
