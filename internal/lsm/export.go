package lsm

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Export returns the list of the state as it is after the last Ingest that returned. It makes no request.
func (s *Shard) Export(ctx context.Context) (list List, err error) {
	s.ingesting.Lock()
	defer s.ingesting.Unlock()
	err = s.use(func() error {
		if err := s.damaged(); err != nil {
			return err
		}
		for ctx.Err() == nil {
			tables, names, ok, err := s.tree()
			if err != nil {
				return err
			}
			if ok {
				list, err = s.list(tables, names)
				return err
			}
		}
		return ctx.Err()
	})
	return list, err
}

// tree returns the tables by level and the names of their objects by number. It is not ok if a table came and
// went in between, so that its name is not known.
func (s *Shard) tree() (tables [][]pebble.SSTableInfo, names map[uint64]string, ok bool, err error) {
	defer s.recovered(&err)
	names = map[uint64]string{}
	s.names(names)
	if tables, err = s.db.SSTables(); err != nil {
		return nil, nil, false, err
	}
	s.names(names) // of tables that compactions have written meanwhile
	for _, level := range tables {
		for _, t := range level {
			if _, ok := names[uint64(t.BackingSSTNum)]; !ok {
				return nil, nil, false, nil
			}
		}
	}
	return tables, names, true, nil
}

func (s *Shard) names(names map[uint64]string) {
	provider := s.db.ObjProvider()
	for _, o := range provider.List() {
		if o.IsRemote() {
			names[uint64(o.DiskFileNum)] = s.objectName(provider.Path(o))
		}
	}
}

// list puts a tree into a list.
func (s *Shard) list(tree [][]pebble.SSTableInfo, names map[uint64]string) (List, error) {
	l := List{Range: s.r, Objects: []Object{}}
	index, held := map[string]int{}, map[string]bool{}
	var tables []table
	for level, infos := range tree {
		for _, t := range infos {
			name := names[uint64(t.BackingSSTNum)]
			if _, ok := index[name]; !ok {
				o, err := s.files.get(name)
				if err != nil {
					return List{}, err
				}
				index[name] = len(l.Objects)
				l.Objects = append(l.Objects, o)
			}
			tables = append(tables, describe(t, level, index[name]))
		}
	}
	for _, name := range names {
		held[name] = true
	}
	s.files.forget(held)
	meta, err := encodeMeta(tables)
	if err != nil {
		return List{}, fmt.Errorf("export shard %s: %w", s.r, err)
	}
	l.Meta = meta
	return l, nil
}

func describe(t pebble.SSTableInfo, level, object int) table {
	return table{
		Object:   object,
		Level:    level,
		Smallest: bound{t.Smallest.UserKey, uint64(t.Smallest.Trailer)},
		Largest:  bound{t.Largest.UserKey, uint64(t.Largest.Trailer)},
		MinSeq:   uint64(t.SmallestSeqNum),
		MaxSeq:   uint64(t.LargestSeqNum),
		Size:     t.Size,
		Virtual:  t.Virtual,
	}
}

// Unused returns the names of own objects that the shard has stopped to need since the last call. Each may be
// deleted once no list that is retained names it. A name comes a little after the compaction that replaced it.
func (s *Shard) Unused() []string { return s.files.takeUnused() }
