package aqtest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/aqtest"
	"github.com/aquifer-stream/aquifer/window"
)

// perMinute is what a program does with visits, and what is to be tested.
func perMinute(visits aquifer.Stream[string]) aquifer.Stream[aquifer.Windowed[string, int64]] {
	byPage := aquifer.KeyBy(visits, func(page *string) string { return *page })
	return aquifer.Aggregate(byPage, "per-minute", window.Tumbling(time.Minute), aquifer.Count[string]())
}

// A row comes out of order, and one too late; the job crashes behind a checkpoint. A test calls Run or Survives, which
// fail it; Collect does the same where there is no test, as here.
func Example() {
	rows, err := aqtest.Collect(context.Background(), func(job *aqtest.Job) aquifer.Stream[aquifer.Windowed[string, int64]] {
		return perMinute(aqtest.From(job, "visits",
			aqtest.At(30_000, "home"),
			aqtest.At(61_000, "home"),
			aqtest.At(20_000, "home"),
			aqtest.Watermark[string](60_000),
			aqtest.At(59_999, "home"),
		))
	}, aqtest.Checkpoint(2), aqtest.Crash(3))
	if err != nil {
		fmt.Println(err)
	}
	for _, w := range rows {
		fmt.Println(w.Key, w.Start/1000, "to", w.End/1000, "seconds:", w.Value)
	}
	// Output:
	// home 0 to 60 seconds: 2
	// home 60 to 120 seconds: 1
}
