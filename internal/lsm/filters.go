package lsm

import "sync/atomic"

// filters decides whether reads ask the filters of tables in the lowest level, which hold nearly all keys: ten bits of
// each. They are of use for keys that are not there, and cost as much for one that is: a read that is the first to look into
// a table fetches a filter of a megabyte, to learn that it must fetch a block. So they are asked when the blocks that were
// read in vain come to as much as all filters are, and not before: neither way costs more than twice the better one. And not
// where values are small and the state is many times the cache, so that each filter would push out another. Warm loads them
// where they fit: they may come to pay, and it is to load no data, as it would without them. The filters of
// higher levels are few and always asked. It is shared by the shards of a process.
type filters struct {
	tables         atomic.Int64 // bytes of the tables of all shards
	bytes, entries atomic.Int64 // of tables taken in so far
	vain           atomic.Int64 // reads of keys that were not there
}

// filterBytes are ten bits, of so many entries.
func filterBytes(entries float64) float64 { return entries * 10 / 8 }

// smallEntry is about what a number that is kept for a number takes of a table, in bytes.
const smallEntry = 20

// pay reports whether reads are to ask the filters: these fit, and would have saved as much as they are.
func (f *filters) pay(cache int64) bool {
	return f.fit(cache) && f.size() <= float64(f.vain.Load()*blockSize)
}

// fit reports whether about all filters have a place in a half of the cache.
func (f *filters) fit(cache int64) bool { return f.size() <= float64(cache/2) }

// size is about how many bytes all filters are. As long as nothing has been taken in, as after a restore, nobody knows how
// large entries are: they are taken to be small.
func (f *filters) size() float64 {
	bytes, entries := f.bytes.Load(), f.entries.Load()
	if bytes == 0 {
		bytes, entries = smallEntry, 1
	}
	all := float64(f.tables.Load()) * float64(entries) / float64(bytes)
	return filterBytes(all)
}

// filtersPay is pay for the cache as it is now.
func (r *Resources) filtersPay() bool { return r.filters.pay(r.blocks.Limit()) }

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
