package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/checkpoint"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/dir"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

const job = "orders"

// everywhere tells a story over each kind of object store.
func everywhere(t *testing.T, story func(t *testing.T, objects objstore.Store)) {
	t.Run("memory", func(t *testing.T) { story(t, mem.New()) })
	t.Run("directory", func(t *testing.T) {
		objects, err := dir.Open(t.TempDir())
		must(t, err)
		story(t, objects)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustSay checks an error's kind and the words that make it useful.
func mustSay(t *testing.T, err error, kind base.Kind, words ...string) {
	t.Helper()
	if err == nil || base.KindOf(err) != kind {
		t.Fatalf("error %v of kind %v, want one of kind %v", err, base.KindOf(err), kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("error %q does not say %q", err, w)
		}
	}
}

func open(t *testing.T, objects objstore.Store) *Store {
	t.Helper()
	s, err := Open(t.Context(), objects, job)
	must(t, err)
	return s
}

// running is a store whose term has begun.
func running(t *testing.T, objects objstore.Store) *Store {
	t.Helper()
	s := open(t, objects)
	_, err := s.BeginTerm(t.Context())
	must(t, err)
	return s
}

// manifest is a checkpoint with tables of ten bytes each.
func manifest(s *Store, id uint64, tables ...string) *checkpoint.Manifest {
	m := &checkpoint.Manifest{
		Job: job, Checkpoint: id, Term: s.head.Term, Created: 1000 * int64(id),
		Reason: checkpoint.ReasonPeriodic, MaxParallelism: 256,
	}
	var sub checkpoint.Subtask
	for _, name := range tables {
		sub.Tables = append(sub.Tables, checkpoint.Table{Name: checkpoint.TablePrefix + name, Bytes: 10})
	}
	m.Operators = []checkpoint.Operator{{UID: "count", Parallelism: 1, Subtasks: []checkpoint.Subtask{sub}}}
	return m
}

func save(t *testing.T, s *Store, id uint64, tables ...string) {
	t.Helper()
	must(t, s.Save(t.Context(), manifest(s, id, tables...)))
}

// latest is the number of the newest checkpoint for whoever opens the objects now; 0 for none.
func latest(t *testing.T, objects objstore.Store) uint64 {
	t.Helper()
	m, err := open(t, objects).Latest(t.Context())
	must(t, err)
	if m == nil {
		return 0
	}
	return m.Checkpoint
}

func putTables(t *testing.T, objects objstore.Store, names ...string) {
	t.Helper()
	for _, name := range names {
		must(t, objects.PutIfAbsent(t.Context(), checkpoint.TablePrefix+name, []byte("0123456789")))
	}
}

// listed are the objects under a prefix, without it.
func listed(t *testing.T, objects objstore.Store, prefix string) string {
	t.Helper()
	var names []string
	for o, err := range objects.List(t.Context(), prefix) {
		must(t, err)
		names = append(names, strings.TrimPrefix(o.Name, prefix))
	}
	return strings.Join(names, " ")
}

func tables(t *testing.T, objects objstore.Store) string {
	t.Helper()
	return listed(t, objects, checkpoint.TablePrefix)
}

// replace writes other bytes under the name of an object, as a fault of a disk does.
func replace(t *testing.T, objects objstore.Store, name string, change func([]byte) []byte) {
	t.Helper()
	data, _, err := objects.Get(t.Context(), name)
	must(t, err)
	must(t, objects.Delete(t.Context(), name))
	must(t, objects.PutIfAbsent(t.Context(), name, change(data)))
}

func flipBit(data []byte) []byte {
	data[len(data)-5] ^= 4
	return data
}

func newerFormat(data []byte) []byte {
	return []byte(strings.Replace(string(data), fmt.Sprintf(`"format":%d`, checkpoint.Format), `"format":9`, 1))
}

func TestAnEmptyStoreBeginsWithoutACheckpointAndOpeningWritesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := open(t, objects)
		m, err := s.Latest(t.Context())
		if m != nil || err != nil {
			t.Errorf("latest %v, %v", m, err)
		}
		last, all, err := s.Retained(t.Context())
		if last != 0 || len(all) != 0 || err != nil {
			t.Errorf("retained %d %v, %v", last, all, err)
		}
		entries, err := s.List(t.Context())
		if len(entries) != 0 || err != nil {
			t.Errorf("list %v, %v", entries, err)
		}
		if names := listed(t, objects, ""); names != "" {
			t.Errorf("opening wrote %s", names)
		}
	})
}

