package base

import "encoding/binary"

// Reader takes bytes apart that were put together with numbers in front of what varies in length. When they do not end
// where they should it is bad, and all that follows is zero: whoever reads asks once, at the end. It keeps its source.
type Reader struct {
	src []byte
	bad bool
}

// NewReader returns a reader of src.
func NewReader(src []byte) *Reader { return &Reader{src: src} }

// Bad reports whether something was missing.
func (r *Reader) Bad() bool { return r.bad }

// Len is the number of bytes that are left.
func (r *Reader) Len() int { return len(r.src) }

// Uvarint is a number that is not negative.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.src)
	r.skip(n)
	return v
}

// Varint is a number.
func (r *Reader) Varint() int64 {
	v, n := binary.Varint(r.src)
	r.skip(n)
	return v
}

// Count is a number of things that take a byte each at least.
func (r *Reader) Count() int {
	n := r.Uvarint()
	if n > uint64(len(r.src)) {
		r.skip(0)
		return 0
	}
	return int(n)
}

// Byte is one byte.
func (r *Reader) Byte() (b byte) {
	if len(r.src) > 0 {
		b = r.src[0]
		r.skip(1)
	} else {
		r.skip(0)
	}
	return b
}

// Bytes are bytes behind their number. They are a part of the source.
func (r *Reader) Bytes() []byte {
	n := r.Count()
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

// skip passes by what a number took; nothing, or less, is for one that is not there.
func (r *Reader) skip(n int) {
	if n <= 0 {
		r.src, r.bad = nil, true
		return
	}
	r.src = r.src[n:]
}

// AppendBytes appends what Bytes reads.
func AppendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
