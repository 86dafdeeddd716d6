package table

import (
	"fmt"

	"github.com/aquifer-stream/aquifer"
	"github.com/aquifer-stream/aquifer/flow"
)

// step is one row that has come to the first rows of a key, or gone from them, at a place; those behind it have moved by one.
type step struct {
	at   int
	come bool
}

// emitter emits the changes of a step between the first rows before and after it.
type emitter[T, Out any] func(before, after []T, s step, out aquifer.Collector[aquifer.Change[Out]])

// emitRows emits the row that has come or gone, and the one that it has driven out or made room for.
func emitRows[T any](before, after []T, s step, out aquifer.Collector[aquifer.Change[T]]) {
	var in, gone *T
	full := len(before) == len(after)
	if s.come {
		in = &after[s.at]
		if full {
			gone = &before[len(before)-1]
		}
	} else {
		gone = &before[s.at]
		if full {
			in = &after[len(after)-1]
		}
	}
	flow.EmitUpdate(out, gone, in)
}

// emitRanks emits the rows whose place has changed.
func emitRanks[T any](before, after []T, s step, out aquifer.Collector[aquifer.Change[Ranked[T]]]) {
	emit := func(kind flow.Kind, rank int, row T) {
		out.Emit(aquifer.Change[Ranked[T]]{Kind: kind, Row: Ranked[T]{int64(rank + 1), row}})
	}
	for i := s.at; i < max(len(before), len(after)); i++ {
		switch {
		case i >= len(before):
			emit(aquifer.Insert, i, after[i])
		case i >= len(after):
			emit(aquifer.Delete, i, before[i])
		default:
			emit(aquifer.UpdateBefore, i, before[i])
			emit(aquifer.UpdateAfter, i, after[i])
		}
	}
}

// checkSize finds a number of rows that makes no sense.
func checkSize(n int) error {
	if n < 1 {
		return fmt.Errorf("it is to have the first %d rows of each key: there must be at least one", n)
	}
	return nil
}
