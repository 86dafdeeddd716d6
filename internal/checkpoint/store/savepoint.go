package store

import (
	"context"
	"slices"
	"strings"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

func isSavepoint(manifest string) bool { return strings.HasPrefix(manifest, savepointPrefix) }

// savepoints are the manifests of those that the head lists, and of one that was deleted while it is still the newest
// checkpoint, which the job goes on from.
func savepoints(head checkpoint.Head) []string {
	if isSavepoint(head.Manifest) && !slices.Contains(head.Savepoints, head.Manifest) {
		return append(slices.Clone(head.Savepoints), head.Manifest)
	}
	return head.Savepoints
}

// lacksSavepoints reports whether a head is another one but for savepoints that have been deleted since.
func lacksSavepoints(now, before checkpoint.Head) bool {
	deleted := len(now.Savepoints) < len(before.Savepoints)
	for _, name := range now.Savepoints {
		deleted = deleted && slices.Contains(before.Savepoints, name)
	}
	before.Savepoints = now.Savepoints
	return deleted && now.Equal(before)
}

// divideSavepoints reads the savepoints that stay, and names the manifests of those that go: deleted ones, and what was
// to become one and did not.
func (s *Store) divideSavepoints(
	ctx context.Context, keep []uint64,
) (stay []*checkpoint.Manifest, leave []string, err error) {
	var listed []string
	for o, err := range s.objects.List(ctx, savepointPrefix) {
		if err != nil {
			return nil, nil, err
		}
		listed = append(listed, o.Name)
	}
	// In this order: what has been listed and is not about to be saved, the head lists by now, or never will.
	head, err := s.ruling(ctx)
	if err != nil {
		return nil, nil, err
	}
	staying := slices.Clone(head.Savepoints)
	for _, name := range listed {
		id, ok := numberOf(name)
		if !ok || slices.Contains(staying, name) {
			continue
		}
		if outdated(id, keep) {
			leave = append(leave, name)
		} else {
			staying = append(staying, name)
		}
	}
	for _, name := range staying {
		m, err := s.read(ctx, name)
		if err != nil {
			return nil, nil, err
		}
		stay = append(stay, m)
	}
	return stay, leave, nil
}

// DeleteSavepoint deletes a savepoint, also while a job runs. Its number is no longer found; its objects go when the job
// next retires checkpoints, or with Garbage. A number that is no savepoint's is an error of kind base.Config.
func DeleteSavepoint(ctx context.Context, objects objstore.Store, id uint64) error {
	of := func(name string) bool { n, _ := numberOf(name); return n == id }
	for tried := false; ; tried = true {
		s, err := Inspect(ctx, objects)
		if err != nil {
			return err
		}
		head := s.head
		if !slices.ContainsFunc(head.Savepoints, of) {
			if tried {
				return nil
			}
			return base.Errorf(base.Config, "%s has no savepoint %d: it has %s", objects, id, savepointNumbers(head))
		}
		head.Savepoints = slices.DeleteFunc(slices.Clone(head.Savepoints), of)
		data, err := checkpoint.Encode(&head)
		if err != nil {
			return err
		}
		if _, err = objects.Swap(ctx, headName, s.version, data); err == nil {
			return nil
		}
		now, readErr := Inspect(ctx, objects)
		if readErr != nil || now.version == s.version {
			return err
		}
		// The job has stored a checkpoint meanwhile, or the answer was lost.
	}
}

// savepointNumbers says what savepoints there are.
func savepointNumbers(head checkpoint.Head) string {
	names := map[uint64][]string{}
	for _, name := range head.Savepoints {
		id, _ := numberOf(name)
		names[id] = append(names[id], name)
	}
	return numbers(names)
}
