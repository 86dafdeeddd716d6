package store

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// plan chooses faults by the number of a request among those of its kind; it may be changed at any time.
type plan map[fault.Op][]fault.Fault

// faulty wraps a store; what the plan holds happens to the next requests of each kind, in order.
func faulty(inner objstore.Store) (*fault.Store, plan) {
	p := plan{}
	return fault.New(inner, func(op fault.Op, _ string, _ int) fault.Fault {
		if len(p[op]) == 0 {
			return fault.None
		}
		f := p[op][0]
		p[op] = p[op][1:]
		return f
	}), p
}

func TestANewTermFencesTheOneBefore(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		old := running(t, objects)
		save(t, old, 1)
		young := running(t, objects)
		err := old.Save(t.Context(), manifest(old, 2))
		mustSay(t, err, 0, "checkpoint 2", "deposed", "term 2 has begun", "this is term 1",
			`"orders"`, objects.String())
		if id := latest(t, objects); id != 1 {
			t.Errorf("the deposed one's checkpoint became visible: the latest is %d", id)
		}
		_, all, err := open(t, objects).Retained(t.Context())
		if len(all) != 1 || err != nil {
			t.Errorf("retained %v, %v", all, err)
		}
		save(t, young, 2)
		if _, err := old.BeginTerm(t.Context()); err == nil || !strings.Contains(err.Error(), "deposed") {
			t.Errorf("the deposed one began a term again: %v", err)
		}
	})
}

// Both write a checkpoint 2. Only one of them is in the head, and that is the one that is loaded.
func TestOfTwoManifestsOfOneNumberTheHeadsIsTaken(t *testing.T) {
	objects := mem.New()
	old := running(t, objects)
	save(t, old, 1)
	young := running(t, objects)
	save(t, young, 2, "young")
	if err := old.Save(t.Context(), manifest(old, 2, "old")); err == nil {
		t.Fatal("the deposed one saved")
	}
	for _, load := range []*Store{open(t, objects), young} {
		m, err := load.Load(t.Context(), 2)
		must(t, err)
		if m.Term != 2 || m.Tables()[0].Name != "shards/young" {
			t.Errorf("%+v", m)
		}
		entries, err := load.List(t.Context())
		if err != nil || len(entries) != 2 || entries[1].Term != 2 {
			t.Errorf("%+v, %v", entries, err)
		}
	}
}

// abandon writes the manifest of a checkpoint that the head then does not name.
func abandon(t *testing.T, s *Store, plan plan, id uint64, tables ...string) {
	t.Helper()
	plan[fault.Swap] = []fault.Fault{fault.Before}
	if err := s.Save(t.Context(), manifest(s, id, tables...)); !errors.Is(err, fault.ErrInjected) {
		t.Fatal(err)
	}
}

// The names of the manifests end at random, so that the head's is hardly ever the last of many.
func TestTriesThatCameToNothingAreNotTakenForTheCheckpoint(t *testing.T) {
	inner := mem.New()
	objects, plan := faulty(inner)
	s := running(t, objects)
	for range 20 {
		abandon(t, s, plan, 1, "abandoned")
	}
	save(t, s, 1, "saved")
	for range 20 {
		abandon(t, s, plan, 1, "abandoned")
	}
	m, err := open(t, inner).Load(t.Context(), 1)
	if err != nil || m.Tables()[0].Name != "shards/saved" {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestTheNumberOfAnAbandonedCheckpointIsTakenButItIsNotThere(t *testing.T) {
	inner := mem.New()
	objects, plan := faulty(inner)
	s := running(t, objects)
	save(t, s, 1)
	abandon(t, s, plan, 2)
	for _, s := range []*Store{s, open(t, inner)} {
		last, all, err := s.Retained(t.Context())
		if last != 2 || len(all) != 1 || err != nil {
			t.Errorf("last %d of %v, %v, want 2 of [1]", last, all, err)
		}
		_, err = s.Load(t.Context(), 2)
		mustSay(t, err, base.Config, "no checkpoint 2", "it has 1")
	}
}

func TestOfTermsThatBeginAtOnceExactlyOneIsTheNewest(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		stores := make([]*Store, 8)
		for i := range stores {
			stores[i] = open(t, objects)
		}
		errs := make([]error, len(stores))
		var group sync.WaitGroup
		for i, s := range stores {
			group.Go(func() { _, errs[i] = s.BeginTerm(t.Context()) })
		}
		group.Wait()
		begun := 0
		for _, err := range errs {
			if err == nil {
				begun++
			}
		}
		if begun != 1 {
			t.Errorf("%d terms with the same number have begun", begun)
		}
	})
}

func TestALostAnswerToTheBeginOfATermIsFoundOut(t *testing.T) {
	inner := mem.New()
	objects, plan := faulty(inner)
	s := open(t, objects)
	plan[fault.Swap] = []fault.Fault{fault.After}
	if term, err := s.BeginTerm(t.Context()); term != 1 || err != nil {
		t.Fatalf("term %d, %v", term, err)
	}
	save(t, s, 1)
	if id := latest(t, inner); id != 1 {
		t.Errorf("latest %d", id)
	}
}

// The answer of the one was lost with its request, and the other's head has the same number in it.
func TestATermOfTheSameNumberIsNotMistakenForOnesOwn(t *testing.T) {
	inner := mem.New()
	objects, plan := faulty(inner)
	late, other := open(t, objects), open(t, inner)
	_, err := other.BeginTerm(t.Context())
	must(t, err)
	plan[fault.Swap] = []fault.Fault{fault.Before}
	if term, err := late.BeginTerm(t.Context()); err == nil {
		t.Errorf("term %d has begun twice", term)
	}
}

