package store

import (
	"context"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
)

// Retire deletes the manifests of all checkpoints but those to keep and those newer than all of them, then
// the tables that no manifest left reaches and that are not in use or were those of a manifest deleted: what a
// checkpoint has had and a later one has not, nobody needs any more. What may still be read stays in any case, until
// it is found the next time. A manifest that cannot be read keeps everything, and so does a term that is over. A
// savepoint that has been deleted goes like the manifests that are not kept; the others stay.
func (s *Store) Retire(ctx context.Context, keep []uint64, read, inUse func(table string) bool) error {
	s.collecting.Lock()
	defer s.collecting.Unlock()
	// In this order: what needs a table that is not in use any more has been saved, so it is found afterwards.
	// And what a later term writes, it writes after the head has been looked at.
	tables, err := s.unused(ctx, inUse)
	if err != nil {
		return err
	}
	retained, retired, err := s.divide(ctx, keep)
	if err != nil {
		return err
	}
	kept, deleted, err := s.divideSavepoints(ctx, keep)
	if err != nil {
		return err
	}
	retained, retired = append(retained, kept...), append(retired, deleted...)
	tables = slices.DeleteFunc(append(tables, s.tablesOf(ctx, retired)...), read)
	slices.Sort(tables)
	tables = slices.Compact(tables) // or what is both would be deleted twice
	if _, err := s.ruling(ctx); err != nil {
		return err
	}
	for _, name := range append(retired, checkpoint.Unreachable(retained, tables)...) {
		if err := s.objects.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// tablesOf are the tables of checkpoints that go. Of one that cannot be read, they are found when they are not spared
// any longer.
func (s *Store) tablesOf(ctx context.Context, manifests []string) (tables []string) {
	for _, name := range manifests {
		m, err := s.read(ctx, name)
		if err != nil {
			continue
		}
		for _, t := range m.Tables() {
			tables = append(tables, t.Name)
		}
	}
	return tables
}

// unused are the tables that are there and not in use.
func (s *Store) unused(ctx context.Context, inUse func(table string) bool) (tables []string, err error) {
	for o, err := range s.objects.List(ctx, checkpoint.TablePrefix) {
		if err != nil {
			return nil, err
		}
		if !inUse(o.Name) {
			tables = append(tables, o.Name)
		}
	}
	return tables, nil
}

// divide reads the manifests that stay, and names those that go.
func (s *Store) divide(
	ctx context.Context, keep []uint64,
) (stay []*checkpoint.Manifest, leave []string, err error) {
	for o, err := range s.objects.List(ctx, manifestPrefix) {
		if err != nil {
			return nil, nil, err
		}
		id, ok := numberOf(o.Name)
		if !ok {
			continue
		}
		if outdated(id, keep) && !slices.Contains(keep, id) {
			leave = append(leave, o.Name)
			continue
		}
		m, err := s.read(ctx, o.Name)
		if err != nil {
			return nil, nil, err
		}
		stay = append(stay, m)
	}
	return stay, leave, nil
}

// outdated reports whether a checkpoint is older than one of those to keep, so that nobody is still about to store it.
func outdated(id uint64, keep []uint64) bool {
	return slices.ContainsFunc(keep, func(k uint64) bool { return k > id })
}

// ruling returns the head, having made sure that no later term has begun.
func (s *Store) ruling(ctx context.Context) (checkpoint.Head, error) {
	now, err := Inspect(ctx, s.objects)
	if err != nil {
		return checkpoint.Head{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.head.Term > s.head.Term {
		return now.head, s.deposed(now.head)
	}
	return now.head, nil
}
