// Package async decides which records of a keyed operator may run while others wait for their state: key order,
// the order of records and events, and how many records may be in flight. It runs nothing itself: the operator
// tells it what came and what ended, asks what may run next, and runs it, all on one goroutine.
//
// A record in flight has not started, or it has started and is inside its function until it ends: then it runs, or
// is parked, which is the same here. An event is what is no record: a watermark, idleness. Events divide the
// records into epochs. Records that an event itself causes, its timers, are derived from it.
//
// What always holds:
//
//   - Of a key at most one record is started. Records of a key start in the order in which they were admitted.
//   - An event is due when all records before it have ended and all events before it have left. It leaves when, in
//     addition, it is settled and everything that was derived from it has ended. So events leave in their order.
//   - A record starts only when all events before it have left, but for one that overtakes events: that may start
//     earlier, unless records before it, which do not overtake, wait for theirs.
//   - Next finds every record that has what it reads, whose key is free and whose epoch may run; the one that was
//     admitted first at first.
//   - Nothing is allocated per record once as many have been in flight before.
//
// The place of a timer. One that fires at watermark W stands behind the timers of its key that were derived
// before, and in front of all records of the key that came after W and have not started, even if they could start
// now. In the order of the input it comes before them, and whoever lets records overtake events gives up that order
// only where keeping it would mean to wait. Behind a record that came after W and has started it has to wait,
// because a record runs to completion. So where no record overtakes, and none of those has started, a key sees exactly
// the order of the input.
//
// Order by first access. Instead of waiting for its key from the beginning, a record may begin without a key, and
// enter its key's queue when it accesses state for the first time. Such records of a key use state in the order of
// their first access, one after the other. A record that may not begin yet, because an event waits, is admitted with
// its key: then its first access counts as made when it came.
package async
