package lsm

import (
	"fmt"
	"runtime"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/remote"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// formatMajor is a format whose tables are like those of TableSet: blocks of columns, in which a seek costs a
// quarter less than in rows, and a footer with a checksum.
const formatMajor = pebble.FormatValueSeparation

const mib = 1 << 20

// options are those of a shard's database. What does not matter without memtable and log is left as it is.
func (s *Shard) options(fs vfs.FS) *pebble.Options {
	o := &pebble.Options{
		FS:                 fs,
		Cache:              s.res.blocks.cache,
		FileCache:          s.res.tables,
		FormatMajorVersion: formatMajor,
		Logger:             silent{},
		EventListener:      s.listener(),
		DisableWAL:         true,
		MemTableSize:       64 << 10,
		// Loading statistics reads every table after opening.
		DisableTableStats: true,
		// The manifest starts with the whole state; what follows is only read within this process.
		MaxManifestFileSize: mib,
		// A read looks into every sublevel of L0. Ingestion never waits for L0: only writes to a memtable do.
		L0CompactionThreshold:      4, // two sublevels are worth a compaction, four are urgent
		L0StopWritesThreshold:      1 << 30,
		LBaseMaxBytes:              128 * mib,
		TargetFileSizes:            tableSizes(s.res.blocks.Limit()),
		CompactionConcurrencyRange: func() (int, int) { return 1, 2 },
	}
	for i := range o.Levels {
		o.Levels[i].BlockSize = blockSize
		o.Levels[i].FilterPolicy = filterBits
		o.Levels[i].Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
	}
	x := &o.Experimental
	x.EnableColumnarBlocks = func() bool { return true }
	x.RemoteStorage = s.files
	x.CreateOnShared = remote.CreateOnSharedAll
	x.CreateOnSharedLocator = ownObjects
	x.CompactionScheduler = s.turns
	x.ReadSamplingMultiplier = -1 // no compactions because of reads
	if s.res.tune != nil {
		s.res.tune(o)
	}
	return o
}

// tableSizes are how large compactions make tables, by level. A table's filter is one block, with ten bits for each of
// its keys, and Pebble's cache has four shards for each processor, each of which keeps only what is smaller than
// itself: so with a small cache tables are small, or else every read would fetch megabytes of filter.
func tableSizes(cache int64) (sizes [levels]int64) {
	shard := cache / int64(4*runtime.GOMAXPROCS(0))
	for level, most := range [levels]int64{16, 16, 32, 64, 64, 64, 64} {
		sizes[level] = max(4*mib, min(2*shard, most*mib))
	}
	return sizes
}

// silent is Pebble's logger: what matters comes as an error.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}

// Fatalf must not return: Pebble has found that it cannot go on. In a call of a shard the panic becomes an
// error; a compaction runs on a goroutine that has only frames of Pebble, so nobody can recover it and the process ends.
func (silent) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