func TestTheFirstTermIsOneAndEachLaterOneIsTheNext(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		for want := uint64(1); want <= 3; want++ {
			term, err := open(t, objects).BeginTerm(t.Context())
			if term != want || err != nil {
				t.Fatalf("term %d, %v, want %d", term, err, want)
			}
		}
		if id := latest(t, objects); id != 0 {
			t.Errorf("terms alone made checkpoint %d", id)
		}
	})
}

func TestWhatWasSavedIsTheLatestAfterReopening(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := running(t, objects)
		save(t, s, 1, "a")
		save(t, s, 2, "a", "b")
		reopened := running(t, objects)
		m, err := reopened.Latest(t.Context())
		must(t, err)
		if m.Checkpoint != 2 || m.Term != 1 || m.Created != 2000 || len(m.Tables()) != 2 {
			t.Errorf("%+v", m)
		}
		last, all, err := reopened.Retained(t.Context())
		if last != 2 || !slices.Equal(all, []uint64{1, 2}) || err != nil {
			t.Errorf("retained %d %v, %v", last, all, err)
		}
	})
}

func TestAStoreInUseByAnotherJobIsRefusedAndUntouched(t *testing.T) {
	objects := mem.New()
	save(t, running(t, objects), 1)
	before, _, err := objects.Get(t.Context(), headName)
	must(t, err)
	_, err = Open(t.Context(), objects, "clicks")
	mustSay(t, err, base.Config, "memory", `"orders"`, `"clicks"`, "another state directory")
	if after, _, err := objects.Get(t.Context(), headName); err != nil || string(after) != string(before) {
		t.Errorf("the head was %s, is %s, %v", before, after, err)
	}
	if _, err := Inspect(t.Context(), objects); err != nil {
		t.Errorf("inspecting asks for no job: %v", err)
	}
}

func TestTheListTellsOfEachCheckpointOldestFirst(t *testing.T) {
	objects := mem.New()
	s := running(t, objects)
	for id := uint64(8); id <= 11; id++ { // across the digits, where names and numbers could sort differently
		save(t, s, id, "a", fmt.Sprint("only-", id))
	}
	inspected, err := Inspect(t.Context(), objects)
	must(t, err)
	entries, err := inspected.List(t.Context())
	must(t, err)
	var ids []uint64
	for _, e := range entries {
		ids = append(ids, e.Checkpoint)
		want := Entry{
			Checkpoint: e.Checkpoint, Term: 1, Created: 1000 * int64(e.Checkpoint), Reason: checkpoint.ReasonPeriodic,
			Tables: 2, Bytes: 20, Manifest: e.Manifest,
		}
		if e != want || !strings.HasPrefix(e.Manifest, manifestPrefix) {
			t.Errorf("%+v, want %+v", e, want)
		}
	}
	if !slices.Equal(ids, []uint64{8, 9, 10, 11}) {
		t.Errorf("list %v", ids)
	}
}

func TestARetainedCheckpointIsLoadedByItsNumberAndOthersAreRefused(t *testing.T) {
	objects := mem.New()
	s := running(t, objects)
	_, err := s.Load(t.Context(), 1)
	mustSay(t, err, base.Config, "memory has no checkpoint 1", "it has none")
	save(t, s, 1, "a")
	save(t, s, 3, "b")
	if m, err := s.Load(t.Context(), 1); err != nil || m.Checkpoint != 1 || m.Tables()[0].Name != "shards/a" {
		t.Errorf("%+v, %v", m, err)
	}
	_, err = s.Load(t.Context(), 2)
	mustSay(t, err, base.Config, "memory has no checkpoint 2", "it has 1, 3")
}

