package keyed

import "math/bits"

// evicted is a filter of the keys of a part that the tables below have and memory has not: those that were evicted, and
// after a restore all that the census has found. Of a thousand others it takes a few for one of them. By it a key that
// comes for the first time is known to be nowhere; or else the tables would have to be asked, each of their levels, in
// each state.
//
// It is a split block Bloom filter (Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters", 2007;
// the salts are those of Parquet's), in layers, of which the newest takes keys until it is full. Each layer
// is a wait for memory: so the first is for as many keys as there are in memory when the first of them goes. A filter that
// may not become larger is folded once: then it takes a few of a hundred others for one of its keys, in half of the memory.
type evicted struct {
	layers [][]filterBlock
	blocks int  // in all layers
	room   int  // for keys in the newest layer
	folded bool // each block has the keys of two
}

// filterBlock is the line of memory that has all bits of a key.
type filterBlock [8]uint32

var filterSalts = [8]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

const (
	// keysInBlock is how many keys a block is for: 16 bits each.
	keysInBlock = 16
	// leastBlocks are in the first layer at least.
	leastBlocks = 16
	// sizeOfBlock is in bytes.
	sizeOfBlock = 32
)

// hasEvicted is replaced by the test that shows that no evicted key may be missing.
var hasEvicted = (*evicted).has

// mixed returns a hash whose bits are independent of the key group, by which all of a part are alike.
func mixed(hash uint64) uint64 {
	hi, lo := bits.Mul64(hash, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// filterPlace returns the block of a key in a layer, and its bits in there.
func filterPlace(layer []filterBlock, hash uint64) (block *filterBlock, mask filterBlock) {
	for i, salt := range filterSalts {
		mask[i] = 1 << (uint32(hash) * salt >> 27)
	}
	return blockOf(layer, hash), mask
}

func blockOf(layer []filterBlock, hash uint64) *filterBlock {
	at, _ := bits.Mul64(hash, uint64(len(layer)))
	return &layer[at]
}

// has reports whether a key may have been added.
func (f *evicted) has(hash uint64) bool {
	hash = mixed(hash)
	for _, layer := range f.layers {
		block, mask := filterPlace(layer, hash)
		missing := uint32(0)
		for i := range mask {
			missing |= mask[i] &^ block[i]
		}
		if missing == 0 {
			return true
		}
	}
	return false
}

// touch reads what has and add will read of a key.
func (f *evicted) touch(hash uint64) (sum uint64) {
	hash = mixed(hash)
	for _, layer := range f.layers {
		sum += uint64(blockOf(layer, hash)[0])
	}
	return sum
}

// add adds a key that it does not have. A filter of at most so many blocks has no room for it if it cannot be folded again.
// As many keys as are expected at least will be added.
func (f *evicted) add(hash uint64, expected, most int) (added bool) {
	if f.room == 0 && !f.widen(expected, most) {
		return false
	}
	block, mask := filterPlace(f.layers[len(f.layers)-1], mixed(hash))
	for i := range mask {
		block[i] |= mask[i]
	}
	f.room--
	return true
}

// widen adds a layer, four times as large as the one before, or twice if much of a larger one might never be used.
func (f *evicted) widen(expected, most int) bool {
	left := most - f.blocks
	if left < max(2, f.blocks/8) {
		return f.fold() && f.widen(expected, most)
	}
	blocks := max(leastBlocks, expected/keysInBlock)
	if n := len(f.layers); n > 0 {
		blocks = 4 * len(f.layers[n-1])
		if f.blocks > most/16 {
			blocks /= 2
		}
	}
	blocks = min(blocks, left)
	blocks &^= 1 // or it could not be folded
	f.layers = append(f.layers, make([]filterBlock, blocks))
	f.blocks += blocks
	f.room = blocks * keysInBlock
	if f.folded {
		f.room *= 2
	}
	return true
}

// fold halves the filter, once.
func (f *evicted) fold() bool {
	if f.folded {
		return false
	}
	f.folded, f.blocks = true, 0
	for i, layer := range f.layers {
		half := make([]filterBlock, len(layer)/2)
		for at := range layer {
			for word, bits := range layer[at] {
				half[at/2][word] |= bits
			}
		}
		f.layers[i] = half
		f.blocks += len(half)
	}
	return true
}
