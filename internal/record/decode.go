package record

import (
	"encoding"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
	"unsafe"

	"github.com/aquifer-stream/aquifer/flow"
)

// What is wrong with an encoded value.
var (
	errTooShort = errors.New("it ends too early")
	errTooLong  = errors.New("it goes on after its end")
	errRange    = errors.New("a number is out of the range of its type")
	errFlag     = errors.New("a flag is neither 0 nor 1")
	errTwice    = errors.New("a map has a key twice")
)

// decode sets the value at v, which must be zero, and returns what follows its encoding. It is the hot loop
// of restoring and reading state.
func (p *program) decode(src []byte, v unsafe.Pointer) ([]byte, error) {
	for i := range p.ops {
		o := &p.ops[i]
		f := unsafe.Add(v, o.off)
		switch o.code {
		case opInt16, opInt32, opInt64, opUint16, opUint32, opUint64:
			x, n := uvarint(src)
			if n == 0 {
				return nil, errTooShort
			}
			if !o.setInt(f, x) {
				return nil, errRange
			}
			src = src[n:]
		case opString:
			b, rest, err := lengthAndBytes(src)
			if err != nil {
				return nil, err
			}
			*(*string)(f), src = string(b), rest
		case opByte, opBool, opFloat32, opFloat64, opRaw:
			n := o.fixedSize()
			if len(src) < n {
				return nil, errTooShort
			}
			if o.code == opBool && src[0] > 1 {
				return nil, errFlag
			}
			o.setFixed(f, src)
			src = src[n:]
		default:
			var err error
			if src, err = o.decode(src, f); err != nil {
				return nil, err
			}
		}
	}
	return src, nil
}

// setInt reports false if the number does not fit.
func (o *op) setInt(f unsafe.Pointer, x uint64) bool {
	switch s := unzigzag(x); o.code {
	case opInt64:
		*(*int64)(f) = s
	case opUint64:
		*(*uint64)(f) = x
	case opInt32:
		*(*int32)(f) = int32(s)
		return int64(int32(s)) == s
	case opUint32:
		*(*uint32)(f) = uint32(x)
		return x <= math.MaxUint32
	case opInt16:
		*(*int16)(f) = int16(s)
		return int64(int16(s)) == s
	case opUint16:
		*(*uint16)(f) = uint16(x)
		return x <= math.MaxUint16
	}
	return true
}

// fixedSize is the length of the encoding of kinds that have always the same.
func (o *op) fixedSize() int {
	switch o.code {
	case opFloat32:
		return 4
	case opFloat64:
		return 8
	case opRaw:
		return o.n
	}
	return 1
}

func (o *op) setFixed(f unsafe.Pointer, src []byte) {
	switch o.code {
	case opFloat32:
		*(*uint32)(f) = binary.LittleEndian.Uint32(src)
	case opFloat64:
		*(*uint64)(f) = binary.LittleEndian.Uint64(src)
	case opRaw:
		copy(unsafe.Slice((*byte)(f), o.n), src)
	default:
		*(*byte)(f) = src[0]
	}
}

// decode is program.decode for the kinds that take longer anyway.
func (o *op) decode(src []byte, f unsafe.Pointer) ([]byte, error) {
	switch o.code {
	case opBytes:
		b, rest, err := nilOrBytes(src)
		if b != nil {
			*(*[]byte)(f) = append([]byte{}, b...)
		}
		return rest, err
	case opArray:
		return o.decodeElements(src, f, o.n)
	case opSlice:
		return o.decodeSlice(src, f)
	case opMap:
		return o.decodeMap(src, f)
	case opPointer:
		return o.decodePointer(src, f)
	case opTime:
		return decodeTime(src, (*time.Time)(f))
	case opSkip:
		return o.elem.skip(src)
	}
	return o.decodeOwn(src, f)
}

func (o *op) decodeElements(src []byte, first unsafe.Pointer, n int) ([]byte, error) {
	var err error
	for i := range n {
		if src, err = o.elem.decode(src, unsafe.Add(first, uintptr(i)*o.elem.size)); err != nil {
			return nil, err
		}
	}
	return src, nil
}

