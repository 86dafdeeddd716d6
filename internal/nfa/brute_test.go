package nfa

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/aquifer-stream/aquifer/pattern"
)

// took is a row of a match, and the stage that has taken it.
type took struct{ row, stage int }

// brute evaluates a pattern by its definition: it looks at whole sequences of rows and remembers nothing.
type brute struct {
	pattern pattern.Pattern[event]
	stages  []pattern.Stage[event]
	names   []string
	rows    []event
}

func newBrute(p pattern.Pattern[event], rows []event) *brute {
	b := &brute{pattern: p, stages: p.Stages(), rows: rows}
	for _, s := range b.stages {
		b.names = append(b.names, s.Name)
	}
	return b
}

// meets reports whether a row meets the conditions of a stage, given the rows before it.
func (b *brute) meets(taken []took, row, stage int) bool {
	match := b.match(taken)
	for _, c := range b.stages[stage].Conditions {
		if !c(&b.rows[row]) {
			return false
		}
	}
	for _, c := range b.stages[stage].Iterative {
		if !c(&b.rows[row], match) {
			return false
		}
	}
	return true
}

func (b *brute) match(taken []took) *pattern.Match[event] {
	var stages []int32
	var rows []event
	var times []int64
	for _, k := range taken {
		stages, rows = append(stages, int32(k.stage)), append(rows, b.rows[k.row])
		times = append(times, b.rows[k.row].Time)
	}
	return pattern.NewMatch(b.names, stages, rows, times)
}

// end is the number of the first row that is behind the time of a match, or the number of all rows.
func (b *brute) end(taken []took) int {
	for i := taken[0].row; i < len(b.rows); i++ {
		if b.pattern.Time() > 0 && b.rows[i].Time >= b.deadline(taken) {
			return i
		}
	}
	return len(b.rows)
}

func (b *brute) deadline(taken []took) int64 {
	return b.rows[taken[0].row].Time + b.pattern.Time().Milliseconds()
}

// last is the row taken last, its stage and how many rows that has.
func last(taken []took) (row, stage, count int) {
	if len(taken) == 0 {
		return -1, -1, 0
	}
	k := taken[len(taken)-1]
	for _, other := range taken {
		if other.stage == k.stage {
			count++
		}
	}
	return k.row, k.stage, count
}

// reached are the nots that a match has come to.
func (b *brute) reached(taken []took) (nots []int) {
	_, stage, count := last(taken)
	if stage < 0 || count < b.stages[stage].Min {
		return nil
	}
	for i := stage + 1; i < len(b.stages) && (b.stages[i].Not || b.stages[i].Optional); i++ {
		if b.stages[i].Not {
			nots = append(nots, i)
		}
	}
	return nots
}

// spared reports whether no row from the one taken last to another, included, meets a not.
func (b *brute) spared(taken []took, to int) bool {
	from, _, _ := last(taken)
	for _, i := range b.reached(taken) {
		for x := from + 1; x <= to; x++ {
			if (b.stages[i].Contiguity == pattern.Relaxed || x == from+1) && b.meets(taken, x, i) {
				return false
			}
		}
	}
	return true
}

// comes reports whether a stage may follow what has been taken, by the order of stages and their numbers of rows.
func (b *brute) comes(taken []took, stage int) bool {
	_, from, count := last(taken)
	if stage == from {
		return b.stages[stage].Max == 0 || count < b.stages[stage].Max
	}
	if b.stages[stage].Not || stage < from || from >= 0 && count < b.stages[from].Min {
		return false
	}
	for i := from + 1; i < stage; i++ {
		if !b.stages[i].Not && !b.stages[i].Optional {
			return false
		}
	}
	return true
}

// open reports whether a stage may take a row behind all those before the given one.
func (b *brute) open(taken []took, row, stage int) bool {
	from, at, _ := last(taken)
	s := &b.stages[stage]
	if !b.comes(taken, stage) || len(taken) > 0 && (row > b.end(taken) || !b.spared(taken, row-1)) {
		return false
	}
	contiguity := s.Contiguity
	if stage == at {
		contiguity = s.Inner
	}
	if len(taken) == 0 {
		from = row - 1 // every row may begin a match
	}
	for x := from + 1; x < row; x++ {
		switch {
		case contiguity == pattern.Strict, contiguity == pattern.Relaxed && b.meets(taken, x, stage),
			stage == at && s.Until != nil && s.Until(&b.rows[x]), b.greedy(taken, x, stage):
			return false
		}
	}
	return true
}

// greedy reports whether a greedy stage before the given one can take a row.
func (b *brute) greedy(taken []took, row, stage int) bool {
	_, at, _ := last(taken)
	for i := max(0, at); i < stage; i++ {
		if b.stages[i].Greedy && b.fits(taken, row, i) {
			return true
		}
	}
	return false
}

