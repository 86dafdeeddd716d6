package soak

import (
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/discard"
)

// runOnce runs a job to its end in a directory.
func runOnce(t *testing.T, p Plan, out string) error {
	t.Helper()
	job := aquifer.NewJob("ledger")
	Build(job, p, out)
	_, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 2, Restarts: -1})
	return err
}

func TestAJobWritesTheTotalsOfItsPlan(t *testing.T) {
	p, out := Plan{Parts: 2, Keys: 500, Passes: 6, Share: 4, Payload: 20}, t.TempDir()
	must(t, runOnce(t, p, out))
	if got := (soaked{out: out}).totals(t); !slices.Equal(got, p.Totals()) {
		t.Errorf("%v, want %v", got, p.Totals())
	}
}

// Every row comes twice: the second time the state is not what it says.
func TestStateThatIsNotWhatThePlanSaysEndsTheJob(t *testing.T) {
	p := Plan{Parts: 1, Keys: 100, Passes: 0, Share: 1, Payload: 20}
	job := aquifer.NewJob("ledger")
	twice := aquifer.Union(aquifer.From(job, "a", rows{p}), aquifer.From(job, "b", rows{p}))
	visits := aquifer.KeyBy(twice, func(row *int64) int64 { return p.At(*row).Key })
	entries := aquifer.Process(visits, "ledger", func() aquifer.ProcessFunc[int64, entry] { return &ledger{plan: p} })
	aquifer.To(entries, "out", discard.New[entry]())
	_, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 1, Restarts: -1})
	if err == nil || !strings.Contains(err.Error(), "has been visited 1 times, want 0") {
		t.Error(err)
	}
}

func TestNumbersAreSummedUpByNameAndByLabel(t *testing.T) {
	n := numbers{}
	for _, line := range []string{
		`# HELP a_total Rows {of="x"} 1`, `a_total{operator="x",subtask="0"} 5`, `a_total{operator="y",subtask="0"} 1e2`, "b 3", "",
	} {
		n.add(line)
	}
	if n["a_total"] != 105 || n["a_total:x"] != 5 || n["a_total:0"] != 105 || n["b"] != 3 {
		t.Errorf("%v", n)
	}
}
