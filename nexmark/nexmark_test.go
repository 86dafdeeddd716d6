package nexmark

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/nexmark"
)

// result is a line of the vectors: what two independent engines agree on.
type result struct {
	query  string
	config nexmark.Config
	want   string
}

func results(t *testing.T) []result {
	t.Helper()
	f, err := os.Open("../connector/nexmark/testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []result
	for in := bufio.NewScanner(f); in.Scan(); {
		var r result
		var rows int64
		var hash string
		c := &r.config
		_, err := fmt.Sscanf(in.Text(), "result %s %d %d %d %d : %d %s",
			&r.query, &c.Events, &c.Seed, &c.Rate, &c.Group, &rows, &hash)
		if err != nil {
			continue
		}
		r.want = fmt.Sprint(rows, " ", hash)
		if _, err := ByName(r.query); err == nil {
			all = append(all, r)
		}
	}
	if len(all) < len(queries) {
		t.Fatalf("only %d results for %d queries", len(all), len(queries))
	}
	return all
}

func run(t *testing.T, r result, o aquifer.RunOptions) string {
	t.Helper()
	q, err := ByName(r.query)
	if err != nil {
		t.Fatal(err)
	}
	job, out := aquifer.NewJob("test"), NewOutput("hash")
	q.Build(job, r.config, out)
	ran, err := job.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !ran.Finished || ran.RowsRead != r.config.Events {
		t.Errorf("finished %v after %d of %d events", ran.Finished, ran.RowsRead, r.config.Events)
	}
	rows, hash := out.Total()
	return fmt.Sprint(rows, " ", HashText(hash))
}

func TestResultsEqualThoseOfIndependentEngines(t *testing.T) {
	for _, r := range results(t) {
		parallelism := []int{1, 2, 4}
		if testing.Short() {
			parallelism = []int{2}
		}
		for _, p := range parallelism {
			t.Run(fmt.Sprintf("%s/seed=%d,rate=%d,group=%d/parallelism=%d", r.query, r.config.Seed, r.config.Rate,
				r.config.Group, p), func(t *testing.T) {
				o := aquifer.RunOptions{Parallelism: p, CheckpointInterval: 50 * time.Millisecond}
				if got := run(t, r, o); got != r.want {
					t.Errorf("rows and hash %s, want %s", got, r.want)
				}
			})
		}
	}
}

func TestAnUnknownQueryIsRefusedWithTheNamesOfAll(t *testing.T) {
	_, err := ByName("q99")
	if err == nil || !strings.Contains(err.Error(), "q0, q1, q2, q5, q11, q14, q18, q21, q22") {
		t.Errorf("%v", err)
	}
}
