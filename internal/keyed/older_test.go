package keyed

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// heavies is a subject with long names for keys, all of them below, which are more than its memory may have
// once the limit is lower.
func heavies(t *testing.T, n int) (*subject, []string) {
	t.Helper()
	s := newSubject(t, base.KeyGroupRange{End: maxP}, 1<<30)
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint("heavy-", i))
	}
	for i, slot := range s.slots(t, all...) {
		v := strings.Repeat(string(rune('a'+i%26)), 4000)
		s.name.Set(slot, &v)
	}
	s.checkpoint(t)
	return s, all
}

func TestSlotsAreFreedBeforeASnapshotUntilTheLimitIsKept(t *testing.T) {
	s, all := heavies(t, 1000)
	s.store.Budget.SetLimit(1 << 20)
	s.slots(t, all[0]) // of the batch at hand
	s.store.Relieve()
	if used := s.store.Bytes(); used > 1<<20 {
		t.Errorf("%d bytes are left", used)
	}
	if n := s.store.Len(); n < 50 || int64(1000-n) != s.store.Counts().Evicted {
		t.Errorf("%d keys are left, %d are counted as evicted", n, s.store.Counts().Evicted)
	}
	for i, slot := range s.slots(t, all...) {
		if v, ok := s.name.Get(slot); !ok || len(v) != 4000 || v[0] != byte('a'+i%26) {
			t.Fatalf("%s has %.3q, %v", all[i], v, ok)
		}
	}
}

// What a snapshot on its way has not got may go, of a page that has been changed since; what it has may not.
func TestSlotsGoWhileASnapshotIsOnItsWay(t *testing.T) {
	s, all := heavies(t, 200)
	changed := s.slots(t, all...)[:20]
	for _, slot := range changed {
		v := strings.Repeat("Z", 4000)
		s.name.Set(slot, &v)
	}
	f := s.store.Freeze()
	for _, slot := range s.slots(t, all...)[100:] { // in all pages, of which the snapshot then has copies of its own
		v := strings.Repeat("Y", 4000)
		s.name.Set(slot, &v)
	}
	s.slots(t, all[0])
	s.store.Budget.SetLimit(1)
	s.store.Relieve()
	if n := s.store.Len(); n != 120 {
		t.Errorf("%d keys are in memory, want those of the snapshot and those changed since, 120", n)
	}
	s.store.Budget.SetLimit(1 << 30)
	out := &tape{}
	must(t, f.WriteTo(out))
	s.below.apply(out.entries)
	f.Done()
	for i, slot := range s.slots(t, all...) {
		want := string(rune('a' + i%26))
		switch {
		case i < 20:
			want = "Z"
		case i >= 100:
			want = "Y"
		}
		if v, ok := s.name.Get(slot); !ok || v[:1] != want {
			t.Fatalf("%s has %.3q, %v, want %s", all[i], v, ok, want)
		}
	}
}
