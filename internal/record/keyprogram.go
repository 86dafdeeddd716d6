package record

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// keyForm is how a part of a key is encoded.
type keyForm uint8

const (
	keyWord   keyForm = iota // 8 bytes, big-endian, sign flipped
	keyHalf                  // 4 bytes, likewise
	keyShort                 // 2 bytes, likewise
	keyByte                  // 1 byte, likewise
	keyBool                  // 1 byte, 0 or 1
	keyRaw                   // an array of bytes as it is
	keyString                // escaped and terminated
)

// Strings end with 0x00 0x01, and a 0x00 inside becomes 0x00 0xFF: the end sorts before any longer string.
const (
	keyEscape    = 0x00
	keyEscaped   = 0xFF
	keyEndString = 0x01
)

// maxKeyParts bounds the program of one key. Keys are encoded for each record.
const maxKeyParts = 1024

// keyPart encodes one scalar, string or byte array in a key.
type keyPart struct {
	form keyForm
	off  uintptr // from the start of the key, in bytes
	size uintptr // of the encoding, if that is fixed
	flip uint64  // the sign bit of signed integers, in the lowest size bytes
}

// keyProgram is a key type compiled into parts. It works on any memory that holds a key of that type.
type keyProgram struct {
	typ   reflect.Type
	parts []keyPart
	width uintptr // of the encoding, or keyNotFixed
}

const keyNotFixed = ^uintptr(0)

// append appends the encoding of the key at p.
func (k *keyProgram) append(dst []byte, p unsafe.Pointer) []byte {
	for i := range k.parts {
		part := &k.parts[i]
		field := unsafe.Add(p, part.off)
		switch part.form {
		case keyWord:
			dst = binary.BigEndian.AppendUint64(dst, *(*uint64)(field)^part.flip)
		case keyHalf:
			dst = binary.BigEndian.AppendUint32(dst, *(*uint32)(field)^uint32(part.flip))
		case keyShort:
			dst = binary.BigEndian.AppendUint16(dst, *(*uint16)(field)^uint16(part.flip))
		case keyByte, keyBool:
			dst = append(dst, *(*uint8)(field)^uint8(part.flip))
		case keyRaw:
			dst = append(dst, unsafe.Slice((*byte)(field), part.size)...)
		case keyString:
			dst = appendKeyString(dst, *(*string)(field))
		}
	}
	return dst
}

func appendKeyString(dst []byte, s string) []byte {
	for {
		i := strings.IndexByte(s, keyEscape)
		if i < 0 {
			dst = append(dst, s...)
			return append(dst, keyEscape, keyEndString)
		}
		dst = append(dst, s[:i]...)
		dst = append(dst, keyEscape, keyEscaped)
		s = s[i+1:]
	}
}

// decode sets the key at p, which must be zero, and returns what follows its encoding.
func (k *keyProgram) decode(src []byte, p unsafe.Pointer) ([]byte, error) {
	for i := range k.parts {
		part := &k.parts[i]
		field := unsafe.Add(p, part.off)
		if part.form == keyString {
			s, rest, ok := decodeKeyString(src)
			if !ok {
				return nil, k.corrupt("a string without an end")
			}
			*(*string)(field), src = s, rest
			continue
		}
		if uintptr(len(src)) < part.size {
			return nil, k.corrupt("too short")
		}
		if part.form == keyBool && src[0] > 1 {
			return nil, k.corrupt(fmt.Sprintf("a boolean of %#x", src[0]))
		}
		decodeKeyFixed(part, src, field)
		src = src[part.size:]
	}
	return src, nil
}

func decodeKeyFixed(part *keyPart, src []byte, field unsafe.Pointer) {
	switch part.form {
	case keyWord:
		*(*uint64)(field) = binary.BigEndian.Uint64(src) ^ part.flip
	case keyHalf:
		*(*uint32)(field) = binary.BigEndian.Uint32(src) ^ uint32(part.flip)
	case keyShort:
		*(*uint16)(field) = binary.BigEndian.Uint16(src) ^ uint16(part.flip)
	case keyByte, keyBool:
		*(*uint8)(field) = src[0] ^ uint8(part.flip)
	case keyRaw:
		copy(unsafe.Slice((*byte)(field), part.size), src)
	}
}

// decodeKeyString reads an escaped string. It reports false if the end or an escape is damaged.
func decodeKeyString(src []byte) (s string, rest []byte, ok bool) {
	var whole []byte // what lies before the last escape; nil while there was none
	for start, i := 0, 0; ; i++ {
		n := strings.IndexByte(unsafe.String(unsafe.SliceData(src), len(src))[i:], keyEscape)
		if n < 0 || i+n+1 >= len(src) {
			return "", nil, false
		}
		i += n
		switch src[i+1] {
		case keyEndString:
			if whole == nil {
				return string(src[:i]), src[i+2:], true
			}
			return string(append(whole, src[start:i]...)), src[i+2:], true
		case keyEscaped:
			whole = append(append(whole, src[start:i]...), keyEscape)
			i++
			start = i + 1
		default:
			return "", nil, false
		}
	}
}

func (k *keyProgram) corrupt(what string) error {
	return base.Errorf(base.Corrupt, "encoded key of type %v: %s; the table is damaged or of another job",
		k.typ, what)
}
