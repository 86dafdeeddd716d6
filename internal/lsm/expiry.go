package lsm

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// expiryName is what tables call the property of a block that says when its values expire.
const expiryName = "aquifer.expiry"

// expiryMapper says when the value expires that is being written, as an interval; that of a block contains those of
// its values. The writer of a table tells it: Pebble shows values to nobody. So the tables that compactions write do
// not have the property, and are taken for tables that may have anything.
type expiryMapper struct{ next sstable.BlockInterval }

// note says what the next key is given.
func (m *expiryMapper) note(value []byte) {
	m.next = sstable.BlockInterval{}
	if until, ok := base.Expiry(value); ok {
		m.next = sstable.BlockInterval{Lower: uint64(max(until, 0)), Upper: uint64(max(until, 0)) + 1}
	}
}

// MapPointKey implements sstable.IntervalMapper.
func (m *expiryMapper) MapPointKey(pebble.InternalKey, []byte) (sstable.BlockInterval, error) {
	return m.next, nil
}

// MapRangeKeys implements sstable.IntervalMapper. There are none.
func (m *expiryMapper) MapRangeKeys(sstable.Span) (sstable.BlockInterval, error) {
	return sstable.BlockInterval{}, nil
}

func (m *expiryMapper) collector() sstable.BlockPropertyCollector {
	return sstable.NewBlockIntervalCollector(expiryName, m, nil)
}

// expired passes blocks that may have values which have expired at a time. An iterator that leaves out the others
// sees old versions of keys whose newer one is left out: what it finds has to be looked up.
func expired(now int64) []pebble.BlockPropertyFilter {
	return []pebble.BlockPropertyFilter{sstable.NewBlockIntervalFilter(expiryName, 0, uint64(max(now, 0))+1, nil)}
}
