package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"reflect"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Format is the version of manifests and heads that this program writes, and the newest that it reads. In the first a
// flight had an object of its own.
const Format = 2

// Manifest is a checkpoint: where its state lives and where its sources go on.
type Manifest struct {
	Job            string `json:"job"`
	Checkpoint     uint64 `json:"checkpoint"`
	Term           uint64 `json:"term"`
	Created        int64  `json:"created"` // milliseconds since 1970 UTC
	Reason         Reason `json:"reason"`
	MaxParallelism int    `json:"maxParallelism"`
	// Operators are those of the job, in the order of the program.
	Operators []Operator `json:"operators"`
	// Hot tells a disk cache what of the tables was used lately.
	Hot []byte `json:"hot,omitempty"`
}

// Operator is an operator's part of a checkpoint.
type Operator struct {
	UID         string  `json:"uid"`
	Name        string  `json:"name"`
	Parallelism int     `json:"parallelism"`
	Key         string  `json:"key,omitempty"` // the schema of its keys
	States      []State `json:"states,omitempty"`
	// Known are the ids of all splits that a source has discovered, Unassigned those that nobody reads yet.
	Known      []string  `json:"known,omitempty"`
	Unassigned []Split   `json:"unassigned,omitempty"`
	Subtasks   []Subtask `json:"subtasks"`
}

// State describes a keyed state.
type State struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Schema string `json:"schema,omitempty"`
	// Older are the schemas of earlier programs, which values in tables may still have: each begins with the place of
	// its own among these, the newest last.
	Older []string `json:"older,omitempty"`
}

// Evolve returns the states that a program declares, with the schemas that older ones left behind.
func Evolve(declared, restored []State) []State {
	all := slices.Clone(declared)
	for i := range all {
		for _, r := range restored {
			if r.Name != all[i].Name {
				continue
			}
			all[i].Older = r.Older
			if r.Schema != all[i].Schema {
				all[i].Older = append(slices.Clone(r.Older), r.Schema)
			}
		}
	}
	return all
}

// Split is a part of a source; see package flow.
type Split struct {
	ID       string `json:"id"`
	Bounded  bool   `json:"bounded"`
	Spec     []byte `json:"spec,omitempty"`
	Position []byte `json:"position,omitempty"`
}

// InFlight reports whether rows were on their way to the operator.
func (o *Operator) InFlight() bool {
	return slices.ContainsFunc(o.Subtasks, func(s Subtask) bool { return s.Flight != nil })
}

// Subtask is a subtask's part of a checkpoint.
type Subtask struct {
	Range     base.KeyGroupRange `json:"range"`
	Watermark int64              `json:"watermark"`
	// Ahead are the event times that key groups had come to under earlier subtasks, when one that took over from
	// several has not caught up with all of them.
	Ahead []RangeWatermark `json:"ahead,omitempty"`
	// Tables are all objects that the subtask's keyed state is read from; Meta, which is package lsm's, says how.
	Tables []Table `json:"tables,omitempty"`
	Meta   []byte  `json:"meta,omitempty"`
	// Namespaces are those that windows have entries in.
	Namespaces []int64 `json:"namespaces,omitempty"`
	Splits     []Split `json:"splits,omitempty"`
	// Committables are what a sink prepared, for this checkpoint and for those before it that were never
	// stored; SinkState is what it wants back.
	Committables [][]byte `json:"committables,omitempty"`
	SinkState    []byte   `json:"sinkState,omitempty"`
	// Broadcasts is the state that all subtasks have. It is in one of them.
	Broadcasts []byte `json:"broadcasts,omitempty"`
	// Flight is what the checkpoint's barrier has overtaken in front of the operator; nil for nothing.
	Flight *Flight `json:"flight,omitempty"`
}

// Flight are rows that had been sent and not been processed: a part of an object, which others have parts of, too.
type Flight struct {
	Table
	// Offset and Length say which part, Check is its CRC-32C. A length of zero is all of the object.
	Offset int64  `json:"offset,omitempty"`
	Length int64  `json:"length,omitempty"`
	Check  uint32 `json:"check,omitempty"`
	// Inputs are those that they came by, as the object counts them.
	Inputs []FlightInput `json:"inputs"`
}

