// Package store keeps the checkpoints of a job in an object store: a manifest for each, under a unique name, and
// the head, which names the newest and is replaced by compare-and-swap.
//
// What always holds:
//
//   - The head advances only under the newest term: a coordinator whose term is over changes nothing.
//   - Whoever reads the head can read the manifest that it names.
//   - A manifest is deleted before the tables that it alone reaches.
//   - A savepoint is what the head lists: the swap that makes it the newest checkpoint lists it, too, and it is deleted
//     by a swap that does not. Its manifest and tables go afterwards, as those of a save that never came to its end.
package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

const (
	headName        = "head"
	manifestPrefix  = "checkpoints/"
	savepointPrefix = "savepoints/"
	manifestSuffix  = ".manifest"
)

// ErrDeposed means that a later term has begun: what this one held is another's.
var ErrDeposed = errors.New("deposed")

// Store is the checkpoints of one job. It is safe for concurrent use.
type Store struct {
	objects    objstore.Store
	collecting sync.Mutex

	mu      sync.Mutex
	head    checkpoint.Head
	version objstore.Version
	tried   *checkpoint.Head // what a swap without an answer was to write, until that is found out
}

// Entry is a checkpoint in a list.
type Entry struct {
	Checkpoint uint64            `json:"checkpoint"`
	Term       uint64            `json:"term"`
	Created    int64             `json:"created"` // milliseconds since 1970 UTC
	Reason     checkpoint.Reason `json:"reason"`
	Tables     int               `json:"tables"`
	Bytes      int64             `json:"bytes"` // of its tables
	Manifest   string            `json:"manifest"`
	// Savepoint says that it is kept until it is deleted by its number.
	Savepoint bool `json:"savepoint"`
	// Damage says why the manifest cannot be used; the fields that it would tell are then zero.
	Damage string `json:"damage,omitempty"`
}

// Open reads the head of a job's checkpoints, or begins with none. It writes nothing.
func Open(ctx context.Context, objects objstore.Store, job string) (*Store, error) {
	s, err := Inspect(ctx, objects)
	if err != nil {
		return nil, err
	}
	if s.head.Job != "" && s.head.Job != job {
		return nil, base.Errorf(base.Config, "%s holds the state of job %q, not of %q: choose another state directory",
			objects, s.head.Job, job)
	}
	s.head.Job = job
	return s, nil
}

// Inspect is Open for whatever job there is.
func Inspect(ctx context.Context, objects objstore.Store) (*Store, error) {
	s := &Store{objects: objects}
	data, version, err := objects.Get(ctx, headName)
	if errors.Is(err, objstore.ErrNotFound) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	head, err := checkpoint.Decode[checkpoint.Head](data)
	if err != nil {
		return nil, fmt.Errorf("%s in %s: %w", headName, objects, err)
	}
	s.head, s.version = *head, version
	return s, nil
}

// Fresh reports whether no job has ever used the store.
func (s *Store) Fresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Term == 0
}

// BeginTerm makes this coordinator the only one that can advance the head.
func (s *Store) BeginTerm(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	claim, err := token()
	if err != nil {
		return 0, err
	}
	term := s.head.Term + 1
	err = s.swap(ctx, func(head *checkpoint.Head) {
		head.Term, head.Claim, head.Origin = term, claim, cmp.Or(head.Origin, claim)
	})
	if err != nil {
		return 0, err
	}
	return term, nil
}

// Origin is the same for all terms of a state, and different for every state. It is known when a term has begun.
func (s *Store) Origin() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Origin
}

// swap changes the head. Whoever deletes a savepoint does so, too, in any term: the change is then made to what has
// become of the head. The mutex is held.
func (s *Store) swap(ctx context.Context, change func(*checkpoint.Head)) error {
	if _, err := s.settle(ctx); err != nil {
		return err
	}
	for {
		head, old := s.head, s.version
		head.Savepoints = slices.Clone(head.Savepoints)
		change(&head)
		data, err := checkpoint.Encode(&head)
		if err != nil {
			return err
		}
		version, err := s.objects.Swap(ctx, headName, old, data)
		if err == nil {
			s.head, s.version = head, version
			return nil
		}
		s.tried = &head
		landed, settleErr := s.settle(ctx)
		switch {
		case settleErr != nil:
			return errors.Join(err, settleErr)
		case landed:
			return nil
		case s.version == old:
			return err
		}
	}
}

