package lsm

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// filled returns a world with one shard of a few tables.
func filled(t *testing.T, seed uint64) *world {
	t.Helper()
	w := newWorld(t, seed)
	w.shards = []*Shard{w.open(all)}
	for range 5 {
		w.ingest(w.epoch())
	}
	return w
}

func TestGarbageMetadataIsCorruption(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := filled(t, seed)
	l := w.export()[0]
	for range 500 {
		bad := l
		bad.Meta = []byte(string(l.Meta)[:w.rng.IntN(len(l.Meta)+1)])
		for range w.rng.IntN(4) {
			if len(bad.Meta) > 0 {
				bad.Meta[w.rng.IntN(len(bad.Meta))] ^= byte(1 + w.rng.IntN(255))
			}
		}
		if string(bad.Meta) == string(l.Meta) {
			continue
		}
		_, err := OpenShard(t.Context(), w.res, "p/bad", all, bad)
		if base.KindOf(err) != base.Corrupt || strings.Contains(err.Error(), "\n") {
			t.Fatalf("meta %q: %v", bad.Meta, err)
		}
	}
}

// Whoever can forge a checksum gets an error or a shard, but no panic.
func TestGarbageUnderARightChecksumOpensOrFails(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := filled(t, seed)
	compact(t, w.shards[0])
	w.ingest(w.epoch())
	l := w.export()[0]
	tables, err := decodeMeta(l)
	must(t, err)
	text, err := json.Marshal(tables)
	must(t, err)
	w.res.tune = quiet // compactions have nobody to give an error to
	for i := range 500 {
		bad := append([]byte(nil), text...)
		for range 1 + w.rng.IntN(3) {
			bad[w.rng.IntN(len(bad))] = "0123456789{}[],:\"truefalsabcXYZ=+"[w.rng.IntN(32)]
		}
		packed := s2.Encode(nil, bad)
		forged := List{l.Objects, binary.LittleEndian.AppendUint32([]byte{metaVersion}, checksum(packed)), all}
		forged.Meta = append(forged.Meta, packed...)
		s, err := OpenShard(t.Context(), w.res, fmt.Sprint("p/forged/", i), all, forged)
		if err != nil {
			if base.KindOf(err) != base.Corrupt {
				t.Fatalf("%s: %v", bad, err)
			}
			continue
		}
		_ = s.Scan(t.Context(), all, func(_, _ []byte) error { return nil })
		must(t, s.Close())
	}
}

