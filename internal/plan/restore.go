package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/keyed"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Outcome is what becomes of something when a program goes on from a checkpoint.
type Outcome string

const (
	// Keep: it is as it was.
	Keep Outcome = "keep"
	// Migrate: its type has changed, and what was written under the old one can be read.
	Migrate Outcome = "migrate"
	// New: the checkpoint does not have it, so it begins empty.
	New Outcome = "new"
	// Drop: the program does not have it, so it would be lost for good.
	Drop Outcome = "drop"
	// Refuse: the program cannot read it.
	Refuse Outcome = "refuse"
)

// Restore is what going on from a checkpoint would do, said before it happens.
type Restore struct {
	// Checkpoint is its number, Taken when it was taken, in milliseconds since 1970 UTC; both are zero if there is
	// none.
	Checkpoint uint64 `json:"checkpoint"`
	Taken      int64  `json:"taken"`
	// Refused says why nothing of it can be used, if that is so.
	Refused string `json:"refused,omitempty"`
	// Operators are those of the program, in its order, then those that only the checkpoint has something of.
	Operators []RestoreOperator `json:"operators"`
}

// RestoreOperator is what becomes of an operator.
type RestoreOperator struct {
	UID     string  `json:"uid"`
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	// Why says what is lost, or what is wrong.
	Why string `json:"why,omitempty"`
	// Bytes is the size of the tables that its state is in; others may have a part of them.
	Bytes  int64          `json:"bytes"`
	States []RestoreState `json:"states,omitempty"`
}

// RestoreState is what becomes of a state of an operator.
type RestoreState struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Outcome Outcome `json:"outcome"`
	// Changes say how its type has changed.
	Changes []string `json:"changes,omitempty"`
	// Why says what is wrong.
	Why string `json:"why,omitempty"`
}

// Restoring holds a program against a checkpoint, which may be nil. It touches nothing. The error is about the
// program alone, or about a damaged schema.
func Restoring(p *Physical, m *checkpoint.Manifest) (*Restore, error) {
	r := &Restore{}
	was := map[string]*checkpoint.Operator{}
	if m == nil {
		m = &checkpoint.Manifest{MaxParallelism: p.MaxParallelism}
	}
	r.Checkpoint, r.Taken = m.Checkpoint, m.Created
	if m.MaxParallelism != p.MaxParallelism {
		r.Refused = fmt.Sprintf("its state has %d key groups, the program %d: set the max parallelism to %d",
			m.MaxParallelism, p.MaxParallelism, m.MaxParallelism)
	}
	for i := range m.Operators {
		was[m.Operators[i].UID] = &m.Operators[i]
	}
	for _, n := range p.Nodes() {
		op, err := restoring(n, was[n.UID])
		if err != nil {
			return nil, err
		}
		delete(was, n.UID)
		r.Operators = append(r.Operators, op)
	}
	for _, op := range m.Operators {
		if was[op.UID] != nil && leavesSomething(op) {
			r.Operators = append(r.Operators, dropped(op))
		}
	}
	return r, nil
}

// Loses reports whether something of the checkpoint would be lost, or cannot be read.
func (r *Restore) Loses() bool { return len(r.objections(false)) > 0 }

// Err is why a program must not go on from the checkpoint, with all reasons at once, or nil. What would be dropped
// is one, unless that is allowed. It is of kind base.Config.
func (r *Restore) Err(allowDropped bool) error {
	wrong := r.objections(allowDropped)
	if len(wrong) == 0 {
		return nil
	}
	return base.Errorf(base.Config, "the program cannot go on from checkpoint %d:\n%w",
		r.Checkpoint, errors.Join(wrong...))
}

// objections are what is lost or cannot be read.
func (r *Restore) objections(allowDropped bool) (wrong []error) {
	if r.Refused != "" {
		wrong = append(wrong, errors.New(r.Refused))
	}
	for _, op := range r.Operators {
		if op.Outcome == Refuse && op.Why != "" {
			wrong = append(wrong, fmt.Errorf("operator %q %s", op.Name, op.Why))
		}
		if op.Outcome == Drop && !allowDropped {
			wrong = append(wrong, fmt.Errorf("operator %q (uid %q) %s: %s", op.Name, op.UID, op.Why, orDrop))
			continue // with its states
		}
		for _, s := range op.States {
			switch {
			case s.Outcome == Refuse:
				wrong = append(wrong, fmt.Errorf("operator %q: state %q: %s", op.Name, s.Name, s.Why))
			case s.Outcome == Drop && !allowDropped:
				wrong = append(wrong, fmt.Errorf(
					"operator %q: the checkpoint has a state %q that the program does not: %s", op.Name, s.Name, orDrop))
			}
		}
	}
	return wrong
}

const orDrop = "declare it, or lose it for good with --allow-dropped-state (RunOptions.AllowDroppedState)"

// leavesSomething reports whether anything of an operator would be missed.
func leavesSomething(op checkpoint.Operator) bool {
	return len(op.States) > 0 || len(op.Known) > 0 || wasSink(op) || op.InFlight()
}

// wasSink reports whether the operator left what only a sink can take.
func wasSink(op checkpoint.Operator) bool {
	return slices.ContainsFunc(op.Subtasks, func(s checkpoint.Subtask) bool {
		return s.Committables != nil || s.SinkState != nil
	})
}

