package lsm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/objstore"
	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// namer names tables t1, t2, …
func namer() func() string {
	n := 0
	return func() string { n++; return fmt.Sprintf("shards/t%d", n) }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// show reads tables back as text.
func show(t *testing.T, s objstore.Store, tables []TableInfo) (text string) {
	t.Helper()
	for _, info := range tables {
		must(t, readTable(t.Context(), s, info, func(c change, k, v []byte) error {
			text += fmt.Sprintf("%c %s=%s; ", "SDR"[c], k, v)
			return nil
		}))
	}
	return text
}

func small(t *testing.T, s objstore.Store) []TableInfo {
	t.Helper()
	set := NewTableSet(t.Context(), s, namer())
	must(t, set.DeleteRange([]byte("m"), []byte("n")))
	must(t, set.Set([]byte("a"), []byte("1")))
	must(t, set.Delete([]byte("b")))
	must(t, set.Set([]byte("m5"), nil))
	tables, err := set.Finish()
	must(t, err)
	return tables
}

func TestATableGivesBackWhatWasWrittenRangesFirst(t *testing.T) {
	s := mem.New()
	tables := small(t, s)
	if got, want := show(t, s, tables), "R m=n; S a=1; D b=; S m5=; "; got != want {
		t.Errorf("read %q, want %q", got, want)
	}
	if len(tables) != 1 || tables[0].Entries != 4 || tables[0].Name != "shards/t1" {
		t.Errorf("%+v", tables)
	}
}

func TestASetWithoutChangesLeavesNoObject(t *testing.T) {
	s := mem.New()
	tables, err := NewTableSet(t.Context(), s, namer()).Finish()
	if err != nil || len(tables) > 0 {
		t.Errorf("%v, %v", tables, err)
	}
	for o := range s.List(t.Context(), "") {
		t.Errorf("%v is there", o)
	}
}

func TestKeysOutOfOrderAreAnError(t *testing.T) {
	set := NewTableSet(t.Context(), mem.New(), namer())
	must(t, set.Set([]byte("b"), nil))
	if err := set.Set([]byte("a"), nil); err == nil {
		t.Error("a key below the last one was taken")
	}
	set.Abort()
}

func TestASetOfManySmallChangesIsCutIntoTablesWithSmallFilters(t *testing.T) {
	s := mem.New()
	set := NewTableSet(t.Context(), s, namer())
	const n = mostEntries + 10
	for i := range n {
		must(t, set.Set(binary.BigEndian.AppendUint32(nil, uint32(i)), nil))
	}
	tables, err := set.Finish()
	must(t, err)
	if len(tables) != 2 || tables[0].Entries != mostEntries || tables[1].Entries != 10 {
		t.Errorf("%+v", tables)
	}
}

func TestTablesAreSmallWhereTheCacheIs(t *testing.T) {
	shards := int64(4 * runtime.GOMAXPROCS(0))
	for _, c := range []struct{ shard, first, last int64 }{
		{1 * mib, 4 * mib, 4 * mib}, {4 * mib, 8 * mib, 8 * mib}, {16 * mib, 16 * mib, 32 * mib},
		{1 << 30, 16 * mib, 64 * mib},
	} {
		sizes := tableSizes(c.shard * shards)
		if sizes[0] != c.first || sizes[levels-1] != c.last {
			t.Errorf("%d bytes in a shard of the cache: %d", c.shard, sizes)
		}
	}
}

func TestALargeSetIsCutIntoTables(t *testing.T) {
	s, random := mem.New(), rand.NewChaCha8([32]byte{1})
	set := NewTableSet(t.Context(), s, namer())
	value := make([]byte, 1<<20)
	const n = 100
	for i := range n {
		_, _ = random.Read(value)
		must(t, set.Set(fmt.Appendf(nil, "%06d", i), value))
	}
	tables, err := set.Finish()
	must(t, err)
	next := 0
	for _, info := range tables {
		if info.Bytes > MaxTableSize+(8<<20) {
			t.Errorf("%s has %d bytes", info.Name, info.Bytes)
		}
		first := next
		must(t, readTable(t.Context(), s, info, func(_ change, k, _ []byte) error {
			if string(k) != fmt.Sprintf("%06d", next) {
				t.Fatalf("key %s, want %06d", k, next)
			}
			next++
			return nil
		}))
		keys := fmt.Sprintf("[\"%06d\",\"%06d\\x00\")", first, next-1)
		if info.Entries != int64(next-first) || info.Keys.String() != keys {
			t.Errorf("%s: %d entries in %s, want %d in %s", info.Name, info.Entries, info.Keys, next-first, keys)
		}
	}
	if len(tables) != 2 || next != n {
		t.Errorf("%d tables with %d keys", len(tables), next)
	}
}

// damage stores a changed copy of a table and says what reading it gives.
func damage(t *testing.T, from *mem.Store, info TableInfo, alter func([]byte) []byte) error {
	t.Helper()
	data, _, err := from.Get(t.Context(), info.Name)
	must(t, err)
	s := mem.New()
	must(t, s.PutIfAbsent(t.Context(), info.Name, alter(data)))
	if err := VerifyTable(t.Context(), s, info); err == nil {
		return errors.New("verified")
	}
	return readTable(t.Context(), s, info, func(change, []byte, []byte) error {
		return errors.New("an entry of a damaged table was passed on")
	})
}

func TestEveryFlippedBitIsCorruption(t *testing.T) {
	s := mem.New()
	info := small(t, s)[0]
	for i := range info.Bytes {
		for bit := range 8 {
			err := damage(t, s, info, func(b []byte) []byte { b[i] ^= 1 << bit; return b })
			if base.KindOf(err) != base.Corrupt {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
}

func TestATruncatedOrMissingTableIsCorruption(t *testing.T) {
	s := mem.New()
	info := small(t, s)[0]
	for n := range info.Bytes {
		err := damage(t, s, info, func(b []byte) []byte { return b[:n] })
		if base.KindOf(err) != base.Corrupt {
			t.Fatalf("%d of %d bytes: %v", n, info.Bytes, err)
		}
	}
	if err := VerifyTable(t.Context(), mem.New(), info); base.KindOf(err) != base.Corrupt {
		t.Errorf("missing: %v", err)
	}
}

// Where the checksum of the whole cannot help, the format's own must: nothing but what was written is passed on.
func TestGarbageUnderARightChecksumNeverPanics(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng, s := rand.New(rand.NewPCG(seed, 0)), mem.New()
	info := small(t, s)[0]
	data, _, err := s.Get(t.Context(), info.Name)
	must(t, err)
	for range 2000 {
		bad := append([]byte(nil), data...)
		for range rng.IntN(4) + 1 {
			bad[rng.IntN(len(bad))] = byte(rng.Uint32())
		}
		other := mem.New()
		must(t, other.PutIfAbsent(t.Context(), info.Name, bad))
		lying := info
		lying.CRC = checksum(bad)
		_ = readTable(t.Context(), other, lying, func(change, []byte, []byte) error { return nil })
	}
}

func TestAFailingStoreFailsTheSet(t *testing.T) {
	for _, op := range []fault.Op{fault.Create, fault.Write, fault.Finish} {
		inner := mem.New()
		s := fault.New(inner, func(o fault.Op, _ string, _ int) fault.Fault {
			if o == op {
				return fault.Before
			}
			return fault.None
		})
		set := NewTableSet(t.Context(), s, namer())
		err := set.Set([]byte("a"), nil)
		if err == nil {
			_, err = set.Finish()
		}
		set.Abort()
		if !errors.Is(err, fault.ErrInjected) {
			t.Errorf("%s: %v", op, err)
		}
		for o := range inner.List(context.Background(), "") {
			t.Errorf("%s: %v is there", op, o)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	for _, size := range []int{8, 100} {
		b.Run(fmt.Sprintf("value=%d", size), func(b *testing.B) {
			set := NewTableSet(b.Context(), mem.New(), namer())
			key, value := make([]byte, 22), make([]byte, size)
			n := uint64(0)
			for b.Loop() {
				n++
				for i := range 8 {
					key[21-i] = byte(n >> (8 * i))
					value[i] = byte(n * 0x9E3779B97F4A7C15 >> (8 * i))
				}
				must(b, set.Set(key, value))
			}
			set.Abort()
		})
	}
}
