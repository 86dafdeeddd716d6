package keyed

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// expiring is a state with a time-to-live.
type expiring interface {
	stateTable
	ttl() time.Duration
	// sweep removes what has expired of some of what is in memory.
	sweep()
	// check removes what has really expired of what may have.
	check(found []suspect) error
}

// suspect is an entry that may have expired: its slot, and what follows the key in the table key.
type suspect struct {
	slot Slot
	rest []byte
}

// trustStale is set by the test that shows that what is found below must be looked up.
var trustStale = false

// At says what time it is, in milliseconds since 1970, until it says it again.
func (s *Store[K]) At(time int64) { s.time = time }

// TTL is the least time-to-live of the states; zero if none has any.
func (s *Store[K]) TTL() (least time.Duration) {
	for _, t := range s.expiring {
		if ttl := t.ttl(); least == 0 || ttl < least {
			least = ttl
		}
	}
	return least
}

// Expiring are what the table keys of the states with a time-to-live begin with, behind operator and key group.
func (s *Store[K]) Expiring() (states []uint32) {
	for _, t := range s.expiring {
		states = append(states, stateID(t.info().Name))
	}
	slices.Sort(states)
	return states
}

// RangeOf is the table keys of a state in a key group: what they begin with, and the first that comes after them.
func RangeOf(operator uint64, group base.KeyGroup, state uint32) (start, end []byte) {
	c := core{Config: Config{Operator: operator, Groups: base.KeyGroupRange{Start: group}}}
	start = c.prefix(nil, 0, state)
	return start, after(start)
}

// Rounds is how many calls of Sweep look at all that is in memory.
const Rounds = rounds

// Sweep removes what has expired from a part of what is in memory. It passes by the state of records in flight.
func (s *Store[K]) Sweep() {
	for _, t := range s.expiring {
		t.sweep()
	}
	s.charge()
}

// Expire removes what has expired of table keys that the tables below had an expired value for: an old one,
// perhaps. What is in memory, and after that the newest value below, decides. It keeps the turn, and passes by the
// state of records in flight: a later sweep finds that. The keys are of this store, and are sorted.
func (s *Store[K]) Expire(keys [][]byte) error {
	defer s.blocking()()
	s.tidy()
	s.Unpin()
	slices.SortFunc(keys, bytes.Compare)
	keys = slices.CompactFunc(keys, bytes.Equal)
	found := make([][]suspect, len(s.expiring))
	for _, key := range keys {
		if err := s.suspect(key, found); err != nil {
			return err
		}
	}
	if err := s.bring(); err != nil {
		return err
	}
	for i, t := range s.expiring {
		if err := t.check(found[i]); err != nil {
			return err
		}
	}
	s.charge()
	return nil
}

// suspect finds the slot of a table key.
func (s *Store[K]) suspect(key []byte, found [][]suspect) error {
	if len(key) < prefixLen || binary.BigEndian.Uint64(key) != s.Operator {
		return base.Errorf(base.Corrupt, "operator %q: the table key %x is none of its state", s.Name, key)
	}
	id := binary.BigEndian.Uint32(key[prefixLen-4:])
	i := slices.IndexFunc(s.expiring, func(t expiring) bool { return stateID(t.info().Name) == id })
	if i < 0 {
		return nil // of a state that had a time-to-live once
	}
	fresh := len(s.fresh)
	slot, rest, err := s.resolve(key[prefixLen:])
	if err != nil || s.busy(slot) {
		return err
	}
	if s.dir.makeRoom != nil {
		s.dir.pin(slot)
	}
	if len(s.fresh) > fresh {
		if s.visited == nil {
			s.visited = map[Slot]struct{}{}
		}
		s.visited[slot] = struct{}{}
	}
	found[i] = append(found[i], suspect{slot, rest})
	return nil
}

// leave drops a slot that was made to look at what may have expired, unless memory has something of it that the
// tables below have not.
func (s *Store[K]) leave(slot Slot) {
	if s.visited == nil {
		return
	}
	if _, ok := s.visited[slot]; ok && s.keys.partial(slot) && !s.busy(slot) && s.clean(slot) {
		s.evict(slot)
	}
}
