package diskcache

import "testing"

func TestAnEntryComesBackAndNoOtherDoes(t *testing.T) {
	want := entry{key{1, 1 << 63}, 5*chunkBytes + 1, 5, 99, sums{1, 2, 3, 4}, true}
	b := want.encode()
	if got, ok := decodeEntry(b[:]); !ok || got != want {
		t.Errorf("%+v", got)
	}
	for bit := range 8 * entryBytes {
		b[bit/8] ^= 1 << (bit % 8)
		if _, ok := decodeEntry(b[:]); ok {
			t.Errorf("bit %d may be flipped", bit)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	for story, e := range map[string]entry{
		"no bytes":                     {size: 0},
		"more than any object":         {size: maxObject + 1},
		"a chunk that is not there":    {size: chunkBytes, chunk: 1},
		"a negative number of bytes":   {size: -1},
		"a chunk beyond all that were": {size: 1, chunk: noSlot},
	} {
		b := e.encode()
		if _, ok := decodeEntry(b[:]); ok {
			t.Errorf("an entry with %s is taken", story)
		}
	}
	if _, ok := decodeEntry(make([]byte, entryBytes)); ok {
		t.Error("a free slot has an entry")
	}
}

func TestTheHeadOfTheFileTakesTheRoomOfAnEntry(t *testing.T) {
	if len(magic) != entryBytes {
		t.Errorf("%d bytes", len(magic))
	}
}

func TestChecksumsAreOfUnits(t *testing.T) {
	data := content("x", chunkBytes)
	want := sumsOf(data)
	for _, from := range []int{0, unitBytes, 3 * unitBytes} {
		for _, to := range []int{from + unitBytes, chunkBytes} {
			if !fits(data[from:to], want[from/unitBytes:]) {
				t.Errorf("%d to %d do not fit", from, to)
			}
			data[to-1] ^= 1
			if fits(data[from:to], want[from/unitBytes:]) {
				t.Errorf("%d to %d fit although a bit is flipped", from, to)
			}
			data[to-1] ^= 1
		}
	}
	if short := data[:unitBytes+7]; fits(short, want[:]) {
		t.Error("a short unit has the checksum of a whole one")
	} else if got := sumsOf(short); !fits(short, got[:]) {
		t.Error("a short unit has no checksum")
	}
}
