package remote

import "testing"

// What is copied while a part grows is less than the part itself.
func TestAPartGrowsWithoutBeingCopiedOften(t *testing.T) {
	const most, block = 8 << 20, 32 << 10
	var part []byte
	copied, times := 0, 0
	for len(part) < most {
		g := grown(part, block, most)
		if cap(g) != cap(part) {
			copied += len(part)
			times++
		}
		part = append(g, make([]byte, block)...)
	}
	if len(part) != most || cap(part) != most {
		t.Errorf("it has %d bytes and memory for %d", len(part), cap(part))
	}
	if copied > most/2 || times > 8 {
		t.Errorf("%d bytes were copied, %d times", copied, times)
	}
	if g := grown(nil, 100, most); cap(g) != 100 {
		t.Errorf("a small object has memory for %d bytes", cap(g))
	}
}
