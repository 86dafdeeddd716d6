package aqtest

import (
	"time"

	"github.com/aquifer-stream/aquifer/flow"
)

// Step is one of what a scripted source gives: a row, a watermark or a pause.
type Step[T any] struct {
	row   *T
	time  int64
	pause time.Duration
}

// At is a row with an event time in milliseconds since 1970 UTC, in any order; flow.NoTime for none.
func At[T any](time int64, row T) Step[T] { return Step[T]{row: &row, time: time} }

// Rows are rows without event times.
func Rows[T any](rows ...T) []Step[T] {
	var all []Step[T]
	for _, row := range rows {
		all = append(all, At(flow.NoTime, row))
	}
	return all
}

// Watermark says that event time, in milliseconds, has come to a time: rows with earlier times that follow are late. One
// that is not later than that before has no effect.
func Watermark[T any](time int64) Step[T] { return Step[T]{time: time} }

// Pause lets so much time pass, by the clock of the job, before what follows.
func Pause[T any](d time.Duration) Step[T] { return Step[T]{pause: d} }

// moved is what travels from the source: a row with its time, or none, at the place of a watermark.
type moved[T any] struct {
	row       *T
	time      int64
	watermark int64
}
