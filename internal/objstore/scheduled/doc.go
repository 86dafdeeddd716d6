// Package scheduled decides in which order the requests of a process go to an object store, around any other: by what
// they are made for ([objstore.PurposeOf]). One of it serves a process.
//
//	arrive ─► wait, by purpose ─► granted ─► the request ─► finished, the next are granted
//
// What always holds:
//
//   - No more requests are under way than the limits say, in all and of each purpose.
//   - Of those that wait for room, the most urgent are granted first, and those of one purpose in the order in which
//     they came. What is under way is not interrupted.
//   - Each purpose has a share that no other can take, so none waits for ever.
//   - A compaction rests for as long as its last requests took, while requests of records or of checkpoints wait or are
//     under way. It rests before it writes or reads much, never before a small read, such as that of an index, which a
//     record may be waiting for; and it holds no room meanwhile.
//   - An object that is being written takes room during its writes and its end, not in between.
//   - What waits goes when its context ends. Nothing is locked during a request.
//
// Listing, locking and giving up an object are not scheduled: they are rare, and whoever lists makes requests between
// one name and the next. Of S3, a write hands parts to uploads of the writer's own, two at a time, and has room while
// it waits for these.
package scheduled
