package main

import (
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/control"
)

func TestAJobThatIsRestartedInPartShowsWhichAndWhy(t *testing.T) {
	var out strings.Builder
	must(t, printJob(&out, control.Job{
		Name: "lanes", Status: "restarting", Restarts: 2,
		Operators: []control.Operator{{Name: "in", Parallelism: 1}, {Name: "count", Parallelism: 1, Restarting: true}},
		Failures: []control.Failure{
			{Operator: "count → out (1/1)", UID: "c", Key: "7", Message: "broken\nmore", PauseSeconds: 0.1},
			{Message: "the store is away", PauseSeconds: 0.2},
		},
	}))
	text := strings.Join(strings.Fields(out.String()), " ") // however wide the columns are
	for _, want := range []string{
		"restarts 2 restarting count OPERATOR", "0.1s count → out (1/1) c, key 7: broken", "0.2s - the store is away",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
	if strings.Contains(text, "more") {
		t.Errorf("more than the first line of a message: %s", text)
	}
}
