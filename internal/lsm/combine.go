package lsm

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// state is what a database is opened with.
type state struct {
	objects []Object
	tables  []table
}

// above is the number of tables in L0.
func (s state) above() (n int) {
	for _, t := range s.tables {
		if t.Level == 0 {
			n++
		}
	}
	return n
}

// combine makes one state of lists, cut to r. Levels and sequence numbers stay as they are: the ranges of the
// lists do not overlap, so the history of every key comes from one list.
func combine(r Range, from []List) (state, error) {
	var s state
	if len(from) == 0 {
		return s, nil
	}
	if err := checkCover(r, from); err != nil {
		return s, err
	}
	index := map[string]int{} // of the objects of s
	for _, l := range from {
		tables, err := decodeMeta(l)
		if err != nil {
			return s, err
		}
		cut, ok := l.Range.clip(r)
		for _, t := range tables {
			if t, ok2 := t.clip(cut); ok && ok2 {
				t.Object = s.add(index, l.Objects[t.Object])
				s.tables = append(s.tables, t)
			}
		}
	}
	s.share()
	return s, s.checkLevels()
}

// checkLevels refuses tables that overlap where Pebble relies on it that they do not: below the first level.
func (s *state) checkLevels() error {
	tables := slices.Clone(s.tables)
	slices.SortFunc(tables, func(a, b table) int {
		return cmp.Or(cmp.Compare(a.Level, b.Level), bytes.Compare(a.Smallest.Key, b.Smallest.Key))
	})
	for i, t := range tables {
		if i == 0 || t.Level == 0 || t.Level != tables[i-1].Level {
			continue
		}
		before := tables[i-1].Largest
		if c := bytes.Compare(before.Key, t.Smallest.Key); c > 0 || c == 0 && before.Trailer != endTrailer {
			return base.Errorf(base.Corrupt, "metadata is damaged: tables %s and %s of level %d overlap at %q",
				s.objects[tables[i-1].Object].Name, s.objects[t.Object].Name, t.Level, t.Smallest.Key)
		}
	}
	return nil
}

// add returns the index of an object, which may have come with an earlier list.
func (s *state) add(index map[string]int, o Object) int {
	i, ok := index[o.Name]
	if !ok {
		i = len(s.objects)
		index[o.Name] = i
		s.objects = append(s.objects, o)
	}
	return i
}

// share makes tables parts of their object where they are not alone in it.
func (s *state) share() {
	count := make([]int, len(s.objects))
	for _, t := range s.tables {
		count[t.Object]++
	}
	for i := range s.tables {
		if count[s.tables[i].Object] > 1 {
			s.tables[i].Virtual = true
		}
	}
}

// checkCover refuses lists that leave a part of r out, which would be lost, or hold a part of it twice.
func checkCover(r Range, from []List) error {
	var ranges []Range
	for _, l := range from {
		ranges = append(ranges, l.Range)
	}
	slices.SortFunc(ranges, func(a, b Range) int { return bytes.Compare(a.Start, b.Start) })
	end := ranges[0].End
	for _, next := range ranges[1:] {
		if c := bytes.Compare(next.Start, end); c != 0 {
			return base.Errorf(base.Config, "range %s does not begin where the one before ends, at %q", next, end)
		}
		end = next.End
	}
	if bytes.Compare(ranges[0].Start, r.Start) > 0 || bytes.Compare(end, r.End) < 0 {
		return base.Errorf(base.Config, "shard %s is to be opened from ranges [%q,%q) only", r, ranges[0].Start, end)
	}
	return nil
}