// settle finds out, by reading the head back, what became of a swap whose answer said neither yes nor no. The
// mutex is held.
func (s *Store) settle(ctx context.Context) (landed bool, err error) {
	if s.tried == nil {
		return false, nil
	}
	data, version, err := s.objects.Get(ctx, headName)
	if errors.Is(err, objstore.ErrNotFound) {
		s.tried = nil
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("whether the head was replaced could not be found out: %w", err)
	}
	now, err := checkpoint.Decode[checkpoint.Head](data)
	if err != nil {
		return false, fmt.Errorf("%s in %s: %w", headName, s.objects, err)
	}
	landed = now.Equal(*s.tried) || lacksSavepoints(*now, *s.tried)
	if landed || lacksSavepoints(*now, s.head) {
		s.head, s.version = *now, version
	} else if now.Term > s.head.Term {
		return false, s.deposed(*now)
	}
	s.tried = nil
	return landed, nil
}

// deposed is the error of a store whose term is over. The mutex is held.
func (s *Store) deposed(by checkpoint.Head) error {
	return fmt.Errorf("%w: term %d has begun, this is term %d: another process runs job %q on %s",
		ErrDeposed, by.Term, s.head.Term, by.Job, s.objects)
}

// newest is the head, once it is known.
func (s *Store) newest(ctx context.Context) (checkpoint.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.settle(ctx)
	return s.head, err
}

