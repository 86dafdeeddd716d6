package checkpoint

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Assignment is what a new subtask gets of an old checkpoint.
type Assignment struct {
	// Checkpoint is the number of the old checkpoint.
	Checkpoint uint64
	// Range are the key groups of the new subtask.
	Range base.KeyGroupRange
	// Shards are the keyed state of all old subtasks that shared key groups with it. They may have key groups that are
	// not the new subtask's.
	Shards []Shard
	// Namespaces are those of all of them, ascending.
	Namespaces []int64
	// Watermarks are the event times of those old subtasks.
	Watermarks []RangeWatermark
	Splits     []Split
	SinkStates [][]byte
	// Broadcasts is the state that all subtasks have.
	Broadcasts []byte
}

// Shard is the keyed state of a subtask.
type Shard struct {
	Range  base.KeyGroupRange
	Tables []Table
	Meta   []byte
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
			if len(old.Meta) > 0 {
				all[s].Shards = append(all[s].Shards, Shard{old.Range, old.Tables, old.Meta})
			}
			all[s].Namespaces = merge(all[s].Namespaces, old.Namespaces)
		}
		if old.Broadcasts != nil {
			for s := range all {
				all[s].Broadcasts = old.Broadcasts
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

// merge returns the numbers of both, ascending, each once.
func merge(a, b []int64) []int64 {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}

// TablePrefix is what the names of all tables begin with.
const TablePrefix = "shards/"

// Incarnation is what the names of all objects of an attempt contain, behind a directory that spreads them.
func Incarnation(term uint64, attempt int) string { return fmt.Sprintf("%d-%d", term, attempt) }

// Spared reports whether a collector of an attempt must leave an object alone that it knows nothing else of: one that
// the attempt itself may be using, or that belongs to a later term.
func Spared(name string, term uint64, attempt int) bool {
	rest, _ := strings.CutPrefix(name, TablePrefix)
	_, rest, _ = strings.Cut(rest, "/")
	var t uint64
	var n int
	if _, err := fmt.Sscanf(rest, "%d-%d-", &t, &n); err != nil {
		return false
	}
	return t > term || t == term && n == attempt
}

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