// fits reports whether a stage may take a row behind what has been taken.
func (b *brute) fits(taken []took, row, stage int) bool {
	s := &b.stages[stage]
	if len(taken) > 0 && row >= b.end(taken) || !b.open(taken, row, stage) || b.greedy(taken, row, stage) {
		return false
	}
	return b.meets(taken, row, stage) && !(s.Until != nil && s.Until(&b.rows[row])) && b.spared(taken, row)
}

// candidate is a match, before others are skipped.
type candidate struct {
	taken []took
	row   int   // that completes it, or the first one that is behind its time
	late  int   // 1 if a row completes it, 0 if the progress of time in front of it does
	at    int64 // the time of the result
}

// complete is what the rows taken are, if they are a match.
func (b *brute) complete(taken []took) (c candidate, ok bool) {
	row, stage, count := last(taken)
	final := b.stages[len(b.stages)-1]
	c.taken = slices.Clone(taken)
	if count < b.stages[stage].Min {
		return c, false
	}
	for i := stage + 1; i < len(b.stages); i++ {
		if !b.stages[i].Not && !b.stages[i].Optional {
			return c, false
		}
	}
	switch {
	case !final.Not:
		c.row, c.late, c.at = row, 1, b.rows[row].Time
		return c, true
	case final.Contiguity == pattern.Strict:
		if row+1 >= b.end(taken) {
			return c, false
		}
		c.row, c.late, c.at = row+1, 1, b.rows[row+1].Time
	default:
		c.row, c.at = b.end(taken), b.deadline(taken)-1
	}
	return c, b.spared(taken, c.row-1+c.late)
}

// timesOut reports whether rows that are no match could still become one when their time is over.
func (b *brute) timesOut(taken []took) bool {
	row, stage, count := last(taken)
	final, end := b.stages[len(b.stages)-1], b.end(taken)
	whole := count >= b.stages[stage].Min
	for i := stage + 1; i < len(b.stages); i++ {
		whole = whole && (b.stages[i].Not || b.stages[i].Optional)
	}
	if whole && (!final.Not || final.Contiguity == pattern.Relaxed) {
		return false // it is or was a match, or a not has ended it
	}
	for i := range b.stages {
		if b.open(taken, end, i) {
			return true
		}
	}
	return whole && row+1 == end // it waits for the row that is next
}

// all finds the matches and what times out, with nothing skipped.
func (b *brute) all() (matches, timedOut []candidate) {
	var extend func(taken []took)
	extend = func(taken []took) {
		from := 0
		if len(taken) > 0 {
			from = taken[len(taken)-1].row + 1
			if c, ok := b.complete(taken); ok {
				matches = append(matches, c)
			}
			if b.pattern.Time() > 0 && b.timesOut(taken) {
				timedOut = append(timedOut, candidate{taken: slices.Clone(taken), at: b.deadline(taken) - 1})
			}
		}
		for row := from; row < len(b.rows); row++ {
			for stage := range b.stages {
				if b.fits(taken, row, stage) {
					extend(append(slices.Clip(taken), took{row, stage}))
				}
			}
		}
	}
	extend(nil)
	slices.SortFunc(matches, compare)
	return matches, timedOut
}

// compare orders matches as strategies consider them.
func compare(a, b candidate) int {
	if c := cmp.Or(cmp.Compare(a.taken[0].row, b.taken[0].row), cmp.Compare(a.row, b.row),
		cmp.Compare(a.late, b.late)); c != 0 {
		return c
	}
	for i := range min(len(a.taken), len(b.taken)) {
		x, y := a.taken[i], b.taken[i]
		if c := cmp.Or(cmp.Compare(x.row, y.row), cmp.Compare(x.stage, y.stage)); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(b.taken), len(a.taken))
}

// result is what is found, in the order in which it is considered, and what times out.
func (b *brute) result() (found, timedOut []string) {
	all, late := b.all()
	bound := int64(math.MinInt64)
	for _, c := range all {
		if first := c.taken[0].row; int64(first) >= bound {
			bound = b.bound(c)
			found = append(found, show(b.match(c.taken), c.at))
			late = slices.DeleteFunc(late, func(l candidate) bool {
				// It is still there when it is left out.
				there := first < l.taken[0].row || first == l.taken[0].row && c.late == 1
				return there && int64(l.taken[0].row) < bound
			})
		}
	}
	for _, c := range late {
		timedOut = append(timedOut, show(b.match(c.taken), c.at))
	}
	return found, timedOut
}

// bound is the number of the row before which others must not have begun.
func (b *brute) bound(c candidate) int64 {
	first, last := int64(c.taken[0].row), int64(c.taken[len(c.taken)-1].row)
	return b.pattern.Skip().Bound(first, last, func(stage string) (int64, int64, bool) {
		var of []int64
		for _, k := range c.taken {
			if b.names[k.stage] == stage {
				of = append(of, int64(k.row))
			}
		}
		if of == nil {
			return 0, 0, false
		}
		return of[0], of[len(of)-1], true
	})
}

// event is a row of random patterns.
type event struct {
	N, V int
	Time int64
}

func (e event) String() string { return fmt.Sprint(e.N, ":", e.V) }