// Save makes a checkpoint durable and then the newest. When it fails, the head does not name the checkpoint,
// unless that could not be found out: the error then says so.
func (s *Store) Save(ctx context.Context, m *checkpoint.Manifest) error {
	data, err := checkpoint.Encode(m)
	if err != nil {
		return err
	}
	name, err := manifestName(m)
	if err != nil {
		return err
	}
	if err := s.objects.PutIfAbsent(ctx, name, data); err != nil {
		return fmt.Errorf("manifest of checkpoint %d: %w", m.Checkpoint, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.swap(ctx, func(head *checkpoint.Head) {
		head.Job, head.Checkpoint, head.Manifest = m.Job, m.Checkpoint, name
		if m.Reason.Kept() {
			head.Savepoints = append(head.Savepoints, name)
		}
	})
	if err != nil {
		return fmt.Errorf("head for checkpoint %d: %w", m.Checkpoint, err)
	}
	return nil
}

// Known returns the number of the newest checkpoint as this Store has read or written it, 0 for none. It makes no
// request.
func (s *Store) Known() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Checkpoint
}

// Newest returns the number of the newest checkpoint, or fails with ErrDeposed.
func (s *Store) Newest(ctx context.Context) (uint64, error) {
	if _, err := s.ruling(ctx); err != nil {
		return 0, err
	}
	head, err := s.newest(ctx)
	return head.Checkpoint, err
}

// manifestName is unique, and sorts by checkpoint.
func manifestName(m *checkpoint.Manifest) (string, error) {
	unique, err := token()
	prefix := manifestPrefix
	if m.Reason.Kept() {
		prefix = savepointPrefix
	}
	return fmt.Sprintf("%s%020d-%08d-%s%s", prefix, m.Checkpoint, m.Term, unique, manifestSuffix), err
}

// token is different at each call, in any process.
func token() (string, error) {
	var random [8]byte
	_, err := rand.Read(random[:])
	return hex.EncodeToString(random[:]), err
}

// Latest returns the newest checkpoint, or nil when there is none. When its manifest is damaged, the error
// says which earlier checkpoint is there: it is never taken silently.
func (s *Store) Latest(ctx context.Context) (*checkpoint.Manifest, error) {
	head, err := s.newest(ctx)
	if err != nil || head.Manifest == "" {
		return nil, err
	}
	m, err := s.read(ctx, head.Manifest)
	if err != nil {
		return nil, s.offerPrevious(ctx, head.Checkpoint, err)
	}
	return m, nil
}

func (s *Store) read(ctx context.Context, name string) (*checkpoint.Manifest, error) {
	data, _, err := s.objects.Get(ctx, name)
	if errors.Is(err, objstore.ErrNotFound) {
		return nil, base.Errorf(base.Corrupt, "manifest %s is missing from %s", name, s.objects)
	}
	if err != nil {
		return nil, err
	}
	m, err := checkpoint.Decode[checkpoint.Manifest](data)
	if err != nil {
		return nil, fmt.Errorf("manifest %s in %s: %w", name, s.objects, err)
	}
	return m, nil
}

// offerPrevious adds to an error about a checkpoint which one before it could be used instead.
func (s *Store) offerPrevious(ctx context.Context, damaged uint64, err error) error {
	entries, listErr := s.List(ctx)
	if base.KindOf(err) != base.Corrupt || listErr != nil {
		return errors.Join(err, listErr)
	}
	for _, e := range slices.Backward(entries) {
		if e.Checkpoint < damaged && e.Damage == "" {
			return fmt.Errorf("%w; checkpoint %[2]d is whole: to go back to it, run with --from %[2]d", err, e.Checkpoint)
		}
	}
	return fmt.Errorf("%w; there is no earlier checkpoint", err)
}

// Load returns a retained checkpoint.
func (s *Store) Load(ctx context.Context, id uint64) (*checkpoint.Manifest, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	if len(names[id]) == 0 {
		return nil, base.Errorf(base.Config, "%s has no checkpoint %d: it has %s", s.objects, id, numbers(names))
	}
	m, err := s.read(ctx, s.pick(names[id]))
	if err != nil {
		return nil, s.offerPrevious(ctx, id, err)
	}
	return m, nil
}

// pick chooses among manifests of one number the one that the head names, or the newest: the others were
// written by coordinators that could not advance the head.
func (s *Store) pick(names []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(names, s.head.Manifest) {
		return s.head.Manifest
	}
	return names[len(names)-1]
}

// names are the manifests up to the head's, by checkpoint.
func (s *Store) names(ctx context.Context) (map[uint64][]string, error) {
	names, _, err := s.numbered(ctx)
	return names, err
}

// numbered is names, and the newest number of all manifests, those included that the head has never named. Savepoints,
// which the head lists, come last; what was to be one and is not listed is told from them whatever its number.
func (s *Store) numbered(ctx context.Context) (names map[uint64][]string, newest uint64, err error) {
	head, err := s.newest(ctx)
	if err != nil {
		return nil, 0, err
	}
	names, newest = map[uint64][]string{}, head.Checkpoint
	for o, err := range s.objects.List(ctx, manifestPrefix) {
		if err != nil {
			return nil, 0, err
		}
		id, ok := numberOf(o.Name)
		if ok && id <= head.Checkpoint {
			names[id] = append(names[id], o.Name)
		} else if ok {
			newest = max(newest, id)
		}
	}
	for _, name := range savepoints(head) {
		id, _ := numberOf(name)
		names[id] = append(names[id], name)
	}
	return names, newest, nil
}

func numberOf(name string) (uint64, bool) {
	digits, _, _ := strings.Cut(path.Base(name), "-")
	id, err := strconv.ParseUint(digits, 10, 64)
	return id, err == nil && strings.HasSuffix(name, manifestSuffix)
}

func numbers(names map[uint64][]string) string {
	var all []string
	for _, id := range sorted(names) {
		all = append(all, strconv.FormatUint(id, 10))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}

func sorted(names map[uint64][]string) []uint64 {
	var ids []uint64
	for id := range names {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// List returns the checkpoints that are there, oldest first, damaged ones included.
func (s *Store) List(ctx context.Context) ([]Entry, error) {
	names, err := s.names(ctx)
	if err != nil {
		return nil, err
	}
	var all []Entry
	for _, id := range sorted(names) {
		e := Entry{Checkpoint: id, Manifest: s.pick(names[id])}
		e.Savepoint = isSavepoint(e.Manifest)
		m, err := s.read(ctx, e.Manifest)
		if err != nil {
			e.Damage = err.Error()
			all = append(all, e)
			continue
		}
		e.Term, e.Created, e.Reason = m.Term, m.Created, m.Reason
		for _, t := range m.Tables() {
			e.Tables++
			e.Bytes += t.Bytes
		}
		all = append(all, e)
	}
	return all, nil
}

// Retained returns the newest number in use, which is that of the newest checkpoint or of one after it
// that was given up, and those of all checkpoints that are there, ascending, without savepoints.
func (s *Store) Retained(ctx context.Context) (last uint64, all []uint64, err error) {
	names, last, err := s.numbered(ctx)
	maps.DeleteFunc(names, func(_ uint64, of []string) bool { return isSavepoint(of[0]) })
	return last, sorted(names), err
}