func TestADamagedManifestIsNamedAndThePreviousCheckpointIsOffered(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		s := running(t, objects)
		save(t, s, 1)
		save(t, s, 2)
		save(t, s, 3)
		name := s.head.Manifest
		replace(t, objects, name, flipBit)
		_, err := open(t, objects).Latest(t.Context())
		mustSay(t, err, base.Corrupt, name, objects.String(), "checksum", "checkpoint 2 is whole", "--from 2")
		_, err = s.Load(t.Context(), 3)
		mustSay(t, err, base.Corrupt, name, "--from 2")
		if m, err := s.Load(t.Context(), 2); err != nil || m.Checkpoint != 2 {
			t.Errorf("the one offered: %+v, %v", m, err)
		}
	})
}

func TestAnOfferPassesOverDamagedCheckpoints(t *testing.T) {
	objects := mem.New()
	s := running(t, objects)
	save(t, s, 1)
	save(t, s, 2)
	replace(t, objects, s.head.Manifest, flipBit)
	save(t, s, 3)
	replace(t, objects, s.head.Manifest, flipBit)
	_, err := s.Latest(t.Context())
	mustSay(t, err, base.Corrupt, s.head.Manifest, "checkpoint 1 is whole", "--from 1")
	entries, err := s.List(t.Context())
	must(t, err)
	for i, damaged := range []bool{false, true, true} {
		if e := entries[i]; (e.Damage != "") != damaged || damaged && !strings.Contains(e.Damage, e.Manifest) {
			t.Errorf("%+v, damaged: %v", e, damaged)
		}
	}
}

func TestWithoutAnEarlierCheckpointNoneIsOffered(t *testing.T) {
	objects := mem.New()
	s := running(t, objects)
	save(t, s, 1)
	must(t, objects.Delete(t.Context(), s.head.Manifest))
	_, err := s.Latest(t.Context())
	mustSay(t, err, base.Corrupt, s.head.Manifest, "missing from memory", "no earlier checkpoint")
}

func TestADamagedHeadIsNamedAndNothingBeginsOverIt(t *testing.T) {
	everywhere(t, func(t *testing.T, objects objstore.Store) {
		save(t, running(t, objects), 1)
		replace(t, objects, headName, flipBit)
		_, err := Open(t.Context(), objects, job)
		mustSay(t, err, base.Corrupt, "head in "+objects.String(), "damaged", "checksum")
	})
}

func TestNewerFormatsAreRefusedAsSuch(t *testing.T) {
	objects := mem.New()
	s := running(t, objects)
	save(t, s, 1)
	save(t, s, 2)
	replace(t, objects, s.head.Manifest, newerFormat)
	_, err := s.Latest(t.Context())
	mustSay(t, err, base.Config, s.head.Manifest, "format 9", "newer version", fmt.Sprint("up to format ", checkpoint.Format))
	if strings.Contains(err.Error(), "--from") {
		t.Errorf("%q offers to lose what is not damaged", err)
	}
	replace(t, objects, headName, newerFormat)
	_, err = Open(t.Context(), objects, job)
	mustSay(t, err, base.Config, headName, "format 9", "newer version")
}

func TestAnUnreadableStoreIsNotAnEmptyOne(t *testing.T) {
	inner := mem.New()
	save(t, running(t, inner), 1)
	objects := fault.New(inner, func(op fault.Op, _ string, _ int) fault.Fault {
		if op == fault.Get {
			return fault.Before
		}
		return fault.None
	})
	if _, err := Open(t.Context(), objects, job); !errors.Is(err, fault.ErrInjected) {
		t.Errorf("open: %v", err)
	}
	s := open(t, inner)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Latest(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("latest: %v", err)
	}
	if _, _, err := s.Retained(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("retained: %v", err)
	}
}

func TestTheOriginIsThatOfTheStateAndNotOfThePlace(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		objects := mem.New() // at the same place as the one before, which has been deleted
		var origin string
		for term := range 3 {
			s, err := Open(t.Context(), objects, "job")
			if err == nil {
				_, err = s.BeginTerm(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			if term > 0 && s.Origin() != origin {
				t.Errorf("term %d has the origin %q, the first %q", term, s.Origin(), origin)
			}
			origin = s.Origin()
		}
		if origin == "" || seen[origin] {
			t.Errorf("origin %q, after %v", origin, seen)
		}
		seen[origin] = true
	}
}
