package record

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"time"
	"unsafe"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/base"
)

// append appends the encoding of the value at v. It is the hot loop of checkpoints: the frequent kinds are
// in one switch, without calls.
func (p *program) append(dst []byte, v unsafe.Pointer) []byte {
	for i := range p.ops {
		o := &p.ops[i]
		f := unsafe.Add(v, o.off)
		switch o.code {
		case opByte, opBool:
			dst = append(dst, *(*byte)(f))
		case opInt16:
			dst = appendVarint(dst, int64(*(*int16)(f)))
		case opInt32:
			dst = appendVarint(dst, int64(*(*int32)(f)))
		case opInt64:
			dst = appendVarint(dst, *(*int64)(f))
		case opUint16:
			dst = appendUvarint(dst, uint64(*(*uint16)(f)))
		case opUint32:
			dst = appendUvarint(dst, uint64(*(*uint32)(f)))
		case opUint64:
			dst = appendUvarint(dst, *(*uint64)(f))
		case opFloat32:
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(*(*float32)(f)))
		case opFloat64:
			dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(*(*float64)(f)))
		case opString:
			s := *(*string)(f)
			dst = append(appendUvarint(dst, uint64(len(s))), s...)
		case opRaw:
			dst = append(dst, unsafe.Slice((*byte)(f), o.n)...)
		default:
			dst = o.append(dst, f)
		}
	}
	return dst
}

// append is program.append for the kinds that take longer anyway.
func (o *op) append(dst []byte, f unsafe.Pointer) []byte {
	switch o.code {
	case opBytes:
		b := *(*[]byte)(f)
		if b == nil {
			return appendUvarint(dst, 0)
		}
		return append(appendUvarint(dst, uint64(len(b))+1), b...)
	case opArray:
		return o.appendElements(dst, f, o.n)
	case opSlice:
		s := reflect.NewAt(o.typ, f).Elem()
		if s.IsNil() {
			return appendUvarint(dst, 0)
		}
		return o.appendElements(appendUvarint(dst, uint64(s.Len())+1), s.UnsafePointer(), s.Len())
	case opMap:
		return o.appendMap(dst, reflect.NewAt(o.typ, f).Elem())
	case opPointer:
		elem := *(*unsafe.Pointer)(f)
		if elem == nil {
			return append(dst, 0)
		}
		return o.elem.append(append(dst, 1), elem)
	case opTime:
		return appendTime(dst, *(*time.Time)(f))
	}
	return o.appendOwn(dst, f)
}

func (o *op) appendElements(dst []byte, first unsafe.Pointer, n int) []byte {
	for i := range n {
		dst = o.elem.append(dst, unsafe.Add(first, uintptr(i)*o.elem.size))
	}
	return dst
}

// appendMap sorts whole encoded entries: no encoded key is the beginning of another, so that is their order.
func (o *op) appendMap(dst []byte, m reflect.Value) []byte {
	if m.IsNil() {
		return appendUvarint(dst, 0)
	}
	dst = appendUvarint(dst, uint64(m.Len())+1)
	key, elem := reflect.New(o.typ.Key()), reflect.New(o.typ.Elem())
	var text []byte
	ends := make([]int, 0, m.Len())
	for iter := m.MapRange(); iter.Next(); {
		key.Elem().SetIterKey(iter)
		elem.Elem().SetIterValue(iter)
		text = o.key.append(text, key.UnsafePointer())
		text = o.elem.append(text, elem.UnsafePointer())
		ends = append(ends, len(text))
	}
	entries, start := make([][]byte, len(ends)), 0
	for i, end := range ends {
		entries[i], start = text[start:end], end
	}
	slices.SortFunc(entries, bytes.Compare)
	for _, e := range entries {
		dst = append(dst, e...)
	}
	return dst
}

// appendTime writes the instant and the offset from UTC, which no time can fail to have.
func appendTime(dst []byte, t time.Time) []byte {
	_, offset := t.Zone()
	dst = appendVarint(dst, t.Unix())
	dst = appendUvarint(dst, uint64(t.Nanosecond()))
	return appendVarint(dst, int64(offset))
}

// appendOwn writes an encoding that the type brings itself behind its length. The type's method gets an
// empty slice with the room that follows: what it returns is moved up when its length is known.
func (o *op) appendOwn(dst []byte, f unsafe.Pointer) []byte {
	const lengthRoom = 9
	dst = slices.Grow(dst, lengthRoom)
	room := dst[len(dst)+lengthRoom : len(dst)+lengthRoom : cap(dst)]
	own := reflect.NewAt(o.typ, f).Interface()
	if o.code == opCodec {
		room = own.(flow.Codec).AppendState(room)
	} else {
		room = o.marshal(own, room)
	}
	return append(appendUvarint(dst, uint64(len(room))), room...)
}

// marshal panics if the type's method fails, see ValueCodec.Append.
func (o *op) marshal(own any, dst []byte) []byte {
	var err error
	if a, ok := own.(encoding.BinaryAppender); ok {
		dst, err = a.AppendBinary(dst)
	} else {
		dst, err = own.(encoding.BinaryMarshaler).MarshalBinary()
	}
	if err != nil {
		panic(base.Errorf(base.Failed, "value in state of type %v: MarshalBinary: %w", o.typ, err))
	}
	return dst
}
