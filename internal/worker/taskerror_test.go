package worker

import (
	"errors"
	"fmt"
	"slices"
	"testing"
)

func TestAnErrorOfATaskSaysWhoseItIsAndReadsAsBefore(t *testing.T) {
	a := attemptOf(t, sumJob())
	broken := errors.New("broken")
	var all []string
	for id := range a.tasks {
		err := a.taskError(id, broken)
		task, ok := errors.AsType[*TaskError](fmt.Errorf("more: %w", err))
		if !ok || !errors.Is(err, broken) || err.Error() != "broken" {
			t.Fatalf("%v", err)
		}
		all = append(all, fmt.Sprint(task.UID, "/", task.Subtask))
	}
	if want := []string{"from/0", "from/1", "sum/0", "sum/1"}; !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}
