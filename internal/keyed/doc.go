// Package keyed holds the hot tables: the keyed state of one subtask, typed and in memory, over the tables below
// that have all of it and that survive the process.
//
//	key ─► directory (a part per key group) ─► slot ─► column page: present, dirty, values
//	                                              ├──► map entries: (slot, map key) ─► value
//	                                              ├──► lists: a map from sequences to chunks of rows, whose
//	                                              │    bytes are in an arena
//	                                              ├──► sums: the part that is being added to, with its sequence
//	                                              └──► timers: (time, slot)
//	(window slice, key) ─► pane: a directory and a column of its own, dropped as a whole
//
// A Frozen takes what has changed to the tables below; what is in them and not in memory is read through Below. A
// snapshot may be taken early, when much has changed, and several may be on their way: each may be written while
// the store goes on. When the Budget is spent, keys, entries, timers and panes that have not been used for long
// are evicted: for slots that are to be used again, or, where values take more than their pages, for memory that goes
// back to the process. A key goes with the few entries that its maps and lists have; timers keep it, and where these keep
// all that takes much memory the latest of them go first.
//
// # What is in memory, and what is known
//
// A part of a directory (a key group) is partial when the tables below may have keys that it has not: after a
// restore, and after an eviction. A key that such a part does not have is looked for below, all of a batch and
// all of their values in one read; one that any other part does not have is nowhere. Of what is below and not in memory
// a store has a filter: a key that this does not have is nowhere either. Keys come into it when they are evicted, and
// after a restore by a census of the tables that goes on as new keys are looked for. What was looked for in vain stays
// known while its slot does. The entries of a map are looked for one by one, or all at once when the map is asked for as
// a whole; a map is whole or in part as a directory is. Of the timers of a part, those up to some time are in memory.
// Lists and sums are added to unread: what they are given is a part of its own below, ordered by a sequence that
// ascends over restores too.
//
// A map that is asked for as a whole comes into memory as a whole if it is not large, some thousand entries or a quarter
// of a megabyte. Of a larger one the rest is read stretch by stretch and not kept. So is a list.
//
// # What is read ahead
//
// An Ahead reads while the store is used: keys of a batch (Find, Pane.Seek), and what a record says it will touch (Want,
// WantAll). Timers come with a Due, parts of panes with a Walk. Each notes what had been written when it began. What
// memory has when it is taken is newer; and when more has been written since, memory may have forgotten a change that
// the read did not see, so what could have changed is not taken, and is read when it is used.
//
// # What expires
//
// A state may have a time-to-live. Its values have a time at which they expire, in memory beside the value, below
// before it; reads pass by what has expired. The time is what the store was told last. Sweep removes what has expired
// from memory, a part at a time. What is below and not in memory is found by who sweeps the tables and comes as
// suspects to Expire, which looks each up as any key and removes what has really expired: a tombstone goes into the
// next snapshot.
//
// A list's rows expire one by one, and the chunk with the last of its rows. A sum's parts say since when they are
// there and when the whole expires: who merges two finds out whether the first had expired before the second began.
//
// # What always holds
//
//   - A store belongs to one goroutine at a time. A Frozen, and the Read of an Ahead or Due, and nothing else, may be
//     used by another meanwhile. A Walk waits for its goroutines when it is closed.
//   - What a Frozen is to write does not change: what it wants of a page is saved, or has been read, before the
//     page changes again; a slot keeps its key until the last tombstone of it is written.
//   - A block of an arena is somebody else's only when no snapshot that has not been forgotten may read it. Who goes
//     through a list has a copy of what memory had of it.
//   - A freeze takes time that does not depend on the size of the state: it swaps lists and bumps the epoch.
//   - A Frozen that is released gives all its changes to the next freeze: no change is ever in none.
//   - Changes are written in the order of table keys: operator, key group, state, then what the state is keyed
//     by.
//   - Timers that have fired are deleted below as a range of times: only what was set in the epoch is alive in it.
//   - A state below that the program does not declare is never read, and deleted by the first snapshot that is
//     written.
//   - Only what the tables below have is evicted: what changed in an epoch stays until its snapshot can be read
//     there. So memory goes beyond the limit by what is not written, and by a page for each part.
//   - What memory has goes before what is below, a tombstone included. A pane made again after a drop is not
//     evicted before the drop is written: the tables below still have the old one.
//   - The slots of a batch stay where they are until the next Lookup, a held one until it is released.
//   - A read for user code may let other records use the store before it returns: those of other keys, with a slot
//     that is held. It leaves nothing behind meanwhile that they could change or that could change under it: no
//     pointer, no shared buffer, no slot of an entry that is not kept. Lookup, Expire, timers and panes keep the turn.
//   - Nothing is forgotten of a map or list that is being gone through: no entry, and no tombstone. So what memory has
//     goes before what was read, however long ago.
//   - What a record in flight works with does not expire under it: a later sweep finds it.
//   - A live key is never removed because an old version of it has expired: what is in memory decides, and then the
//     newest value below, whatever a sweep has seen.
//   - A value written without an expiry that is read with a time-to-live has it begin then; one written with an
//     expiry that is read without a time-to-live has none.
//   - A read that fails leaves nothing behind that could be taken for absent.
//   - A value below begins with the number of the schema it was written with, so that a state whose type has
//     changed is read and never written again for that. There are numbers for 128.
//   - A hit allocates nothing and encodes nothing; nor does an addition to a list or a sum read anything.
package keyed
