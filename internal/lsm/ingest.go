package lsm

import (
	"bytes"
	"context"

	"github.com/cockroachdb/pebble/v2"
)

// Ingest makes tables a part of the state, of each only what lies within the shard's range. Tables come in
// order, oldest first, and a call has those of whole epochs. No object is read or written: the tables are
// referred to. After an error some of them may be in; to go on, the same tables are ingested again. Damage that
// a compaction has found is returned here, as an error of kind base.Corrupt. It waits while more tables are unmerged
// than a read should look into.
func (s *Shard) Ingest(ctx context.Context, tables []TableInfo) error {
	s.ingesting.Lock()
	defer s.ingesting.Unlock()
	return s.use(func() error {
		if err := s.damaged(); err != nil {
			return err
		}
		s.res.filters.taken(tables)
		for _, group := range disjoint(s.clips(tables)) {
			if err := s.room(ctx); err != nil {
				return err
			}
			if err := s.ingest(ctx, group); err != nil {
				return err
			}
		}
		return nil
	})
}

// clips returns the tables that have something in the shard's range, with what that is: its keys, and its
// size as a guess, half of the table for each end that is cut off.
func (s *Shard) clips(tables []TableInfo) (in []TableInfo) {
	for _, t := range tables {
		keys, ok := t.Keys.clip(s.r)
		if !ok {
			continue
		}
		s.files.add(Object{t.Name, t.Bytes, t.CRC})
		if !bytes.Equal(keys.Start, t.Keys.Start) {
			t.Bytes /= 2
		}
		if !bytes.Equal(keys.End, t.Keys.End) {
			t.Bytes /= 2
		}
		t.Keys = keys
		in = append(in, t)
	}
	return in
}

// disjoint cuts tables into groups, in order, within which keys ascend and do not overlap: each is ingested by
// one call.
func disjoint(tables []TableInfo) (groups [][]TableInfo) {
	for i, t := range tables {
		if i == 0 || bytes.Compare(tables[i-1].Keys.End, t.Keys.Start) > 0 {
			groups = append(groups, nil)
		}
		last := &groups[len(groups)-1]
		*last = append(*last, t)
	}
	return groups
}

// ingest adds tables that do not overlap. Their bounds are made to touch, from the start of the shard's range
// to its end. Pebble looks into a table that surrounds the new one, to find out whether it could go below it;
// no table surrounds one that has the bounds of the shard. Keys are spread by hash, so little is lost: a table
// that has a few keys only reaches over most of the range anyway.
func (s *Shard) ingest(ctx context.Context, tables []TableInfo) (err error) {
	defer s.recovered(&err)
	var external []pebble.ExternalFile
	for i, t := range tables {
		start, end := s.r.Start, s.r.End
		if i > 0 {
			start = t.Keys.Start
		}
		if i < len(tables)-1 {
			end = tables[i+1].Keys.Start
		}
		external = append(external, pebble.ExternalFile{
			Locator:     knownObjects,
			ObjName:     t.Name,
			Size:        uint64(max(t.Bytes, 1)),
			StartKey:    start,
			EndKey:      end,
			HasPointKey: true, // and ranges to delete, which count among them
		})
	}
	s.turns.deepen(1)
	_, err = s.db.IngestExternalFiles(ctx, external)
	_ = s.sublevels() // tells others
	return err
}
