// Package memory divides the memory of a process among what can do with more or with less of it: the hot tables and
// the blocks of tables. The rest, rows on their way and buffers above all, takes what it needs, which is measured.
//
//	limit ─► 3/5 to 4/5 may be alive ─► less what the rest takes ─► hot tables, and blocks of tables, by need
//
// What always holds:
//
//   - The runtime is told the whole limit, so that it collects garbage more often near it. What is alive is kept to
//     three fifths of it: near the limit the collector would run all the time. Tables without pointers give it little to
//     do and it leaves little garbage: with these up to four fifths are alive.
//   - Who does not fill a share gives what is left of it to the other. Blocks are never given less than the least that
//     reads need, and no more than a quarter while the hot tables want more.
//   - The share of the hot tables grows in steps, each after the collector has told what is alive: tables give back
//     slots, not memory, so that a share once used up cannot be taken back without opening them anew.
//   - A limit that the user has set by GOMEMLIMIT is left alone, and what was set before comes back at the end.
package memory
