package lsm

import "time"

// Metrics is what a shard does and is, since it was opened.
type Metrics struct {
	// Tables is the number of tables in the tree, L0Tables of those in its first level, L0Sublevels how many
	// of these a read looks into at most, Levels how many of all.
	Tables, L0Tables, L0Sublevels, Levels int64
	// Bytes is the size of the state, in part estimated.
	Bytes int64
	// Debt is about how many bytes compactions have to write until the tree is in shape.
	Debt int64
	// IngestWait is for how long Ingest has waited for compactions.
	IngestWait time.Duration
	// Compactions is the number of compactions that have succeeded, CompactionIn and CompactionOut their bytes read
	// and written, IngestedBytes those of the tables taken in.
	Compactions, CompactionIn, CompactionOut, IngestedBytes int64
	// CacheHits and CacheMisses count blocks, of all shards of the process.
	CacheHits, CacheMisses int64
	// KeysRead is the number of keys that Read has looked for, KeysFromStore of those that led to requests to the
	// object store, ReadRequests that of these requests.
	KeysRead, KeysFromStore, ReadRequests int64
	// WarmTables is the number of tables that Warm has opened, WarmFailures of those that it could not.
	WarmTables, WarmFailures int64
	// Sweeps is the number of sweeps that have ended, SweepFound that of keys they have found, SweepBytes the bytes read
	// from the object store for that, SweepCompactions how many found so much deleted that the shard was compacted.
	Sweeps, SweepFound, SweepBytes, SweepCompactions int64
	// Trouble is the error of the last compaction; nil if it succeeded.
	Trouble error
}

// Metrics returns the shard's metrics. Of a closed shard they are zero.
func (s *Shard) Metrics() (m Metrics) {
	_ = s.use(func() (err error) {
		defer s.recovered(&err)
		p := s.db.Metrics()
		m.L0Tables, m.L0Sublevels = p.Levels[0].TablesCount, int64(p.Levels[0].Sublevels)
		m.Levels, m.Debt = int64(p.ReadAmp()), int64(p.Compact.EstimatedDebt)
		m.IngestWait = time.Duration(s.waited.Load())
		m.CacheHits, m.CacheMisses = p.BlockCache.Hits, p.BlockCache.Misses
		for _, l := range p.Levels {
			m.Tables += l.TablesCount
			m.Bytes += l.TablesSize
			m.CompactionIn += int64(l.TableBytesRead)
			m.CompactionOut += int64(l.TableBytesCompacted)
			m.IngestedBytes += int64(l.TableBytesIngested)
		}
		m.KeysRead, m.KeysFromStore, m.ReadRequests = s.keysRead.Load(), s.fromStore.Load(), s.requests.Load()
		m.WarmTables, m.WarmFailures = s.warming.tables.Load(), s.warming.failed.Load()
		m.Sweeps, m.SweepFound = s.sweeps.done.Load(), s.sweeps.found.Load()
		m.SweepBytes, m.SweepCompactions = s.sweeps.bytes.Load(), s.sweeps.compacted.Load()
		s.mu.Lock()
		defer s.mu.Unlock()
		m.Compactions, m.Trouble = s.compactions, s.trouble
		return nil
	})
	return m
}
