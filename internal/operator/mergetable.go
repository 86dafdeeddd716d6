package operator

// mergeTable is a hash table that is filled and emptied again for each window.
type mergeTable[K comparable, A any] struct {
	index  []uint32 // of keys + 1
	keys   []K
	hashes []uint64
	accs   []A
}

func (m *mergeTable[K, A]) reset() {
	clear(m.index)
	clear(m.accs)
	m.keys, m.hashes, m.accs = m.keys[:0], m.hashes[:0], m.accs[:0]
}

// reserve makes room for more keys.
func (m *mergeTable[K, A]) reserve(more int) {
	need := 2 * (len(m.keys) + more)
	if need <= len(m.index) {
		return
	}
	size := max(64, 2*len(m.index))
	for size < need {
		size *= 2
	}
	m.index = make([]uint32, size)
	for i, h := range m.hashes {
		m.place(h, uint32(i+1))
	}
}

func (m *mergeTable[K, A]) place(hash uint64, entry uint32) {
	mask := uint64(len(m.index) - 1)
	at := hash & mask
	for m.index[at] != 0 {
		at = (at + 1) & mask
	}
	m.index[at] = entry
}

// find returns the accumulator of a key, and whether it is new.
func (m *mergeTable[K, A]) find(key K, hash uint64) (acc *A, fresh bool) {
	m.reserve(1)
	mask := uint64(len(m.index) - 1)
	at := hash & mask
	for ; m.index[at] != 0; at = (at + 1) & mask {
		if i := m.index[at] - 1; m.hashes[i] == hash && m.keys[i] == key {
			return &m.accs[i], false
		}
	}
	var zero A
	m.keys, m.hashes, m.accs = append(m.keys, key), append(m.hashes, hash), append(m.accs, zero)
	m.index[at] = uint32(len(m.keys))
	return &m.accs[len(m.accs)-1], true
}
