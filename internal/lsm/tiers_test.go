package lsm

import (
	"testing"

	"github.com/aquifer-stream/aquifer/internal/objstore/fault"
)

func TestKeysAreCountedByWhetherTheObjectStoreWasAskedForThem(t *testing.T) {
	w := idle(t, 31)
	set := NewTableSet(t.Context(), w.store, w.newTableName)
	must(t, set.Set([]byte("b"), []byte("1")))
	must(t, set.Set([]byte("m"), []byte("2")))
	tables, err := set.Finish()
	must(t, err)
	w.ingest(tables)
	before := w.store.Count(fault.ReadAt)
	read := func(keys ...string) {
		t.Helper()
		var wanted [][]byte
		for _, k := range keys {
			wanted = append(wanted, []byte(k))
		}
		must(t, w.shards[0].Read(t.Context(), wanted, func(int, []byte) error { return nil }))
	}
	read("m")
	m := w.shards[0].Metrics()
	requests := int64(w.store.Count(fault.ReadAt) - before)
	if m.KeysRead != 1 || m.KeysFromStore != 1 || m.ReadRequests != requests || requests == 0 {
		t.Errorf("the first read: %d keys, %d from the store, %d requests of %d",
			m.KeysRead, m.KeysFromStore, m.ReadRequests, requests)
	}
	read("b", "m") // which are in the block that has been read
	m = w.shards[0].Metrics()
	if m.KeysRead != 3 || m.KeysFromStore != 1 || m.ReadRequests != requests {
		t.Errorf("a read of what is cached: %d keys, %d from the store, %d requests",
			m.KeysRead, m.KeysFromStore, m.ReadRequests)
	}
}

func TestRequestsOfCompactionsAreNotThoseOfReads(t *testing.T) {
	w := idle(t, 32)
	for range 4 {
		w.ingest(w.epoch())
	}
	compact(t, w.shards[0])
	if m := w.shards[0].Metrics(); m.CompactionIn == 0 || m.ReadRequests != 0 || m.KeysRead != 0 {
		t.Errorf("%+v", m)
	}
}
