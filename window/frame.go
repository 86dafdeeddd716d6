package window

import (
	"fmt"
	"time"
)

// Frame says which rows of its key are aggregated for a row (SQL's OVER): itself, and rows before it in the order of
// event time. It is a value; the zero Frame is not valid.
type Frame struct {
	kind      frameKind
	rows      int
	span      time.Duration
	unbounded bool
}

type frameKind uint8

const (
	noFrame frameKind = iota
	byRows
	byRange
)

// RowsPreceding is the row and so many before it (ROWS n PRECEDING). Rows of the same time are in the order in which
// they came.
func RowsPreceding(rows int) Frame { return Frame{kind: byRows, rows: rows} }

// RangePreceding is all rows from so long before the row up to its own time, with all of that same time (RANGE interval
// PRECEDING).
func RangePreceding(span time.Duration) Frame { return Frame{kind: byRange, span: span} }

// RowsUnbounded is the row and all before it (ROWS UNBOUNDED PRECEDING).
func RowsUnbounded() Frame { return Frame{kind: byRows, unbounded: true} }

// RangeUnbounded is all rows up to the row's own time, with all of that same time (RANGE UNBOUNDED PRECEDING).
func RangeUnbounded() Frame { return Frame{kind: byRange, unbounded: true} }

// Validate says what is wrong with the description.
func (f Frame) Validate() error {
	switch {
	case f.kind == noFrame:
		return fmt.Errorf("no frame is described: use RowsPreceding, RangePreceding, RowsUnbounded or RangeUnbounded")
	case f.rows < 0:
		return fmt.Errorf("the frame has %d rows preceding: it must not be negative", f.rows)
	case f.span < 0 || f.span%time.Millisecond != 0:
		return fmt.Errorf("the frame has %v preceding: it must be whole milliseconds and not negative", f.span)
	}
	return nil
}

// IsRange tells frames by time from those by rows.
func (f Frame) IsRange() bool { return f.kind == byRange }

// IsUnbounded reports whether the frame begins with the first row of the key.
func (f Frame) IsUnbounded() bool { return f.unbounded }

// Rows is the number of rows before the row itself.
func (f Frame) Rows() int64 { return int64(f.rows) }

// Span is the time before the row in milliseconds.
func (f Frame) Span() int64 { return f.span.Milliseconds() }
