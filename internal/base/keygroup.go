package base

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/zeebo/xxh3"
)

// DefaultMaxParallelism is the number of key groups of a job that does not choose one.
const DefaultMaxParallelism = 256

// MaxMaxParallelism is the largest number of key groups a job may have: a key group is written as
// two bytes in the keys of tables.
const MaxMaxParallelism = 1 << 15

// KeyGroup is the unit in which keyed state is distributed: 0 … max parallelism − 1.
type KeyGroup uint16

// Hash is the hash of an encoded key. It is stable across processes, machines and versions, because
// the layout of stored state follows from it.
func Hash(encoded []byte) uint64 {
	if len(encoded) == 8 {
		return HashWord(binary.BigEndian.Uint64(encoded))
	}
	return xxh3.Hash(encoded)
}

// HashWord is [Hash] of the eight bytes of x, big-endian first: the short cut for integer keys. It is
// the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), a bijection with full avalanche.
func HashWord(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// KeyGroupOf returns the key group of a key with the given hash. The upper half of the hash is scaled
// to the number of groups, which spreads as well as a remainder and needs no division; the lower half
// stays free for the directories of hot tables.
func KeyGroupOf(hash uint64, maxParallelism int) KeyGroup {
	hi, _ := bits.Mul64(hash, uint64(maxParallelism))
	return KeyGroup(hi)
}

// KeyGroupRange is the half-open range [Start, End) of key groups that one subtask owns.
type KeyGroupRange struct {
	Start KeyGroup `json:"start"`
	End   KeyGroup `json:"end"`
}

// RangeOf returns the key groups of one of parallelism subtasks.
func RangeOf(subtask, parallelism, maxParallelism int) KeyGroupRange {
	first := func(s int) KeyGroup {
		return KeyGroup((s*maxParallelism + parallelism - 1) / parallelism)
	}
	return KeyGroupRange{Start: first(subtask), End: first(subtask + 1)}
}

// SubtaskOf returns the subtask, of parallelism, that owns the key group.
func SubtaskOf(group KeyGroup, parallelism, maxParallelism int) int {
	return int(group) * parallelism / maxParallelism
}

// Len is the number of key groups in the range.
func (r KeyGroupRange) Len() int { return int(r.End) - int(r.Start) }

// Contains reports whether the group lies in the range.
func (r KeyGroupRange) Contains(g KeyGroup) bool { return r.Start <= g && g < r.End }

// Overlaps reports whether the two ranges share a group.
func (r KeyGroupRange) Overlaps(o KeyGroupRange) bool { return r.Start < o.End && o.Start < r.End }

// String is the range as [start,end).
func (r KeyGroupRange) String() string { return fmt.Sprintf("[%d,%d)", r.Start, r.End) }
