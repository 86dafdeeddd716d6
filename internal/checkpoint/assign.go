package checkpoint

import (
	"math"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Assignment is what a new subtask gets of an old checkpoint.
type Assignment struct {
	// Range are the key groups of the new subtask.
	Range base.KeyGroupRange
	// Tables are those of all old subtasks that shared key groups with it: to be applied subtask by subtask,
	// each oldest first. They may hold key groups that are not the new subtask's.
	Tables []RangeTable
	// Watermarks are the event times of those old subtasks.
	Watermarks []RangeWatermark
	Splits     []Split
	SinkStates [][]byte
}

// RangeTable is a table with the key groups of the subtask that wrote it.
type RangeTable struct {
	Table
	Range base.KeyGroupRange
}

// RangeWatermark is the event time that key groups had come to.
type RangeWatermark struct {
	Range     base.KeyGroupRange `json:"range"`
	Watermark int64              `json:"watermark"`
}

// eventTimes are those of the subtask's key groups.
func (s *Subtask) eventTimes() []RangeWatermark {
	if len(s.Ahead) > 0 {
		return s.Ahead
	}
	return []RangeWatermark{{s.Range, s.Watermark}}
}

// Watermark is the least event time of the key groups, or that of a first row for none.
func (a *Assignment) Watermark() int64 {
	least := int64(math.MaxInt64)
	for _, w := range a.Watermarks {
		least = min(least, w.Watermark)
	}
	if len(a.Watermarks) == 0 {
		return math.MinInt64
	}
	return least
}

// Assign deals an operator's part of a checkpoint out to new subtasks.
func Assign(op Operator, parallelism, maxParallelism int) []Assignment {
	all := make([]Assignment, parallelism)
	split, state := 0, 0
	for s := range all {
		all[s].Range = base.RangeOf(s, parallelism, maxParallelism)
	}
	for _, old := range op.Subtasks {
		for s := range all {
			if !all[s].Range.Overlaps(old.Range) {
				continue
			}
			for _, w := range old.eventTimes() {
				if all[s].Range.Overlaps(w.Range) {
					all[s].Watermarks = append(all[s].Watermarks, w)
				}
			}
			for _, t := range old.Tables {
				all[s].Tables = append(all[s].Tables, RangeTable{t, old.Range})
			}
		}
		for _, sp := range old.Splits {
			all[split%parallelism].Splits = append(all[split%parallelism].Splits, sp)
			split++
		}
		if old.SinkState != nil {
			all[state%parallelism].SinkStates = append(all[state%parallelism].SinkStates, old.SinkState)
			state++
		}
	}
	return all
}

// TablePrefix is what the names of all tables begin with.
const TablePrefix = "shards/"

// Unreachable returns those of the listed objects that are tables of no retained checkpoint.
func Unreachable(retained []*Manifest, listed []string) []string {
	reached := map[string]bool{}
	for _, m := range retained {
		for _, t := range m.Tables() {
			reached[t.Name] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(listed), func(name string) bool {
		return reached[name] || !strings.HasPrefix(name, TablePrefix)
	})
}
