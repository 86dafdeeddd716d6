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

// SetWriterSchemas says what the tables below were written with. It refuses what this program cannot read. States
// that it does not declare are dropped: the next snapshot deletes them.
func (s *Store[K]) SetWriterSchemas(key string, states []StateInfo) error {
	if err := s.FitsKey(key); err != nil {
		return base.Errorf(base.Config, "operator %q: %w", s.Name, err)
	}
	for _, w := range states {
		if s.state(w.Name) == nil {
			s.abandon(w.Name)
			continue
		}
		if err := s.Fits(w); err != nil {
			return base.Errorf(base.Config, "operator %q: state %q: %w", s.Name, w.Name, err)
		}
	}
	return nil
}

// FitsKey says why keys with a schema cannot be read, if they cannot. An empty one is of what had no keys.
func (s *Store[K]) FitsKey(key string) error {
	if key != "" && key != s.codec.Schema() {
		return fmt.Errorf("the checkpoint's keys are %s, the program's %s", key, s.codec.Schema())
	}
	return nil
}

// Fits prepares for what tables below have of a state, or says why that cannot be read. A state that this program
// does not declare fits, unless one that it declares would take its entries for its own.
func (s *Store[K]) Fits(w StateInfo) error {
	t := s.state(w.Name)
	if t == nil {
		return s.apart(w.Name)
	}
	if t.info().Kind != w.Kind {
		return fmt.Errorf("it is a %s in the checkpoint and a %s in the program: give the new one another name",
			w.Kind, t.info().Kind)
	}
	older := w.Older
	if w.Schema != t.info().Schema {
		older = append(slices.Clone(w.Older), w.Schema)
	}
	return t.accept(older)
}

// apart refuses a state whose name has the hash of another's.
func (c *core) apart(name string) error {
	for _, t := range c.states {
		if stateID(t.info().Name) == stateID(name) {
			return fmt.Errorf("its name has the same hash as that of state %q: rename that one", t.info().Name)
		}
	}
	return nil
}

// ValueSchema is the part of a state's schema that may change: that of its values.
func ValueSchema(schema string) string {
	if _, value, ok := strings.Cut(schema, arrow); ok {
		return value
	}
	return schema
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
