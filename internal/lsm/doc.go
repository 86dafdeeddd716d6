// Package lsm keeps the state of ranges of keys as sorted tables: immutable objects in the format of Pebble's
// tables, in an object store.
//
// A [TableSet] streams the changes of an epoch into tables. A [Shard] is the state of one range: a Pebble
// database without memtable and log, which takes tables in by reference, merges them in the background and
// answers reads. What a shard consists of is a [List]; opening a list, a part of it or several of them is
// all that restoring and rescaling take.
//
//	tables ──Ingest──► Shard ──Export──► List ──OpenShard──► Shard, same range or a part
//	                     │               List ──┘            (several lists: a wider one)
//	                     └─ compactions write new objects below the shard's own prefix
//
// What always holds, of tables:
//
//   - A table is sorted: ranges to delete by their starts, entries by their keys, each key once.
//   - The ranges to delete of a table apply to older tables only, not to its own entries.
//   - What VerifyTable accepts is what was written: length and checksum of the whole object
//     are compared, and damage is an error of kind base.Corrupt that names the object.
//   - A set of tables that is not finished leaves no object behind.
//
// And of shards:
//
//   - Ingest, Export and OpenShard make no request of their own to the object store, whatever the size of the state.
//   - A list has all of the ingestions that returned before it and nothing of later ones. It stays readable for
//     as long as its objects are there: no object is ever changed, and none is deleted by a shard.
//   - Two shards write under different prefixes, so shards opened from one list do not disturb one another.
//   - What is read is what was written: every block has a checksum, and damage is an error of kind base.Corrupt
//     that names the object, from a read at once, from a compaction at the next Ingest or Export.
//   - A store that fails makes reads fail and compactions wait, with growing pauses; the shard itself goes on.
//   - Compactions give way to what else wants a processor, for as long as they computed, and less the deeper L0 is.
//     L0 has at most deepest sublevels, or fewer where memory is short: Ingest waits for compactions before it has more,
//     these are then as urgent as a checkpoint and do not give way, and the wait ends with the context.
//   - Requests of all reads together are no more than the readers of the process. A read that finds them busy waits for
//     its turn, and calls with many keys give way to others after some keys each. What is in the cache waits for no reader,
//     unless few keys were there lately.
//   - Of a store that answers at once no more reads ask at a time than keep the processors busy: those that came first end
//     first.
//   - No read waits for Warm, but for one request that both make.
//   - A Sweep finds every key in its ranges whose newest value in the shard has expired, and no others. It deletes
//     nothing. What it finds to be deleted already is taken out of the tables, if that is much.
//   - No goroutine of a shard is left after Close, none of Resources after its Close.
package lsm