func (o *op) decodeSlice(src []byte, f unsafe.Pointer) ([]byte, error) {
	n, src, err := count(src, o.elem.min)
	if err != nil || n < 0 {
		return src, err
	}
	s := reflect.MakeSlice(o.typ, n, n)
	reflect.NewAt(o.typ, f).Elem().Set(s)
	return o.decodeElements(src, s.UnsafePointer(), n)
}

func (o *op) decodeMap(src []byte, f unsafe.Pointer) ([]byte, error) {
	n, src, err := count(src, o.key.min+o.elem.min)
	if err != nil || n < 0 {
		return src, err
	}
	m := reflect.MakeMapWithSize(o.typ, n)
	key, elem := reflect.New(o.typ.Key()), reflect.New(o.typ.Elem())
	for range n {
		key.Elem().SetZero()
		elem.Elem().SetZero()
		if src, err = o.key.decode(src, key.UnsafePointer()); err != nil {
			return nil, err
		}
		if src, err = o.elem.decode(src, elem.UnsafePointer()); err != nil {
			return nil, err
		}
		m.SetMapIndex(key.Elem(), elem.Elem())
	}
	if m.Len() != n {
		return nil, errTwice
	}
	reflect.NewAt(o.typ, f).Elem().Set(m)
	return src, nil
}

func (o *op) decodePointer(src []byte, f unsafe.Pointer) ([]byte, error) {
	set, src, err := flag(src)
	if err != nil || !set {
		return src, err
	}
	elem := reflect.New(o.typ.Elem())
	*(*unsafe.Pointer)(f) = elem.UnsafePointer()
	return o.elem.decode(src, elem.UnsafePointer())
}

func decodeTime(src []byte, t *time.Time) ([]byte, error) {
	var parts [3]uint64
	for i := range parts {
		x, n := uvarint(src)
		if n == 0 {
			return nil, errTooShort
		}
		parts[i], src = x, src[n:]
	}
	seconds, nanos, offset := unzigzag(parts[0]), parts[1], unzigzag(parts[2])
	if nanos >= uint64(time.Second) || offset != int64(int32(offset)) {
		return nil, errRange
	}
	*t = time.Unix(seconds, int64(nanos)).UTC()
	if offset != 0 {
		*t = t.In(time.FixedZone("", int(offset)))
	}
	return src, nil
}

func (o *op) decodeOwn(src []byte, f unsafe.Pointer) ([]byte, error) {
	b, rest, err := lengthAndBytes(src)
	if err != nil {
		return nil, err
	}
	own := reflect.NewAt(o.typ, f).Interface()
	if o.code == opCodec {
		err = own.(flow.Codec).DecodeState(b)
	} else {
		err = own.(encoding.BinaryUnmarshaler).UnmarshalBinary(b)
	}
	if err != nil {
		return nil, fmt.Errorf("decoding %v: %w", o.typ, err)
	}
	return rest, nil
}

// flag reads whether a pointer is set.
func flag(src []byte) (set bool, rest []byte, err error) {
	if len(src) == 0 {
		return false, nil, errTooShort
	}
	if src[0] > 1 {
		return false, nil, errFlag
	}
	return src[0] == 1, src[1:], nil
}

// lengthAndBytes reads bytes behind their length. They are a part of src.
func lengthAndBytes(src []byte) (b, rest []byte, err error) {
	x, n := uvarint(src)
	if n == 0 || x > uint64(len(src)-n) {
		return nil, nil, errTooShort
	}
	end := n + int(x)
	return src[n:end:end], src[end:], nil
}

// nilOrBytes reads bytes that may be nil. They are a part of src.
func nilOrBytes(src []byte) (b, rest []byte, err error) {
	n, rest, err := count(src, 1)
	if err != nil || n < 0 {
		return nil, rest, err
	}
	return rest[:n:n], rest[n:], nil
}

// count reads the number of elements of at least least bytes each, or -1 for nil. More elements than src
// could hold are an error, before any memory is allocated for them.
func count(src []byte, least int) (n int, rest []byte, err error) {
	x, size := uvarint(src)
	if size == 0 {
		return 0, nil, errTooShort
	}
	rest = src[size:]
	if x > uint64(len(rest)/least)+1 {
		return 0, nil, errTooShort
	}
	return int(x) - 1, rest, nil
}
