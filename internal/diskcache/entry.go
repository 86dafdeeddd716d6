package diskcache

import (
	"encoding/binary"
	"hash/crc32"
)

const (
	chunkBytes = 64 << 10
	unitBytes  = 16 << 10 // what has a checksum of its own, so that a small read need not read a whole chunk
	units      = chunkBytes / unitBytes
	entryBytes = 64
	slotBytes  = chunkBytes + entryBytes // what a slot takes of the two files
	// maxObject is the size of objects that are not cached: their list of slots would be large.
	maxObject = 64 << 30
)

// magic begins the file of entries, as long as an entry. Files of another format are begun anew.
const magic = "aquifer disk cache, format 1, chunks of 64 KiB, CRC of 16 KiB  \n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// key is the hash of the name of an object and of the identity of its store.
type key struct{ hi, lo uint64 }

// sums are the CRC-32C of the units of a chunk.
type sums [units]uint32

func sumsOf(data []byte) (s sums) {
	for i := 0; len(data) > 0; i++ {
		n := min(unitBytes, len(data))
		s[i] = crc32.Checksum(data[:n], castagnoli)
		data = data[n:]
	}
	return s
}

// entry is what the file of entries says of a slot: 64 bytes, zero if the slot is free.
type entry struct {
	object key
	size   int64 // of the object
	chunk  uint32
	used   uint32 // the second of the last use
	sums   sums
	proven bool // it belongs to the main queue
}

func (e entry) encode() (b [entryBytes]byte) {
	le := binary.LittleEndian
	le.PutUint64(b[0:], e.object.hi)
	le.PutUint64(b[8:], e.object.lo)
	le.PutUint64(b[16:], uint64(e.size))
	le.PutUint32(b[24:], e.chunk)
	le.PutUint32(b[28:], e.used)
	for i, s := range e.sums {
		le.PutUint32(b[32+4*i:], s)
	}
	if e.proven {
		b[48] = 1
	}
	le.PutUint32(b[60:], crc32.Checksum(b[:60], castagnoli))
	return b
}

// decodeEntry returns an entry, unless it is free, torn or garbage.
func decodeEntry(b []byte) (e entry, ok bool) {
	le := binary.LittleEndian
	if le.Uint32(b[60:]) != crc32.Checksum(b[:60], castagnoli) {
		return e, false
	}
	e.object = key{le.Uint64(b[0:]), le.Uint64(b[8:])}
	e.size = int64(le.Uint64(b[16:]))
	e.chunk, e.used = le.Uint32(b[24:]), le.Uint32(b[28:])
	for i := range e.sums {
		e.sums[i] = le.Uint32(b[32+4*i:])
	}
	e.proven = b[48] == 1
	return e, cacheable(e.size) && e.chunk < chunksOf(e.size)
}

// cacheable tells whether objects of a size are kept.
func cacheable(size int64) bool { return size > 0 && size <= maxObject }

// chunksOf is the number of chunks of an object.
func chunksOf(size int64) uint32 { return uint32((size + chunkBytes - 1) / chunkBytes) }

// lengthOf is the number of bytes of a chunk.
func lengthOf(size int64, chunk uint32) int {
	return int(min(chunkBytes, size-int64(chunk)*chunkBytes))
}
