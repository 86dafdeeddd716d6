package worker

import (
	"context"
	"fmt"
	"hash/crc32"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/channel"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// recovery brings back what a checkpoint's barrier had overtaken in front of an operator. It is routed like live rows:
// of an edge with keys, each subtask reads all that was on its way to its key groups; of another edge, each takes the
// rows of some of the old subtasks, whose event times come again from those that send them. What was in front of an
// operator that is now in the middle of a chain goes through before anything that comes to the chain's head.
type recovery struct {
	*Attempt
	node    *plan.Node
	subtask int
	old     *checkpoint.Operator
}

// recoveryOf is nil if there is nothing for a node.
func (a *Attempt) recoveryOf(n *plan.Node, subtask int) *recovery {
	old := operatorOf(a.Restore, n.UID)
	if old == nil || !old.InFlight() {
		return nil
	}
	return &recovery{a, n, subtask, old}
}

// lines are the generations of lines that are for the subtask.
func (r *recovery) lines(ctx context.Context) ([][]channel.Line, error) {
	var all [][][]channel.Line
	for i := range r.old.Subtasks {
		s := &r.old.Subtasks[i]
		if s.Flight == nil || !r.takes(i, s) {
			continue
		}
		generations, err := r.read(ctx, s.Flight)
		if err == nil {
			generations, err = r.chosen(generations, s.Flight, i)
		}
		if err != nil {
			return nil, fmt.Errorf("operator %q: %w", r.node.Name, err)
		}
		all = append(all, generations)
	}
	return channel.Together(all...), nil
}

// takes says whether anything of what was in front of an old subtask may be for this one.
func (r *recovery) takes(old int, s *checkpoint.Subtask) bool {
	return old%r.node.Parallelism == r.subtask || s.Range.Overlaps(r.groups())
}

func (r *recovery) groups() base.KeyGroupRange {
	return base.RangeOf(r.subtask, r.node.Parallelism, r.Plan.MaxParallelism)
}

// read reads a part of an object and checks it.
func (r *recovery) read(ctx context.Context, f *checkpoint.Flight) ([][]channel.Line, error) {
	offset, length, crc := f.Part()
	data := make([]byte, length)
	if err := r.Objects.ReadAt(ctx, f.Name, data, offset); err != nil {
		return nil, fmt.Errorf("rows in flight in %s: %w", f.Name, err)
	}
	if c := crc32.Checksum(data, castagnoli); c != crc {
		return nil, base.Errorf(base.Corrupt, "%s is damaged: the checksum of %d bytes from %d on is %08x, not %08x",
			f.Name, length, offset, c, crc)
	}
	return channel.Lines(data, func(input int, src []byte) (any, error) {
		_, read, err := r.input(f, input)
		if err != nil {
			return nil, err
		}
		return read(src)
	})
}

// chosen leaves what is for the subtask.
func (r *recovery) chosen(generations [][]channel.Line, f *checkpoint.Flight, old int) ([][]channel.Line, error) {
	for g, lines := range generations {
		var kept []channel.Line
		for _, l := range lines {
			i, _, err := r.input(f, l.Input)
			if err != nil {
				return nil, err
			}
			e := r.node.Inputs[i]
			if l.Input = i; e.Exchange == operator.Hash {
				kept = append(kept, r.keyed(l, e))
			} else if old%r.node.Parallelism == r.subtask {
				kept = append(kept, onlyRows(l))
			}
		}
		generations[g] = kept
	}
	return generations, nil
}

// onlyRows leaves the rows of a line. What its sender had said of event time is no longer true when it had another
// receiver than today: splits of a source may go on in front of one that had heard of the end of all others.
func onlyRows(l channel.Line) channel.Line {
	l.Watermark, l.Idle = flow.NoTime, false
	var kept []channel.Message
	for _, m := range l.Messages {
		if m.Batch != nil {
			rows := channel.Control()
			rows.Batch = m.Batch
			kept = append(kept, rows)
		}
	}
	l.Messages = kept
	return l
}

// input is the number that an input of the old program has today, and what reads its rows.
func (r *recovery) input(f *checkpoint.Flight, old int) (int, operator.ReadRows, error) {
	if old < len(f.Inputs) {
		return r.node.InputOf(f.Inputs[old])
	}
	return 0, nil, base.Errorf(base.Corrupt, "%s is damaged: it has rows of input %d of %d", f.Name, old, len(f.Inputs))
}

// keyed leaves those rows of a line whose keys are the subtask's.
func (r *recovery) keyed(l channel.Line, e plan.Edge) channel.Line {
	groups := r.groups()
	mine := func(hash uint64) bool { return groups.Contains(base.KeyGroupOf(hash, r.Plan.MaxParallelism)) }
	for i := range l.Messages {
		if m := &l.Messages[i]; m.Batch != nil {
			m.Batch = e.Rows().Select(m.Batch, e.Hasher, mine)
		}
	}
	return l
}

// into gives what was in flight to a gate.
func (r *recovery) into(g *channel.Gate) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		lines, err := r.lines(ctx)
		if err == nil {
			g.Restore(lines)
		}
		return err
	}
}

// through lets what was in flight go through an operator at once.
func (r *recovery) through(op operator.Operator) func(ctx context.Context) error {
	deliver, progress := deliver(r.node, op), op.(operator.Progress)
	return func(ctx context.Context) error {
		lines, err := r.lines(ctx)
		if err != nil {
			return err
		}
		g := channel.NewGate(nil, 1, channel.Rows{})
		g.Restore(lines)
		for {
			e, ok := g.TryNext()
			switch {
			case !ok:
				return nil
			case e.Batch != nil:
				err = deliver(e.Input, e.Batch)
			case e.Status == channel.Unchanged:
				err = progress.Watermark(e.Watermark)
			}
			if err != nil {
				return err
			}
		}
	}
}

// inTurn runs recoveries one after the other.
func inTurn(all []func(context.Context) error) func(context.Context) error {
	if len(all) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		for _, f := range all {
			if err := f(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}
