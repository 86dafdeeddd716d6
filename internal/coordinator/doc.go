// Package coordinator runs a job from its last checkpoint to its end: it takes checkpoints, commits sinks,
// restarts what failed. Every decision is made by the pure state machine of package checkpoint; this package
// carries them out, one goroutine for the machine and one for the slow work it asks for.
//
// What always holds:
//
//   - Only the holder of the newest term advances the head; a deposed coordinator fails and changes nothing.
//   - A sink's output becomes visible after the head names the checkpoint that holds it, and is committed
//     again at each start until it has succeeded.
//   - Nothing is written before the restored checkpoint has been found readable and compatible with the
//     program.
//   - A failure is followed by a restart or by the end of the run, and is in the result. A restart is of the region that
//     failed, from a checkpoint of all regions; none is taken while a region does not run.
//   - Run returns after every goroutine it started has ended.
package coordinator
