package keyed

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// holder is a block with what was written to it.
type holder struct {
	block
	want []byte
}

func TestBlocksOfAnArenaAreApartAndHaveTheRoomAskedFor(t *testing.T) {
	tellEach(t, 5, func(t testing.TB, seed uint64) string {
		rng := rand.New(rand.NewPCG(seed, 0))
		var a arena
		var held []holder
		for step := range 20_000 {
			if grows := step/2000%2 == 0; len(held) > 0 && (rng.IntN(10) < 3 || !grows && rng.IntN(10) < 7) {
				i := rng.IntN(len(held))
				if !bytes.Equal(a.bytes(held[i].block)[:len(held[i].want)], held[i].want) {
					return "a block has changed that nobody has written to"
				}
				a.giveBack(held[i].block)
				held[i], held = held[len(held)-1], held[:len(held)-1]
				continue
			}
			size := 1 << rng.IntN(15) / (1 + rng.IntN(2))
			b := a.take(size)
			room := a.bytes(b)
			if len(room) < max(1, size) || cap(room) != len(room) {
				return "a block has too little room, or more than its own"
			}
			for i := range room {
				room[i] = byte(step)
			}
			held = append(held, holder{b, bytes.Repeat([]byte{byte(step)}, len(room))})
		}
		for _, h := range held {
			if !bytes.Equal(a.bytes(h.block), h.want) {
				return "a block has changed that nobody has written to"
			}
			a.giveBack(h.block)
		}
		if a.used != 0 || a.total > int64(classes*slabSize) {
			t.Errorf("%d bytes are used of %d when all have been given back", a.used, a.total)
		}
		return ""
	})
}

func TestWhatIsGivenBackIsUsedAgainByOtherSizes(t *testing.T) {
	var a arena
	most := int64(0)
	for _, size := range sizes[1:] { // as lists that all grow at once
		var held []block
		for range (8 << 20) / size {
			held = append(held, a.take(size))
		}
		most = max(most, a.total)
		for _, b := range held {
			a.giveBack(b)
		}
	}
	if most > 10<<20 {
		t.Errorf("%d bytes for 8 MiB of blocks", most)
	}
}

func TestAFewBlocksHaveSmallSlabs(t *testing.T) {
	var a arena
	a.take(20)
	a.take(200)
	if a.total > 2<<10 {
		t.Errorf("%d bytes for two blocks", a.total)
	}
}

func TestABlockThatComesAndGoesAllocatesNothing(t *testing.T) {
	var a arena
	if n := testing.AllocsPerRun(1000, func() { a.giveBack(a.take(100)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTheZeroBlockHasNoRoom(t *testing.T) {
	var a arena
	a.giveBack(block{})
	if room := a.bytes(block{}); len(room) != 0 || a.used != 0 {
		t.Errorf("%d bytes, %d used", len(room), a.used)
	}
}
