package lsm

import "sync/atomic"

// filters decides whether reads ask the filters of tables in the lowest level, which hold nearly all keys: ten bits of
// each. Where values are small, and the state is many times the cache, they do not fit into it. Then most reads would
// fetch a filter, and push out another, to learn that the key is there; without it they fetch the block with the key.
// The filters of higher levels are few and always asked. It is shared by the shards of a process.
type filters struct {
	tables         atomic.Int64 // bytes of the tables of all shards
	bytes, entries atomic.Int64 // of tables taken in so far
}

// filterBytes are ten bits, of so many entries.
func filterBytes(entries float64) float64 { return entries * 10 / 8 }

// smallEntry is about what a number that is kept for a number takes of a table, in bytes.
const smallEntry = 20

// fit reports whether about all filters have a place in a half of the cache. As long as nothing has been taken in, as
// after a restore, nobody knows how large entries are: they are taken to be small. If they are not, some reads fetch a
// block in vain for a while; if they were and filters were asked, each would fetch a filter, of half a megabyte.
func (f *filters) fit(cache int64) bool {
	bytes, entries := f.bytes.Load(), f.entries.Load()
	if bytes == 0 {
		bytes, entries = smallEntry, 1
	}
	all := float64(f.tables.Load()) * float64(entries) / float64(bytes)
	return filterBytes(all) <= float64(cache/2)
}

// filtersFit is fit for the cache as it is now.
func (r *Resources) filtersFit() bool { return r.filters.fit(r.blocks.Limit()) }

// taken notes tables that were taken in.
func (f *filters) taken(tables []TableInfo) {
	for _, t := range tables {
		f.bytes.Add(t.Bytes)
		f.entries.Add(t.Entries)
	}
}

// share is what a shard has of the bytes of all tables.
type share struct{ bytes atomic.Int64 }

// is changes it.
func (s *share) is(bytes int64, f *filters) { f.tables.Add(bytes - s.bytes.Swap(bytes)) }