func TestATermThatCouldNotBeWrittenHasNotBegun(t *testing.T) {
	inner := mem.New()
	objects, plan := faulty(inner)
	s := open(t, objects)
	plan[fault.Swap] = []fault.Fault{fault.Before}
	if _, err := s.BeginTerm(t.Context()); !errors.Is(err, fault.ErrInjected) {
		t.Errorf("%v", err)
	}
	if names := listed(t, inner, ""); names != "" {
		t.Errorf("%s is there", names)
	}
	if term, err := s.BeginTerm(t.Context()); term != 1 || err != nil {
		t.Errorf("the second try: term %d, %v", term, err)
	}
}

// What a failed Save leaves behind must not show, nor stand in the way of the next.
func TestASaveWithoutAnAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		plan  plan
		saved bool
	}{
		"no manifest was written":   {plan{fault.Put: {fault.Before}}, false},
		"the manifest was written":  {plan{fault.Put: {fault.After}}, false},
		"the head was not replaced": {plan{fault.Swap: {fault.Before}}, false},
		"the head was replaced":     {plan{fault.Swap: {fault.After}}, true},
		"nor was it read back":      {plan{fault.Swap: {fault.Before}, fault.Get: {fault.Before}}, false},
		"the head needs no reading": {plan{fault.Get: {fault.Before}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			inner := mem.New()
			objects, plan := faulty(inner)
			s := running(t, objects)
			save(t, s, 1)
			for op, faults := range c.plan {
				plan[op] = faults
			}
			err := s.Save(t.Context(), manifest(s, 2))
			if (err == nil) != c.saved || !c.saved && !errors.Is(err, fault.ErrInjected) {
				t.Fatalf("saved: %v, error %v", c.saved, err)
			}
			want := uint64(1)
			if c.saved {
				want = 2
			}
			if id := latest(t, inner); id != want {
				t.Errorf("latest %d, want %d", id, want)
			}
			delete(plan, fault.Get)
			save(t, s, 3)
			if id := latest(t, inner); id != 3 {
				t.Errorf("latest %d after the next Save, want 3", id)
			}
		})
	}
}

// unresolved is a store whose checkpoint 2 became the newest, but neither the answer nor the head came back.
func unresolved(t *testing.T, inner objstore.Store) (s *Store, plan plan, err error) {
	t.Helper()
	objects, plan := faulty(inner)
	s = running(t, objects)
	save(t, s, 1)
	plan[fault.Swap] = []fault.Fault{fault.After}
	plan[fault.Get] = []fault.Fault{fault.Before}
	err = s.Save(t.Context(), manifest(s, 2))
	return s, plan, err
}

func TestWhenItCannotBeFoundOutWhetherACheckpointIsTheNewestTheErrorSaysSo(t *testing.T) {
	_, _, err := unresolved(t, mem.New())
	mustSay(t, err, 0, "checkpoint 2", "could not be found out")
	if !errors.Is(err, fault.ErrInjected) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestAnOutcomeThatWasNotFoundOutIsFoundOutByTheNextUse(t *testing.T) {
	for name, use := range map[string]func(t *testing.T, s *Store) uint64{
		"save": func(t *testing.T, s *Store) uint64 {
			save(t, s, 3)
			return 3
		},
		"latest": func(t *testing.T, s *Store) uint64 {
			m, err := s.Latest(t.Context())
			must(t, err)
			if m.Checkpoint != 2 {
				t.Errorf("latest %d, the head names 2", m.Checkpoint)
			}
			return 2
		},
		"retained": func(t *testing.T, s *Store) uint64 {
			last, all, err := s.Retained(t.Context())
			if last != 2 || len(all) != 2 || err != nil {
				t.Errorf("last %d of %v, %v", last, all, err)
			}
			return 2
		},
	} {
		t.Run(name, func(t *testing.T) {
			inner := mem.New()
			s, _, _ := unresolved(t, inner)
			want := use(t, s)
			if id := latest(t, inner); id != want {
				t.Errorf("latest %d, want %d", id, want)
			}
		})
	}
}

func TestAnOutcomeIsNotGuessedWhileTheHeadCannotBeRead(t *testing.T) {
	s, plan, _ := unresolved(t, mem.New())
	plan[fault.Get] = []fault.Fault{fault.Before, fault.Before}
	if m, err := s.Latest(t.Context()); !errors.Is(err, fault.ErrInjected) {
		t.Errorf("latest %v, %v", m, err)
	}
	if last, _, err := s.Retained(t.Context()); !errors.Is(err, fault.ErrInjected) {
		t.Errorf("last %d, %v", last, err)
	}
	if m, err := s.Latest(t.Context()); err != nil || m.Checkpoint != 2 {
		t.Errorf("once it can be read: %v, %v", m, err)
	}
}

func TestAnUnresolvedSaveIsDeposedLikeAnyOther(t *testing.T) {
	inner := mem.New()
	s, _, _ := unresolved(t, inner)
	young := running(t, inner)
	err := s.Save(t.Context(), manifest(s, 3))
	mustSay(t, err, 0, "deposed", "term 2 has begun")
	save(t, young, 3)
	if id := latest(t, inner); id != 3 {
		t.Errorf("latest %d", id)
	}
}
