package keyed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// States describes the states, in the order of their declaration; KeySchema the key.
func (s *Store[K]) States() []StateInfo {
	var all []StateInfo
	for _, t := range s.states {
		all = append(all, t.info())
	}
	return all
}

// KeySchema is the schema of the key.
func (s *Store[K]) KeySchema() string { return s.codec.Schema() }

// SetWriterSchemas says what the tables below were written with. It refuses what this program cannot read.
func (s *Store[K]) SetWriterSchemas(key string, states []StateInfo) error {
	if key != s.codec.Schema() {
		return base.Errorf(base.Config, "operator %q: the checkpoint's keys are %s, the program's %s",
			s.Name, key, s.codec.Schema())
	}
	for _, w := range states {
		t := s.state(w.Name)
		if t == nil {
			return base.Errorf(base.Config, "operator %q: the checkpoint has a state %q that the program does not: "+
				"declare it, or give the operator another uid to begin without state", s.Name, w.Name)
		}
		if t.info().Kind != w.Kind {
			return base.Errorf(base.Config, "operator %q: state %q is a %s in the checkpoint and a %s in the program",
				s.Name, w.Name, w.Kind, t.info().Kind)
		}
		older := w.Older
		if w.Schema != t.info().Schema {
			older = append(slices.Clone(w.Older), w.Schema)
		}
		if err := t.accept(older); err != nil {
			return base.Errorf(base.Config, "operator %q: state %q: %w", s.Name, w.Name, err)
		}
	}
	return nil
}

// joinSchemas is the schema of a state that is keyed by more than the key.
func joinSchemas(parts ...string) string { return strings.Join(parts, arrow) }

// behindKey returns the schemas of the values of a state whose entries are keyed by more than the key. That part
// of its schema cannot change.
func behindKey(schemas []string, key string) (values []string, err error) {
	for _, schema := range schemas {
		before, value, ok := strings.Cut(schema, arrow)
		if !ok || before != key {
			return nil, fmt.Errorf("its keys are %s in the checkpoint and %s in the program", before, key)
		}
		values = append(values, value)
	}
	return values, nil
}

const arrow = " → "
