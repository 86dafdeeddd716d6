// Package nfa finds the matches of a pattern in rows that come one after the other. It is pure: its caller keeps what
// it remembers, and tells it rows and the progress of time.
//
// A pattern is compiled into a nondeterministic automaton. A run of it is what has been matched so far: the rows taken,
// and the stages that may still take the next one. All runs look at each row; a stage that takes it makes another run,
// beside the one that goes on without it, if contiguity lets it.
//
// Rows are in a shared buffer, after Agrawal, Diao, Gyllstrom, Immerman: Efficient Pattern Matching over Event Streams
// (SIGMOD 2008), which is that of SASE+. A row that runs have taken is there once. A node says that a stage has taken a
// row, and points to the node before it; a run refers to its last node, so runs share what they have in common. All are
// counted: what no run needs any more is freed at once.
//
//	run ──► node (c, row 4) ──► node (b, row 2) ──► node (a, row 1)
//	run ──► node (b, row 3) ───────────────────────────┘
//
// What always holds:
//
//   - Each sequence of rows and stages that may become a match is one run, and nothing is a run twice.
//   - Runs are in the order of their rows, compared row by row, a longer one ahead of what it begins with; so they
//     are in the order in which they began, too.
//   - The buffer has nodes and rows of runs and of matches that wait, and no others. It is empty when there are none.
//   - What is found depends on the rows, their order and times alone, not on when Advance is called between rows.
//   - Without conditions that see earlier rows, only what is emitted or freed is read from the buffer.
package nfa
