// Package keyed holds the hot tables: the keyed state of one subtask, typed and in memory.
//
//	key ─► directory (a part per key group) ─► slot ─► column page: present, dirty, values
//	                                              ├──► map entries: (slot, map key) ─► value
//	                                              └──► timers: (time, slot)
//	(window slice, key) ─► pane: a directory and a column of its own, dropped as a whole
//
// What always holds:
//
//   - A store belongs to one goroutine at a time. A Frozen, and nothing else, may be used by another meanwhile.
//   - What a Frozen is to write does not change: what it wants of a page is saved, or has been read, before the page
//     changes again; a slot whose tombstone is unwritten keeps its key.
//   - A freeze takes time that does not depend on the size of the state: it swaps lists and bumps the epoch. Only a
//     freeze of the whole state looks at every page once.
//   - A Frozen that is released gives all its changes to the next freeze: no change is ever in none.
//   - Changes are written in the order of table keys: operator, key group, state, then what the state is keyed by.
//   - A hit allocates nothing and encodes nothing.
package keyed
