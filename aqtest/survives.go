package aqtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/internal/bubble"
)

// places is at how many places of its input, at most, a job is disturbed.
const places = 5

// Survives runs a job undisturbed, and then again and again: crashed with and without a checkpoint before, and rescaled
// to more subtasks and to fewer, at several places of its input. The test fails if the rows of the stream are not
// the same each time, in any order; rows are the same if their JSON is. It returns the rows of the undisturbed job.
//
// A job fails this whose function keeps something outside of state, whose result depends on the clock or on chance,
// or on the order in which rows of different keys come.
func Survives[T any](t *testing.T, build func(*Job) aquifer.Stream[T]) (rows []T) {
	t.Helper()
	var err error
	bubble.Test(t, func(t *testing.T) { rows, err = survives(t.Context(), build) })
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func survives[T any](ctx context.Context, build func(*Job) aquifer.Stream[T]) ([]T, error) {
	rows, given, err := collect(ctx, build, nil)
	if err != nil {
		return nil, fmt.Errorf("the job failed: %w", err)
	}
	want, err := lines(rows)
	if err != nil {
		return nil, err
	}
	for _, options := range disturbances(given) {
		rows, err := Collect(ctx, build, options...)
		if err != nil {
			return nil, fmt.Errorf("with %v, the job failed: %w", options, err)
		}
		got, err := lines(rows)
		if err != nil {
			return nil, err
		}
		if difference := differ(got, want); difference != "" {
			return nil, fmt.Errorf("with %v, the result is another: %s", options, difference)
		}
	}
	return rows, nil
}

// disturbances are what happens in each run of a job with so many rows of input.
func disturbances(rows int) (all [][]Option) {
	for i := range min(places, rows) {
		at := rows * (i + 1) / min(places, rows)
		all = append(all,
			[]Option{Crash(at)},
			[]Option{Checkpoint(at / 2), Crash(at)},
			[]Option{Parallelism(2), Rescale(at/2, 3), Rescale(at, 1)})
	}
	return all
}

// lines are rows as JSON, sorted.
func lines[T any](rows []T) ([]string, error) {
	all := []string{}
	for _, row := range rows {
		text, err := json.Marshal(row)
		if err != nil {
			return nil, fmt.Errorf("rows are compared by their JSON: %w", err)
		}
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all, nil
}

// differ says how sorted lines differ from others, with the first that one of them has alone; nothing if they do not.
func differ(got, want []string) string {
	for i := range max(len(got), len(want)) {
		switch {
		case i == len(got) || i < len(want) && want[i] < got[i]:
			return fmt.Sprintf("%d rows instead of %d; missing is %s", len(got), len(want), want[i])
		case i == len(want) || got[i] < want[i]:
			return fmt.Sprintf("%d rows instead of %d; not wanted is %s", len(got), len(want), got[i])
		}
	}
	return ""
}