func TestWhatNoTableCanBeIsRefused(t *testing.T) {
	good := table{
		Size: 1, MinSeq: 1, MaxSeq: 2,
		Smallest: bound{[]byte("a"), 1 << 8}, Largest: bound{[]byte("b"), 1 << 8},
	}
	for name, change := range map[string]func(*table){
		"object":   func(t *table) { t.Object = 1 },
		"negative": func(t *table) { t.Object = -1 },
		"level":    func(t *table) { t.Level = 7 },
		"numbers":  func(t *table) { t.MinSeq = 3 },
		"size":     func(t *table) { t.Size = 0 },
		"bounds":   func(t *table) { t.Largest.Key = []byte("A") },
		"trailers": func(t *table) { t.Largest = bound{[]byte("a"), 2 << 8} },
	} {
		l := List{Objects: make([]Object, 1), Range: all}
		must(t, good.check(l))
		bad := good
		change(&bad)
		meta, err := encodeMeta([]table{bad})
		must(t, err)
		l.Meta = meta
		if _, err := decodeMeta(l); base.KindOf(err) != base.Corrupt {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// damagedCopy returns a store with the objects of lists, one of them changed.
func damagedCopy(t *testing.T, w *world, objects []Object, name string, change func([]byte) []byte) *mem.Store {
	t.Helper()
	s := mem.New()
	for _, o := range objects {
		data, _, err := w.store.Get(t.Context(), o.Name)
		must(t, err)
		if o.Name == name {
			data = change(data)
		}
		must(t, s.PutIfAbsent(t.Context(), o.Name, data))
	}
	return s
}

// readDamaged opens a list over a store and reads it by scanning, by looking up and by compacting. Each gives the
// state as it is or an error that names the object.
func readDamaged(t *testing.T, store *mem.Store, l List, name string, want map[string]string) (found bool) {
	t.Helper()
	res, err := NewResources(store, mib, 2, 1)
	must(t, err)
	defer res.Close()
	s, err := OpenShard(t.Context(), res, "damaged", l.Range, l)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	got := map[string]string{}
	scan := s.Scan(t.Context(), all, func(k, v []byte) error { got[string(k)] = string(v); return nil })
	if scan == nil && !maps.Equal(got, want) {
		t.Fatalf("scan gives %v, want %v", got, want)
	}
	var read error
	for k, v := range want {
		n := 0
		err := s.Read(t.Context(), [][]byte{[]byte(k)}, func(_ int, value []byte) error {
			n++
			if string(value) != v {
				t.Fatalf("%s is %q, want %q", k, value, v)
			}
			return nil
		})
		if err == nil && n != 1 {
			t.Fatalf("%s is not found", k)
		}
		if err != nil {
			read = err
		}
	}
	for _, err := range []error{scan, read} {
		if err == nil {
			continue
		}
		found = true
		if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), name) ||
			strings.Contains(err.Error(), "\n") {
			t.Fatalf("%v (kind %v) does not name %s", err, base.KindOf(err), name)
		}
	}
	return found
}

func TestDamageInAnObjectIsReportedAndNotServed(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w := filled(t, seed)
	compact(t, w.shards[0])
	w.ingest(w.epoch()) // one table at least that no compaction has written
	l := w.export()[0]
	for _, o := range l.Objects {
		// What only statistics are made of is not looked at by readers, so not every byte matters to them.
		reported, n := 0, 0
		step := max(1, min(100*slow, o.Bytes/20))
		for i := w.rng.Int64N(step); i < o.Bytes; i += step {
			n++
			bad := damagedCopy(t, w, l.Objects, o.Name, func(b []byte) []byte {
				b[i] ^= 1 << w.rng.IntN(8)
				return b
			})
			if readDamaged(t, bad, l, o.Name, w.model) {
				reported++
			}
		}
		if reported == 0 {
			t.Errorf("%s: none of %d flipped bits was reported", o.Name, n)
		}
	}
}

// The end of a table tells how to read the rest of it.
func TestEveryFlippedBitAtTheEndOfAnObjectIsReportedOrHarmless(t *testing.T) {
	w := filled(t, 5)
	l := w.export()[0]
	o := l.Objects[0]
	for i := o.Bytes - 61; i < o.Bytes; i += slow {
		for _, bit := range []int{w.rng.IntN(4), 4 + w.rng.IntN(4)} {
			bad := damagedCopy(t, w, l.Objects, o.Name, func(b []byte) []byte { b[i] ^= 1 << bit; return b })
			if !readDamaged(t, bad, l, o.Name, w.model) {
				t.Errorf("bit %d of byte %d from the end", bit, o.Bytes-i)
			}
		}
	}
}

func TestAMissingOrShortObjectIsReported(t *testing.T) {
	w := filled(t, 6)
	l := w.export()[0]
	for _, o := range l.Objects {
		short := damagedCopy(t, w, l.Objects, o.Name, func(b []byte) []byte { return b[:len(b)-1] })
		missing := short.Clone()
		must(t, missing.Delete(context.Background(), o.Name))
		if !readDamaged(t, missing, l, o.Name, w.model) {
			t.Errorf("%s is missing: not reported", o.Name)
		}
	}
}

func TestDamageThatACompactionFindsIsReportedByTheNextCalls(t *testing.T) {
	w := filled(t, 7)
	l := w.export()[0]
	o := l.Objects[0]
	bad := damagedCopy(t, w, l.Objects, o.Name, func(b []byte) []byte { b[5] ^= 1; return b })
	res := resources(t, bad)
	res.tune = quiet
	s, err := OpenShard(t.Context(), res, "damaged", all, l)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	s.turns.reading()
	if err := s.db.Compact(t.Context(), all.Start, all.End, false); err == nil {
		t.Fatal("the damaged table was compacted")
	}
	_, exported := s.Export(t.Context())
	for _, err := range []error{s.Ingest(t.Context(), nil), exported, s.Metrics().Trouble} {
		if base.KindOf(err) != base.Corrupt || !strings.Contains(err.Error(), o.Name) {
			t.Errorf("%v does not name %s", err, o.Name)
		}
	}
}