// bytesOf is the size of the tables of an operator.
func bytesOf(op checkpoint.Operator) (total int64) {
	m := checkpoint.Manifest{Operators: []checkpoint.Operator{op}}
	for _, t := range m.Tables() {
		total += t.Bytes
	}
	return total
}

// dropped is what becomes of an operator that the program does not have.
func dropped(op checkpoint.Operator) RestoreOperator {
	r := RestoreOperator{UID: op.UID, Name: op.Name, Outcome: Drop, Bytes: bytesOf(op)}
	var has []string
	if len(op.States) > 0 {
		has = append(has, "state")
	}
	if len(op.Known) > 0 {
		has = append(has, "positions of a source")
	}
	if wasSink(op) {
		has = append(has, "output of a sink")
	}
	if op.InFlight() {
		has = append(has, "rows on their way to it")
	}
	r.Why = "has " + strings.Join(has, " and ") + " in it but is not in the program"
	for _, s := range op.States {
		r.States = append(r.States, RestoreState{Name: s.Name, Kind: s.Kind, Outcome: Drop})
	}
	return r
}

// restoring is what becomes of an operator of the program, of which the checkpoint may have nothing.
func restoring(n *Node, op *checkpoint.Operator) (r RestoreOperator, err error) {
	r = RestoreOperator{UID: n.UID, Name: n.Name, Outcome: New}
	var key string
	var declared []checkpoint.State
	if n.Keyed != nil {
		if key, declared, err = n.Keyed.Describe(); err != nil {
			return r, err
		}
	}
	if op == nil {
		op = &checkpoint.Operator{Key: key}
	} else {
		r.Outcome, r.Bytes = Keep, bytesOf(*op)
	}
	switch {
	case n.Source == nil && len(op.Known) > 0:
		return r.refuse("is a source in it but not in the program: give the new one another uid"), nil
	case n.Sink == nil && wasSink(*op):
		return r.refuse("is a sink in it but not in the program: give the new one another uid"), nil
	}
	if err := takesRows(n, op); err != nil {
		why := fmt.Sprintf("cannot take the rows that are on their way to it: %v: go on from a savepoint, which has none", err)
		return r.refuse(why), nil
	}
	fit := operator.Fit{States: make([]error, len(op.States))}
	if n.Keyed != nil {
		if fit, err = n.Keyed.Check(op.Key, op.States); err != nil {
			return r, err
		}
	}
	if fit.Key != nil {
		why := fmt.Sprintf("cannot read its keys: %v: give it another uid to begin without state", fit.Key)
		return r.refuse(why), nil
	}
	r.States, err = states(declared, op.States, fit.States)
	return r, err
}

// InputOf finds the input that takes the rows that a checkpoint has of an old one, and what reads these.
func (n *Node) InputOf(old checkpoint.FlightInput) (input int, read operator.ReadRows, err error) {
	input = slices.IndexFunc(n.Inputs, func(e Edge) bool { return e.Output() == old.Output })
	if input < 0 {
		return 0, nil, fmt.Errorf("it takes none of %q any more", old.Output)
	}
	codec, err := n.Inputs[input].Rows().Codec()
	if err == nil {
		read, err = codec.Reader(old.Schema)
	}
	return input, read, err
}

// takesRows says why an operator cannot take the rows that were on their way to it, if it cannot.
func takesRows(n *Node, op *checkpoint.Operator) error {
	for _, s := range op.Subtasks {
		if s.Flight == nil {
			continue
		}
		for _, from := range s.Flight.Inputs {
			if _, _, err := n.InputOf(from); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse is what becomes of an operator that cannot take anything of what it had.
func (r RestoreOperator) refuse(why string) RestoreOperator {
	r.Outcome, r.Why = Refuse, why
	return r
}

// states are what becomes of those that a program declares and those that a checkpoint has, which it may not fit.
func states(declared, restored []checkpoint.State, fit []error) (all []RestoreState, err error) {
	named := func(in []checkpoint.State, name string) int {
		return slices.IndexFunc(in, func(s checkpoint.State) bool { return s.Name == name })
	}
	for _, d := range declared {
		s := RestoreState{Name: d.Name, Kind: d.Kind, Outcome: New}
		if i := named(restored, d.Name); i >= 0 {
			if s, err = readAs(d, restored[i], fit[i]); err != nil {
				return nil, err
			}
		}
		all = append(all, s)
	}
	for i, w := range restored {
		if named(declared, w.Name) >= 0 {
			continue
		}
		s := RestoreState{Name: w.Name, Kind: w.Kind, Outcome: Drop}
		if fit[i] != nil {
			s.Outcome, s.Why = Refuse, fit[i].Error()
		}
		all = append(all, s)
	}
	return all, nil
}

// readAs is what becomes of a state that both have.
func readAs(declared, restored checkpoint.State, fit error) (s RestoreState, err error) {
	s = RestoreState{Name: declared.Name, Kind: declared.Kind, Outcome: Keep}
	switch {
	case fit != nil:
		s.Outcome, s.Why = Refuse, fit.Error()
	case declared.Schema != restored.Schema:
		s.Outcome = Migrate
		s.Changes, err = record.Changes(keyed.ValueSchema(restored.Schema), keyed.ValueSchema(declared.Schema))
	}
	return s, err
}
