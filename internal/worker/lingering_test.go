package worker

import (
	"testing"

	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/lsm"
)

// listed are the lists of a shard that needs objects.
func listed(s *shard, names ...string) map[*shard]lsm.List {
	var l lsm.List
	for _, n := range names {
		l.Objects = append(l.Objects, lsm.Object{Name: n})
	}
	return map[*shard]lsm.List{s: l}
}

func TestWhatAReadMayStillReadLingers(t *testing.T) {
	s, reads := &shard{}, true
	fences := []func() bool{func() bool { return true }, func() bool { return !reads }}
	var l lingering
	l.begin(&checkpoint.Manifest{Operators: []checkpoint.Operator{
		{Subtasks: []checkpoint.Subtask{{Tables: []checkpoint.Table{{Name: "restored"}, {Name: "both"}}}}},
	}})
	want := func(when string, lingers map[string]bool) {
		t.Helper()
		for name, want := range lingers {
			if l.has(name) != want {
				t.Errorf("%s: %s lingers: %v", when, name, !want)
			}
		}
	}
	want("at the begin", map[string]bool{"restored": true, "both": true, "other": false})
	l.lists(listed(s, "both", "new"), []string{"compacted"}, fences)
	want("during a read", map[string]bool{"restored": true, "both": true, "new": true, "compacted": true})
	reads = false
	want("after it", map[string]bool{"restored": false, "both": true, "new": true, "compacted": false})
	l.lists(listed(s), nil, fences)
	want("without a read", map[string]bool{"both": false, "new": false})
	if len(l.behind) > 0 {
		t.Errorf("%+v is remembered", l.behind)
	}
}
