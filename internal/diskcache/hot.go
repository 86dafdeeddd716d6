package diskcache

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/objstore"
)

// hotFormat begins a hot list.
const hotFormat = 1

// run is a run of chunks of an object, which goes by a half of its key.
type run struct {
	object       uint64
	first, count uint32
}

// Hot lists which chunks of objects are in the cache, the most recently used first, in at most limit bytes: for
// Warm, on this machine or on another one.
func (s *Store) Hot(objects []objstore.Object, limit int) []byte {
	if s.cache == nil {
		return nil
	}
	type use struct {
		object uint64
		chunk  uint32
		used   uint32
	}
	var all []use
	for _, o := range objects {
		k := s.key(o.Name)
		s.cache.each(k, o.Size, func(chunk, used uint32) { all = append(all, use{k.lo, chunk, used}) })
	}
	slices.SortFunc(all, func(a, b use) int {
		return cmp.Or(cmp.Compare(b.used, a.used), cmp.Compare(a.object, b.object), cmp.Compare(a.chunk, b.chunk))
	})
	var runs []run
	for _, u := range all {
		if i := len(runs) - 1; i >= 0 && runs[i].object == u.object && runs[i].first+runs[i].count == u.chunk {
			runs[i].count++
		} else {
			runs = append(runs, run{u.object, u.chunk, 1})
		}
	}
	return encodeHot(runs, limit)
}

// each visits the chunks that are held of an object.
func (c *Cache) each(k key, size int64, visit func(chunk, used uint32)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.index.of(k, size)
	if o == nil {
		return
	}
	for n, id := range o.slots {
		if id != 0 {
			visit(uint32(n), c.index.slot(id-1).used)
		}
	}
}

// encodeHot encodes as many of the first runs as the limit allows.
func encodeHot(runs []run, limit int) []byte {
	b := []byte{hotFormat}
	for _, r := range runs {
		n := len(b)
		b = binary.LittleEndian.AppendUint64(b, r.object)
		b = binary.AppendUvarint(b, uint64(r.first))
		b = binary.AppendUvarint(b, uint64(r.count))
		if len(b)+crc32.Size > limit {
			b = b[:n]
			break
		}
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeHot returns the runs of a hot list. One that cannot be read is empty: it only says what to begin with.
func decodeHot(b []byte) (runs []run) {
	n := len(b) - crc32.Size
	if n < 1 || b[0] != hotFormat || binary.LittleEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		return nil
	}
	for b = b[1:n]; len(b) > 8; {
		r := run{object: binary.LittleEndian.Uint64(b)}
		b = b[8:]
		for _, to := range []*uint32{&r.first, &r.count} {
			v, n := binary.Uvarint(b)
			if n <= 0 || v >= maxObject/chunkBytes {
				return runs
			}
			*to, b = uint32(v), b[n:]
		}
		runs = append(runs, r)
	}
	return runs
}
