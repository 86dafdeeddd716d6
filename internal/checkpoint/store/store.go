// Package store keeps the checkpoints of a job in an object store: a manifest for each, under a unique name, and
// the head, which names the newest and is replaced by compare-and-swap.
//
// What always holds:
//
//   - The head advances only under the newest term: a coordinator whose term is over changes nothing.
//   - Whoever reads the head can read the manifest that it names.
//   - A manifest is deleted before the tables that it alone reaches.
package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

const (
	headName       = "head"
	manifestPrefix = "checkpoints/"
	manifestSuffix = ".manifest"
)

// Store is the checkpoints of one job. It is safe for concurrent use.
type Store struct {
	objects objstore.Store

	mu      sync.Mutex
	head    checkpoint.Head
	version objstore.Version
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

// BeginTerm makes this coordinator the only one that can advance the head.
func (s *Store) BeginTerm(ctx context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.head
	head.Term++
	if err := s.swap(ctx, head); err != nil {
		return 0, err
	}
	return head.Term, nil
}

// swap replaces the head. An answer that says neither yes nor no is resolved by reading the head back. The
// mutex is held.
func (s *Store) swap(ctx context.Context, head checkpoint.Head) error {
	data, err := checkpoint.Encode(&head)
	if err != nil {
		return err
	}
	version, err := s.objects.Swap(ctx, headName, s.version, data)
	if err == nil {
		s.head, s.version = head, version
		return nil
	}
	now, version, readErr := s.objects.Get(ctx, headName)
	if readErr != nil && !errors.Is(readErr, objstore.ErrNotFound) {
		return errors.Join(err, readErr)
	}
	if string(now) == string(data) {
		s.head, s.version = head, version
		return nil
	}
	if other, decodeErr := checkpoint.Decode[checkpoint.Head](now); decodeErr == nil && other.Term > s.head.Term {
		return fmt.Errorf("deposed: term %d has begun, this is term %d: another process runs job %q on %s",
			other.Term, s.head.Term, other.Job, s.objects)
	}
	return err
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
	head := checkpoint.Head{Job: m.Job, Term: s.head.Term, Checkpoint: m.Checkpoint, Manifest: name}
	if err := s.swap(ctx, head); err != nil {
		return fmt.Errorf("head for checkpoint %d: %w", m.Checkpoint, err)
	}
	return nil
}

// manifestName is unique, and sorts by checkpoint.
func manifestName(m *checkpoint.Manifest) (string, error) {
	var token [8]byte
	if _, err := rand.Read(token[:]); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%020d-%08d-%s%s", manifestPrefix, m.Checkpoint, m.Term,
		hex.EncodeToString(token[:]), manifestSuffix), nil
}

// Latest returns the newest checkpoint, or nil when there is none. When its manifest is damaged, the error
// says which earlier checkpoint is there: it is never taken silently.
func (s *Store) Latest(ctx context.Context) (*checkpoint.Manifest, error) {
	s.mu.Lock()
	head := s.head
	s.mu.Unlock()
	if head.Manifest == "" {
		return nil, nil
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
			return fmt.Errorf("%w; checkpoint %d is whole: to go back to it, run with --from %d", err, e.Checkpoint, e.Checkpoint)
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
	s.mu.Lock()
	newest := s.head.Checkpoint
	s.mu.Unlock()
	names := map[uint64][]string{}
	for o, err := range s.objects.List(ctx, manifestPrefix) {
		if err != nil {
			return nil, err
		}
		if id, ok := numberOf(o.Name); ok && id <= newest {
			names[id] = append(names[id], o.Name)
		}
	}
	return names, nil
}

func numberOf(name string) (uint64, bool) {
	digits, _, _ := strings.Cut(strings.TrimPrefix(name, manifestPrefix), "-")
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

// Retained returns the number of the newest checkpoint and those of all that are there, ascending.
func (s *Store) Retained(ctx context.Context) (last uint64, all []uint64, err error) {
	names, err := s.names(ctx)
	if err != nil {
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head.Checkpoint, sorted(names), nil
}

// Retire deletes the manifests of all checkpoints but those to keep, then the tables that no kept one reaches
// and that are not in use. A manifest that cannot be read keeps all tables.
func (s *Store) Retire(ctx context.Context, keep []uint64, inUse func(table string) bool) error {
	var retained []*checkpoint.Manifest
	for o, err := range s.objects.List(ctx, manifestPrefix) {
		if err != nil {
			return err
		}
		id, ok := numberOf(o.Name)
		if !ok {
			continue
		}
		if !slices.Contains(keep, id) {
			if err := s.objects.Delete(ctx, o.Name); err != nil {
				return err
			}
			continue
		}
		m, err := s.read(ctx, o.Name)
		if err != nil {
			return err
		}
		retained = append(retained, m)
	}
	var tables []string
	for o, err := range s.objects.List(ctx, checkpoint.TablePrefix) {
		if err != nil {
			return err
		}
		if !inUse(o.Name) {
			tables = append(tables, o.Name)
		}
	}
	for _, name := range checkpoint.Unreachable(retained, tables) {
		if err := s.objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
