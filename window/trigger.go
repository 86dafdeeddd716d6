package window

import (
	"fmt"
	"time"
)

// Trigger says when windows fire: whenever one of its conditions holds. So Trigger{EventTime: true, Count: 100} fires
// for every 100 rows, and when the window is complete. Without a trigger windows have Trigger{EventTime: true}.
//
// A firing gives all rows of the window so far, also those that an earlier one has given; the last firing of
// EventTime is the one with all of them, and comes even if no row has come since an earlier firing. With Purging a
// firing gives each row once, and a window that has no row then does not fire. Rows that come late but within the allowed
// lateness make a complete window fire at once if the trigger has EventTime, and count for the other conditions.
//
// A window is forgotten when it is complete and its allowed lateness is over. What has not been given by then is lost,
// if the trigger does not have EventTime.
type Trigger struct {
	// EventTime fires when the window is complete. That of a global window is when bounded input has ended.
	EventTime bool
	// ProcessingTime fires when the machine's clock has come to the end of the window, and soon for each row that comes
	// after that. A global window has no end.
	ProcessingTime bool
	// Count, if not zero, fires when so many rows have come since the window fired last, for whatever reason.
	Count int64
	// ContinuousEventTime, if not zero, fires when event time comes to the first multiple of it (counted from 1970-01-01
	// 00:00 UTC) behind a row that has come since the window fired last.
	ContinuousEventTime time.Duration
	// ContinuousProcessingTime, if not zero, fires when the machine's clock comes to the first multiple of it after a row
	// has come.
	ContinuousProcessingTime time.Duration
	// Purging takes the rows out of the window when it fires.
	Purging bool
}

// Counts reports whether it matters how many rows have come since a window fired last.
func (t Trigger) Counts() bool {
	return t.Count > 0 || t.ContinuousEventTime > 0 || t.ContinuousProcessingTime > 0
}

func (t Trigger) validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"event", t.ContinuousEventTime}, {"processing", t.ContinuousProcessingTime}} {
		if d.value < 0 || d.value%time.Millisecond != 0 {
			return fmt.Errorf("the trigger fires every %v of %s time: it must be a positive number of milliseconds",
				d.value, d.name)
		}
	}
	switch {
	case t.Count < 0:
		return fmt.Errorf("the trigger fires for every %d rows: it must be a positive number", t.Count)
	case !t.EventTime && !t.ProcessingTime && !t.Counts():
		return fmt.Errorf("the trigger never fires: give it a condition, such as EventTime")
	}
	return nil
}

// Next is the first multiple of an interval after a time in milliseconds.
func Next(t int64, interval time.Duration) int64 {
	return floor(t, interval.Milliseconds()) + interval.Milliseconds()
}
