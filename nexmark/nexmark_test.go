package nexmark

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	if len(all) < len(queries)-1 { // q12 is by the clock
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

var everyParallelism = flag.Bool("nexmark.every", false,
	"each query with all data at all parallelisms, and in lives that end in their middle")

func TestResultsEqualThoseOfIndependentEngines(t *testing.T) {
	for i, r := range results(t) {
		parallelism := []int{[]int{1, 2, 4}[i%3]}
		if *everyParallelism {
			parallelism = []int{1, 2, 4}
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

// Barriers overtake, lives end at once in their middle, and the parallelism is another in the next.
func TestResultsAreTheSameWhenLivesEndInTheirMiddle(t *testing.T) {
	for i, r := range results(t) {
		if !*everyParallelism && i%13 > 0 {
			continue
		}
		t.Run(fmt.Sprintf("%s/seed=%d,rate=%d", r.query, r.config.Seed, r.config.Rate), func(t *testing.T) {
			r.livesEnd(t)
		})
	}
}

func (r result) livesEnd(t *testing.T) {
	q, err := ByName(r.query)
	if err != nil {
		t.Fatal(err)
	}
	dir, ended := t.TempDir(), 0
	for life := 0; ; life++ {
		job, out := aquifer.NewJob("test"), NewOutput("hash")
		q.Build(job, r.config, out)
		ctx, cancel := context.WithCancel(t.Context())
		stored := 0
		ran, err := job.Run(ctx, aquifer.RunOptions{
			Parallelism: []int{2, 3, 1, 2}[min(life, 3)], State: dir,
			CheckpointInterval: 100 * time.Millisecond, UnalignedAfter: -1,
			OnEvent: func(e aquifer.Event) {
				if _, ok := e.(aquifer.CheckpointStored); ok {
					if stored++; stored == 2 && life < 3 {
						cancel()
					}
				}
			},
		})
		cancel()
		if ran.Finished {
			rows, hash := out.Total()
			if got := fmt.Sprint(rows, " ", HashText(hash)); got != r.want {
				t.Errorf("rows and hash %s after %d ends, want %s", got, ended, r.want)
			}
			return
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		ended++
	}
}

func TestCountsByTheClockAreOfAllBids(t *testing.T) {
	q, err := ByName("q12")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	job := aquifer.NewJob("test")
	q.Build(job, nexmark.Config{Events: 50_000, Seed: 1, Rate: 10_000, Group: 1}, NewOutput(dir))
	if _, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 2}); err != nil {
		t.Fatal(err)
	}
	var total int64
	for _, line := range lines(t, dir) {
		var bidder, n int64
		if _, err := fmt.Sscanf(line, "%d|%d", &bidder, &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 46_000 {
		t.Errorf("%d bids, want 46000", total)
	}
}

// lines are those of all files below a directory.
func lines(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, strings.FieldsFunc(string(text), func(c rune) bool { return c == '\n' })...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestBidsAreFiledByDayAndMinute(t *testing.T) {
	q, err := ByName("q10")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	job := aquifer.NewJob("test")
	q.Build(job, nexmark.Config{Events: 5_000, Seed: 1, Rate: 50, Group: 1}, NewOutput(dir))
	if _, err := job.Run(t.Context(), aquifer.RunOptions{Parallelism: 2}); err != nil {
		t.Fatal(err)
	}
	for _, minute := range []string{"hm=00:00", "hm=00:01"} {
		part := lines(t, filepath.Join(dir, "dt=2015-07-15", minute))
		if len(part) == 0 {
			t.Errorf("no rows of %s", minute)
		}
		for _, line := range part {
			if want := "|2015-07-15|" + minute[len("hm="):]; !strings.HasSuffix(line, want) {
				t.Errorf("%s has %q", minute, line)
			}
		}
	}
}

func TestAnUnknownQueryIsRefusedWithTheNamesOfAll(t *testing.T) {
	_, err := ByName("q99")
	if err == nil || !strings.Contains(err.Error(), strings.Join(Names(), ", ")) {
		t.Errorf("%v", err)
	}
}
