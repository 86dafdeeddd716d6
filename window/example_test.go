package window_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/connector/file"
	"github.com/aquifer-stream/aquifer/connector/print"
	"github.com/aquifer-stream/aquifer/window"
)

// Click is a row of the input.
type Click struct {
	User string `csv:"user"`
	// Second is when it was, since 1970.
	Second int64 `csv:"second"`
}

const clicks = `user,second
ann,5
ann,50
ann,65
ann,170
`

// count counts the clicks of each user in windows and prints the results.
func count(w window.Window) error {
	dir, err := os.MkdirTemp("", "clicks")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "clicks.csv"), []byte(clicks), 0o644); err != nil {
		return err
	}
	job := aquifer.NewJob("clicks")
	input := aquifer.From(job, "clicks", file.CSV[Click](filepath.Join(dir, "*.csv")),
		aquifer.Monotonic(func(c *Click) int64 { return c.Second * 1000 }))
	byUser := aquifer.KeyBy(input, func(c *Click) string { return c.User })
	counts := aquifer.Aggregate(byUser, "counts", w, aquifer.Count[Click]())
	aquifer.To(counts, "out", print.To(os.Stdout, line))
	_, err = job.Run(context.Background(), aquifer.RunOptions{Parallelism: 1})
	return err
}

func line(dst []byte, w *aquifer.Windowed[string, int64]) []byte {
	return fmt.Appendf(dst, "%s from second %d to %d: %d", w.Key, w.Start/1000, w.End/1000, w.Value)
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
	}
}

// One window after the other.
func ExampleTumbling() {
	check(count(window.Tumbling(time.Minute)))
	// Output:
	// ann from second 0 to 60: 2
	// ann from second 60 to 120: 1
	// ann from second 120 to 180: 1
}

// Windows that begin half a minute behind the full one.
func ExampleWindow_Offset() {
	check(count(window.Tumbling(time.Minute).Offset(30 * time.Second)))
	// Output:
	// ann from second -30 to 30: 1
	// ann from second 30 to 90: 2
	// ann from second 150 to 210: 1
}

// A window of a minute every half minute: a row belongs to two of them.
func ExampleSliding_overlapping() {
	check(count(window.Sliding(time.Minute, 30*time.Second)))
	// Output:
	// ann from second -30 to 30: 1
	// ann from second 0 to 60: 2
	// ann from second 30 to 90: 2
	// ann from second 60 to 120: 1
	// ann from second 120 to 180: 1
	// ann from second 150 to 210: 1
}

// A session ends when a user has not clicked for longer than a minute.
func ExampleSession() {
	check(count(window.Session(time.Minute)))
	// Output:
	// ann from second 5 to 125: 3
	// ann from second 170 to 230: 1
}

// A count of all clicks of the minute so far, whenever there have been two more, and the final one.
func ExampleWindow_Trigger() {
	check(count(window.Session(time.Minute).Trigger(window.Trigger{EventTime: true, Count: 2})))
	// Output:
	// ann from second 5 to 110: 2
	// ann from second 5 to 125: 3
	// ann from second 170 to 230: 1
}

// A window that never ends has to be told when to fire.
func ExampleGlobal() {
	fmt.Println(window.Global().Validate())
	fmt.Println(window.Global().Trigger(window.Trigger{Count: 10, Purging: true}).Validate())
	// Output:
	// a global window never ends: give it a Trigger; one of EventTime fires when bounded input ends
	// <nil>
}
