package record

import (
	"encoding/binary"
	"strings"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
)

const (
	// keyScratch is the room for an encoded key on the stack; longer ones are encoded on the heap.
	keyScratch = 128
	// shortString is the length up to which strings are hashed in groups of hashGroup.
	shortString = 32
	hashGroup   = 16
)

// shortKey has room for an encoded short string.
type shortKey [shortString + 2]byte

// hash sets hashes to those of the keys that begin at p, one each stride bytes.
func (k *keyProgram) hash(p unsafe.Pointer, stride uintptr, hashes []uint64) {
	if len(k.parts) == 1 && k.parts[0].form == keyWord {
		k.hashWords(p, stride, hashes)
		return
	}
	if len(k.parts) == 1 && k.parts[0].form == keyString {
		k.hashStrings(p, stride, hashes)
		return
	}
	var scratch [keyScratch]byte
	buf := scratch[:0]
	for i := range hashes {
		buf = k.append(buf[:0], unsafe.Add(p, uintptr(i)*stride))
		hashes[i] = base.Hash(buf)
	}
}

// hashWords hashes keys of one integer of eight bytes, which need not be encoded for that.
func (k *keyProgram) hashWords(p unsafe.Pointer, stride uintptr, hashes []uint64) {
	off, flip := k.parts[0].off, k.parts[0].flip
	for i := range hashes {
		hashes[i] = base.HashWord(*(*uint64)(unsafe.Add(p, off+uintptr(i)*stride)) ^ flip)
	}
}

// hashStrings hashes keys of one string. A group is encoded before any of it is hashed: a processor waits
// when it reads what it wrote just before in other pieces.
func (k *keyProgram) hashStrings(p unsafe.Pointer, stride uintptr, hashes []uint64) {
	var encoded [hashGroup]shortKey
	var sizes [hashGroup]int
	var long []byte
	off := k.parts[0].off
	for done := 0; done < len(hashes); done += hashGroup {
		group := hashes[done:min(done+hashGroup, len(hashes))]
		for i := range group {
			s := *(*string)(unsafe.Add(p, off+uintptr(done+i)*stride))
			if sizes[i] = encoded[i].put(s); sizes[i] == 0 {
				long = appendKeyString(long[:0], s)
				group[i] = base.Hash(long)
			}
		}
		for i := range group {
			if n := sizes[i]; n > 0 {
				group[i] = base.Hash(encoded[i][:n])
			}
		}
	}
}

// put encodes a short string without escapes and returns the size, or 0 for other strings. The usual length
// of an identifier is copied as two words that may overlap, without a call.
func (e *shortKey) put(s string) int {
	n := len(s)
	if n >= 8 && n <= 16 {
		b := unsafe.Slice(unsafe.StringData(s), n)
		lo, hi := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
		if hasZeroByte(lo) || hasZeroByte(hi) {
			return 0
		}
		binary.LittleEndian.PutUint64(e[:], lo)
		binary.LittleEndian.PutUint64(e[n-8:], hi)
	} else if n > shortString || strings.IndexByte(s, keyEscape) >= 0 {
		return 0
	} else {
		copy(e[:], s)
	}
	e[n], e[n+1] = keyEscape, keyEndString
	return n + 2
}

// hasZeroByte is Mycroft's test (1987): taking one from a byte of zero borrows into its top bit.
func hasZeroByte(x uint64) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return (x-ones)&^x&tops != 0
}
