// Package aquifer is a stateful stream processor as a library: event time, exactly once, state whose
// primary copy lives in an object store, checkpoints that are lists of immutable objects.
//
// A job is an ordinary program:
//
//	func main() {
//		aquifer.Main(func(job *aquifer.Job) error {
//			lines := aquifer.From(job, "lines", file.Lines("books/*.txt"))
//			words := aquifer.FlatMap(lines, split)
//			byWord := aquifer.KeyBy(words, func(w *Word) string { return w.Text })
//			counts := aquifer.Process(byWord, "count", newCounter)
//			aquifer.To(counts, "out", file.WriteNDJSON[Count]("out"))
//			return nil
//		})
//	}
//
// Streams are described first ([From], [Map], [Filter], [FlatMap], [Union], [KeyBy], [Process], [Async],
// [Aggregate], [Reduce], [ProcessWindow], [Over], [Detect], [To]) and run then, by [Main] or [Job.Run]. Mistakes of a
// description are reported together, before anything runs.
//
// What always holds:
//
//   - Functions get rows by pointer, to read during the call. What they emit is never changed afterwards.
//   - The functions of one subtask are called by one goroutine at a time; different subtasks run at once.
//   - After a failure the job goes on from its last checkpoint: state, positions of sources and the output of
//     sinks that commit in two phases are as if nothing had happened.
package aquifer
