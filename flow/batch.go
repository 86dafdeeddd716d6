package flow

import "math"

// Event times are milliseconds since 1970-01-01 UTC.
const (
	// NoTime is the event time of a row that has none.
	NoTime int64 = math.MinInt64
	// EndOfTime is the watermark after the last row of a bounded stream: every window closes.
	EndOfTime int64 = math.MaxInt64
)

// Batch is a group of rows that travel together: rows beside columns of what the engine knows of them.
// A batch is used by one goroutine at a time and has one owner, who may change or recycle it. Strings
// inside rows are never overwritten, so a string (but not a pointer to a row) may be kept.
type Batch[T any] struct {
	// Rows are the records, in order.
	Rows []T
	// Times are the event times of the rows, in milliseconds, or NoTime. It is as long as Rows.
	Times []int64
	// Hashes are the hashes of the rows' keys after a key-by, and empty elsewhere.
	Hashes []uint64
	// Bad are records that a source could not decode, in order. Only sources fill it.
	Bad []BadRecord
}

// Len is the number of rows.
func (b *Batch[T]) Len() int { return len(b.Rows) }

// Append adds a row with its event time in milliseconds.
func (b *Batch[T]) Append(row T, time int64) {
	b.Rows = append(b.Rows, row)
	b.Times = append(b.Times, time)
}

// Next adds a zero row with the given event time and returns it, to be filled in place. The pointer is
// valid until the next row is added.
func (b *Batch[T]) Next(time int64) *T {
	var zero T
	b.Rows = append(b.Rows, zero)
	b.Times = append(b.Times, time)
	return &b.Rows[len(b.Rows)-1]
}

// Reset empties the batch and keeps its memory. Rows are zeroed, so that what they point to can be freed.
func (b *Batch[T]) Reset() {
	clear(b.Rows)
	clear(b.Bad)
	b.Rows, b.Times, b.Hashes, b.Bad = b.Rows[:0], b.Times[:0], b.Hashes[:0], b.Bad[:0]
}

// BadRecord is a piece of input that could not be decoded.
type BadRecord struct {
	// Split names the file, partition or other split it was read from.
	Split string `json:"split"`
	// Line is its line, counted from 1, or 0 where the source has no lines.
	Line int64 `json:"line,omitempty"`
	// Offset is its first byte in the split (after decompression).
	Offset int64 `json:"offset"`
	// Raw is the piece itself, cut to 4 KiB.
	Raw []byte `json:"raw"`
	// Reason says what is wrong with it.
	Reason string `json:"reason"`
}
