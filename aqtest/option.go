package aqtest

import "fmt"

// Option says how a job is run, or what happens to it when its sources have given a number of rows. That number counts
// rows of the input, over all lives and sources, those once that are given again after a crash. What happens, happens in
// the order of the options.
type Option struct {
	kind        kind
	rows        int
	parallelism int
}

type kind int

const (
	start kind = iota
	checkpoint
	crash
	rescale
)

// Parallelism is how many subtasks operators have at first; without the option one.
func Parallelism(subtasks int) Option { return Option{kind: start, parallelism: subtasks} }

// Checkpoint has a checkpoint taken after so many rows: the job goes on from it after a crash.
func Checkpoint(rows int) Option { return Option{kind: checkpoint, rows: rows} }

// Crash ends the job as the death of its process would, when so many rows have been processed, while a checkpoint is
// being taken, and starts it again: it goes on from the last checkpoint before that, or from the beginning.
func Crash(rows int) Option { return Option{kind: crash, rows: rows} }

// Rescale stops the job with a savepoint after so many rows, and starts it again from there with another parallelism.
func Rescale(rows, subtasks int) Option {
	return Option{kind: rescale, rows: rows, parallelism: subtasks}
}

// String is the option as it is written in a test.
func (o Option) String() string {
	switch o.kind {
	case checkpoint:
		return fmt.Sprintf("Checkpoint(%d)", o.rows)
	case crash:
		return fmt.Sprintf("Crash(%d)", o.rows)
	case rescale:
		return fmt.Sprintf("Rescale(%d, %d)", o.rows, o.parallelism)
	}
	return fmt.Sprintf("Parallelism(%d)", o.parallelism)
}
