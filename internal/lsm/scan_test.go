package lsm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/aquifer-stream/aquifer/internal/bubble"
	"github.com/aquifer-stream/aquifer/internal/objstore/mem"
)

// broad returns a shard with a table of n entries of 32 KB that do not compress, each a block, in a store whose reads
// take 20 ms. No more than a MB of blocks is in memory.
func broad(t *testing.T, n int) (*distant, *Shard, [][]byte) {
	t.Helper()
	d := &distant{Store: mem.New()}
	set := NewTableSet(t.Context(), d, func() string { return "tables/1" })
	random := rand.NewChaCha8([32]byte{7})
	var keys [][]byte
	value := make([]byte, 32<<10)
	for i := range n {
		_, _ = random.Read(value)
		keys = append(keys, fmt.Appendf(nil, "b%04d", i))
		must(t, set.Set(keys[i], value))
	}
	tables, err := set.Finish()
	must(t, err)
	res, err := NewResources(d, mib, fewReaders, 1)
	must(t, err)
	s, err := OpenShard(t.Context(), res, "p/1", all)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()); res.Close() })
	must(t, s.Ingest(t.Context(), tables))
	must(t, s.Read(t.Context(), [][]byte{[]byte("b")}, nothing)) // loads index and filter
	d.latency.Store(int64(perRead))
	d.forget()
	return d, s, keys
}

// scanned returns how many entries a scan of a range visits, in order.
func scanned(t *testing.T, s *Shard, r Range) (n int) {
	t.Helper()
	var last []byte
	if err := s.Scan(t.Context(), r, func(k, v []byte) error {
		if bytes.Compare(last, k) >= 0 || len(v) != 32<<10 {
			t.Errorf("%s with %d bytes after %s", k, len(v), last)
		}
		last = append(last[:0], k...)
		n++
		return nil
	}); err != nil {
		t.Error(err)
	}
	return n
}

func TestSeveralRangesAreScannedInParallel(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		const parts, entries = 8, 80
		d, s, keys := broad(t, parts*entries)
		scan := func(part int) {
			r := Range{keys[part*entries], all.End}
			if part+1 < parts {
				r.End = keys[(part+1)*entries]
			}
			if n := scanned(t, s, r); n != entries {
				t.Errorf("part %d has %d entries, want %d", part, n, entries)
			}
		}
		begin := time.Now()
		scan(0)
		one := time.Since(begin)
		var group sync.WaitGroup
		begin = time.Now()
		for part := range parts {
			group.Go(func() { scan(part) })
		}
		group.Wait()
		if took := time.Since(begin); took > one+2*perRead || d.most.Load() != parts {
			t.Errorf("%d scans took %v, one %v; up to %d requests at a time", parts, took, one, d.most.Load())
		}
	})
}

func TestAShortScanDoesNotReadAheadAndALongOneDoes(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		d, s, keys := broad(t, 400)
		if n := scanned(t, s, Range{keys[200], keys[202]}); n != 2 || d.bytes.Load() > 4*33<<10 {
			t.Errorf("%d bytes read for %d entries", d.bytes.Load(), n)
		}
		d.forget()
		if n := scanned(t, s, all); n != 400 || d.reads.Load() > 40 {
			t.Errorf("%d requests for %d blocks", d.reads.Load(), n)
		}
	})
}

func TestAScanSeesTheStateAsItBegan(t *testing.T) {
	w := idle(t, 21)
	w.ingest(w.epoch())
	want := len(w.model)
	n := 0
	must(t, w.shards[0].Scan(t.Context(), all, func(_, _ []byte) error {
		if n++; n == 1 {
			w.ingest(w.epoch())
		}
		return nil
	}))
	if n != want {
		t.Errorf("%d entries, there were %d", n, want)
	}
	w.check("after the scan")
}