// Part is where in the object the rows are, and their checksum.
func (f *Flight) Part() (offset, length int64, crc uint32) {
	if f.Length == 0 {
		return 0, f.Bytes, f.CRC
	}
	return f.Offset, f.Length, f.Check
}

// FlightInput is an input of an operator that rows were on their way to.
type FlightInput struct {
	// Output names the output that it took rows of, Schema says what they are.
	Output string `json:"output"`
	Schema string `json:"schema"`
}

// Table is an immutable object with sorted state.
type Table struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	CRC   uint32 `json:"crc32c"`
}

// Head names the newest checkpoint of a job. Replacing it is the commit point.
type Head struct {
	Job        string `json:"job"`
	Term       uint64 `json:"term"`
	Checkpoint uint64 `json:"checkpoint"`
	Manifest   string `json:"manifest,omitempty"` // empty before the first checkpoint
	// Claim tells the coordinator that began the term from any other that tried to begin one of the same number.
	Claim string `json:"claim,omitempty"`
	// Origin tells the objects of this state from those of any other that was or will be at the same place, which may
	// have the same names.
	Origin string `json:"origin,omitempty"`
	// Savepoints are the manifests of all savepoints that have not been deleted, oldest first.
	Savepoints []string `json:"savepoints,omitempty"`
}

// Equal reports whether two heads say the same.
func (h Head) Equal(o Head) bool {
	same := slices.Equal(h.Savepoints, o.Savepoints)
	h.Savepoints, o.Savepoints = nil, nil
	return same && reflect.DeepEqual(h, o)
}

// Tables returns all tables and other objects of the checkpoint, each once.
func (m *Manifest) Tables() []Table {
	var all []Table
	seen := map[string]bool{}
	for _, o := range m.Operators {
		for _, s := range o.Subtasks {
			for _, t := range s.objects() {
				if !seen[t.Name] {
					seen[t.Name] = true
					all = append(all, t)
				}
			}
		}
	}
	return all
}

// Overtaken is the size of the rows that the checkpoint's barrier has overtaken, in bytes.
func (m *Manifest) Overtaken() (bytes int64) {
	for _, o := range m.Operators {
		for _, s := range o.Subtasks {
			if s.Flight != nil {
				_, length, _ := s.Flight.Part()
				bytes += length
			}
		}
	}
	return bytes
}

func (s *Subtask) objects() []Table {
	if s.Flight == nil {
		return s.Tables
	}
	return append(slices.Clone(s.Tables), s.Flight.Table)
}

// envelope is the first line of a stored document: what is needed to trust the rest.
type envelope struct {
	Format int    `json:"format"`
	Length int    `json:"length"`
	CRC    string `json:"crc32c"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(body []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)) }

// Encode returns a manifest or head as it is stored.
func Encode[T Manifest | Head](document *T) ([]byte, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	first, err := json.Marshal(envelope{Format, len(body), checksum(body)})
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(append(append(first, '\n'), body...), '\n'), nil
}

// Decode reads what Encode returned. What is damaged is an error of kind base.Corrupt, what a newer version
// wrote one of kind base.Config.
func Decode[T Manifest | Head](data []byte) (*T, error) {
	first, body, ok := bytes.Cut(data, []byte("\n"))
	var e envelope
	if !ok || json.Unmarshal(first, &e) != nil {
		return nil, base.Errorf(base.Corrupt, "damaged: it does not begin with a line that gives its format")
	}
	if e.Format > Format {
		return nil, base.Errorf(base.Config, "written in format %d, of a newer version of Aquifer; "+
			"this one reads up to format %d", e.Format, Format)
	}
	body, ok = bytes.CutSuffix(body, []byte("\n"))
	if !ok || len(body) != e.Length {
		return nil, base.Errorf(base.Corrupt, "damaged: it has %d bytes, not %d", len(body), e.Length)
	}
	if c := checksum(body); c != e.CRC {
		return nil, base.Errorf(base.Corrupt, "damaged: its checksum is %s, not %s", c, e.CRC)
	}
	document := new(T)
	if err := json.Unmarshal(body, document); err != nil {
		return nil, base.Errorf(base.Corrupt, "damaged: %w", err)
	}
	return document, nil
}
