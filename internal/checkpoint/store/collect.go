package store

import (
	"context"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// Garbage returns the objects that no checkpoint needs: what a process that ended in the middle of something left
// behind, the probe of a store included, manifests that the head has never named, and deleted savepoints. It is right while nobody writes,
// which the caller makes sure of by the store's lock. A checkpoint whose manifest cannot be read is an error: what it
// needs is not known.
func (s *Store) Garbage(ctx context.Context) (garbage []objstore.Object, err error) {
	names, _, err := s.numbered(ctx)
	if err != nil {
		return nil, err
	}
	picked := map[string]bool{}
	var all []*checkpoint.Manifest
	for _, of := range names {
		name := s.pick(of)
		m, err := s.read(ctx, name)
		if err != nil {
			return nil, err
		}
		picked[name] = true
		all = append(all, m)
	}
	reached := map[string]bool{}
	for _, m := range all {
		for _, t := range m.Tables() {
			reached[t.Name] = true
		}
	}
	for _, prefix := range []string{manifestPrefix, savepointPrefix, checkpoint.TablePrefix, objstore.ProbePrefix} {
		for o, err := range s.objects.List(ctx, prefix) {
			if err != nil {
				return nil, err
			}
			_, numbered := numberOf(o.Name)
			manifest := prefix == manifestPrefix || prefix == savepointPrefix
			if !picked[o.Name] && !reached[o.Name] && (numbered || !manifest) {
				garbage = append(garbage, o)
			}
		}
	}
	return garbage, nil
}

// Delete deletes objects, in their order: manifests come before tables in what Garbage returns.
func (s *Store) Delete(ctx context.Context, objects []objstore.Object) error {
	for _, o := range objects {
		if err := s.objects.Delete(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}
