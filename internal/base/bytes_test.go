package base

import (
	"encoding/binary"
	"testing"
)

func TestAReaderTakesApartWhatWasPutTogether(t *testing.T) {
	src := binary.AppendUvarint(nil, 300)
	src = binary.AppendVarint(src, -7)
	src = append(src, 9)
	src = AppendBytes(AppendBytes(src, []byte("text")), nil)
	read := func(r *Reader) (uint64, int64, byte, string, string) {
		return r.Uvarint(), r.Varint(), r.Byte(), string(r.Bytes()), string(r.Bytes())
	}
	r := NewReader(src)
	a, b, c, d, e := read(r)
	if a != 300 || b != -7 || c != 9 || d != "text" || e != "" || r.Bad() || r.Len() != 0 {
		t.Errorf("%d %d %d %q %q, bad: %v, %d bytes left", a, b, c, d, e, r.Bad(), r.Len())
	}
	for n := range src {
		cut := NewReader(src[:n])
		if read(cut); !cut.Bad() || cut.Len() != 0 {
			t.Errorf("%d of %d bytes are not bad", n, len(src))
		}
	}
}

// A number that was damaged must not be one of gigabytes to come.
func TestAReaderCountsNoMoreThanThereIs(t *testing.T) {
	src := append(binary.AppendUvarint(nil, 1<<40), 1, 2, 3)
	for name, read := range map[string]func(r *Reader) int{
		"count": (*Reader).Count, "bytes": func(r *Reader) int { return len(r.Bytes()) },
	} {
		if r := NewReader(src); read(r) != 0 || !r.Bad() {
			t.Errorf("%s: not bad", name)
		}
	}
	r := NewReader(nil)
	if b := r.Byte(); b != 0 || !r.Bad() || r.Varint() != 0 || r.Uvarint() != 0 {
		t.Errorf("%d of nothing", b)
	}
}
