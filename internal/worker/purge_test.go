package worker

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/lsm"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
	"github.com/aquifer-stream/aquifer/internal/operator"
	"github.com/aquifer-stream/aquifer/internal/plan"
)

// shelved is a shard with 20,000 keys of each of two states.
func shelved(t *testing.T) (s *shard, set func() *lsm.TableSet, states [2][]lsm.Range) {
	t.Helper()
	objects := mem.New()
	res, err := lsm.NewResources(objects, 1<<20, 2, 1)
	must(t, err)
	groups := base.KeyGroupRange{End: 4}
	s = &shard{uid: "op", keys: keysOf("op", groups)}
	s.Shard, err = lsm.OpenShard(t.Context(), res, "shards/p", s.keys)
	must(t, err)
	t.Cleanup(func() {
		must(t, s.Close())
		res.Close()
	})
	n := 0
	set = func() *lsm.TableSet {
		return lsm.NewTableSet(t.Context(), objects, func() string { n++; return fmt.Sprint("shards/t", n) })
	}
	w := set()
	for g := range groups.End {
		for id := range states {
			r := rangesOf("op", base.KeyGroupRange{Start: g, End: g + 1}, []uint32{uint32(id)})[0]
			for i := range 5000 {
				value := fmt.Append(nil, base.Hash([]byte{byte(i), byte(i >> 8)}), " which does not compress well")
				must(t, w.Set(fmt.Appendf(slices.Clone(r.Start), "%06d", i), value))
			}
			states[id] = append(states[id], r)
		}
	}
	must(t, ingestAll(t, s, w))
	return s, set, states
}

func ingestAll(t *testing.T, s *shard, w *lsm.TableSet) error {
	t.Helper()
	tables, err := w.Finish()
	must(t, err)
	return s.Ingest(t.Context(), tables)
}

func TestTheSpaceOfADroppedStateIsFreedWhenItsDeletionIsWritten(t *testing.T) {
	s, set, states := shelved(t)
	before := s.Metrics().Bytes
	p := &purge{shard: s, deleted: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	w := set()
	for _, r := range states[0] {
		must(t, w.DeleteRange(r.Start, r.End))
	}
	must(t, ingestAll(t, s, w))
	p.wrote()
	p.wrote() // a later snapshot does not wait
	must(t, p.run(t.Context()))
	if after := s.Metrics().Bytes; after > before*6/10 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
	for id, want := range []int{0, 20_000} {
		n := 0
		for _, r := range states[id] {
			must(t, s.Shard.Scan(t.Context(), r, func(_, _ []byte) error { n++; return nil }))
		}
		if n != want {
			t.Errorf("state %d has %d keys, want %d", id, n, want)
		}
	}
}

func TestAPurgeEndsWithItsAttempt(t *testing.T) {
	p := &purge{deleted: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, p.run(ctx))
	var none *purge
	none.wrote()
}

func TestAShardIsPurgedOnlyIfAStateIsGone(t *testing.T) {
	declared := []checkpoint.State{{Name: "a"}, {Name: "b"}}
	n := &plan.Node{Keyed: &operator.Planned{
		Describe: func() (string, []checkpoint.State, error) { return "", declared, nil },
	}}
	for name, c := range map[string]struct {
		restored *operator.Restored
		want     int
	}{
		"the beginning":    {nil, 0},
		"the same states":  {&operator.Restored{States: declared}, 0},
		"a state is added": {&operator.Restored{States: declared[:1]}, 0},
		"a state is gone":  {&operator.Restored{States: []checkpoint.State{{Name: "a"}, {Name: "c"}}}, 1},
	} {
		a := &Attempt{}
		p, err := a.newPurge(&shard{}, n, c.restored)
		must(t, err)
		if len(a.purges) != c.want || (p != nil) != (c.want > 0) {
			t.Errorf("%s: %d purges", name, len(a.purges))
		}
	}
}
