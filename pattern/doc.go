// Package pattern describes patterns of rows: which rows, in which order, with which others between them, in how much
// time. aquifer.Detect finds the matches of a pattern in a keyed stream. The words are those of Flink's CEP library.
//
// A pattern is a sequence of stages. A stage takes rows for which its conditions hold: one, or as many as its
// quantifier says. The rows of a key are looked at in the order of their event times, those of the same time in the
// order in which they came. A match takes rows in that order, each for a stage, so that
//
//   - the stages are in their order, and each has a number of rows that its quantifier allows: none, if it is Optional;
//   - each row meets the conditions of its stage, given the rows before it;
//   - between a row and the one before it in the match there are only rows that the contiguity of its stage allows:
//     none after Next, any after FollowedByAny, after FollowedBy those that do not meet the conditions of its stage.
//     The rows of one stage follow each other as after FollowedBy, or, if it says so, as after Next (Consecutive) or
//     FollowedByAny (AllowCombinations). Of the stages between that have no rows no contiguity counts, and that of the
//     stage that takes the first row does not either: every row may begin a match;
//   - a row that meets Until is not taken by its stage, nor are there such rows between the rows of that stage;
//   - no row meets a NotFollowedBy that the match has come to before it takes its next row, and neither does that row
//     itself. A match has come to a not when all stages before it have enough rows. Of a NotNext the same holds for the
//     first row after the one taken last. A row that meets such a not ends what has been matched so far in
//     all its continuations, those in which the stage before takes more rows included;
//   - a row that a Greedy stage can take is neither taken by a later stage nor passed over by it;
//   - all rows lie within less than the pattern's time (Within), counted from the first.
//
// A match is complete with its last row, unless the pattern ends with a not: with NotNext it is complete with the row
// that comes next, with NotFollowedBy when the pattern's time is over. What has been matched so far when the time is
// over, could still go on, and is not a match by itself, has timed out.
//
// Matches overlap, unless a strategy ([Skip]) says otherwise. Of all matches, as they would be without one, those that
// began first are considered first, and of these those that were complete first, and of these the one whose rows
// were taken earlier, row by row, is ahead, and a longer one ahead of what it begins with. What is considered and was
// not left out is a match; what it makes to be left out is none, nor does it time out. So a match waits until nothing
// is left that began before it: a strategy needs Within, or stages that do not wait for ever.
//
// What always holds:
//
//   - A Pattern is a value. What adds to it returns another one and leaves it as it was, so patterns may share their
//     beginnings. It is safe for concurrent use as far as its conditions are.
//   - Conditions are called in no particular order and any number of times. They must depend on what they get alone.
//   - The mistakes of a pattern are kept and told by Validate, all together.
package pattern
