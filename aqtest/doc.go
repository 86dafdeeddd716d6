// Package aqtest tests jobs under plain go test: input is scripted row by row, output is what a reader of an exactly-once
// sink sees, and in between the job is crashed, or stopped and started again with another parallelism, at places of
// the test's choice.
//
//	func visits(job *aqtest.Job) aquifer.Stream[aquifer.Windowed[string, int64]] {
//		in := aqtest.From(job, "visits",
//			aqtest.At(1000, Visit{"home"}),
//			aqtest.At(500, Visit{"home"}),   // out of order
//			aqtest.Watermark[Visit](60_000), // the window closes
//			aqtest.At(700, Visit{"home"}),   // late
//		)
//		return perMinute(in) // the function under test
//	}
//
//	func TestVisits(t *testing.T) {
//		rows := aqtest.Run(t, visits, aqtest.Checkpoint(1), aqtest.Crash(2), aqtest.Rescale(3, 4))
//		aqtest.Golden(t, "testdata/visits.ndjson", rows)
//		aqtest.Survives(t, visits)
//	}
//
// A test's jobs run in a bubble of testing/synctest, so their clock is virtual: processing time passes in a [Pause],
// which takes none. What they use must be made in the function that describes the job, if it is a channel or a timer, and the
// test itself must not be in a bubble.
//
// What always holds:
//
//   - A watermark is where the script has it, and comes only from there and from the end of the input. It has been dealt
//     with by all subtasks before the next row comes.
//   - There are no checkpoints but those asked for and the last one: what is lost in a crash is known.
//   - The function that describes a job is called once for each of its lives, as by a new process. What it keeps
//     outside of state and streams is not brought back by a checkpoint, and [Survives] finds that.
package aqtest
