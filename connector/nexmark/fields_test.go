package nexmark

import (
	"hash/fnv"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPricesAreTheSharedTable(t *testing.T) {
	var sum int64
	for _, p := range prices {
		sum += int64(p)
	}
	if sum != 29697835158 || prices[0] != 100 || prices[2048] != 100_000 || prices[4096] != 100_000_000 {
		t.Errorf("sum %d, first %d, middle %d, last %d", sum, prices[0], prices[2048], prices[4096])
	}
}

// Machines may compute a power with another last bit. The table is the same on all of them because no price
// lies so near to a half that this could matter.
func TestPricesDoNotDependOnTheLastBitOfAPower(t *testing.T) {
	for i := range prices {
		exact := 100 * math.Pow(10, 6*float64(i)/priceSteps)
		if distance := math.Abs(exact - math.Floor(exact) - 0.5); distance < exact*1e-13 {
			t.Errorf("price %d, %v, is rounded by luck", i, exact)
		}
	}
}

func TestPricesRiseWithTheDrawAndStayOnTheCurve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		low, high := price(min(a, b)), price(max(a, b))
		if low > high || low < 100 || high > 100_000_000 {
			t.Fatalf("prices %d and %d", low, high)
		}
	})
}

func TestLettersAreFiveBitsEachLowestFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(0, 600).Draw(t, "n")
		want, reference := make([]byte, n), rng(seed)
		for i := 0; i < n; {
			bits := reference.next()
			for j := 0; j < 12 && i < n; j++ {
				want[i] = "abcdefghijklmnopqrstuvwxyzabcdef"[bits&31]
				bits >>= 5
				i++
			}
		}
		r, got := rng(seed), make([]byte, n+perDraw-1)
		r.letters(got, n)
		if string(got[:n]) != string(want) {
			t.Fatalf("got  %s\nwant %s", got[:n], want)
		}
		if r != reference {
			t.Fatalf("%d letters took another number of draws", n)
		}
	})
}

func TestPeekAndSkipGoThroughTheSameDrawsAsNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRNG(rapid.Uint64().Draw(t, "seed"), rapid.Uint64().Draw(t, "id"))
		skipped := r
		n := rapid.Uint64Range(0, 100).Draw(t, "n")
		for range n {
			r.next()
		}
		skipped.skip(n)
		peeked := skipped.peek()
		if got, want := skipped.next(), r.next(); got != want || peeked != want {
			t.Fatalf("peek %x, next after skip %x, want %x", peeked, got, want)
		}
	})
}

func TestChooseTakesTheFirstForOneAndTheSecondForZero(t *testing.T) {
	for _, v := range [][2]int64{{1, 2}, {-5, 5}, {math.MinInt64, math.MaxInt64}, {0, -1}} {
		if got := choose(1, v[0], v[1]); got != v[0] {
			t.Errorf("choose(1, %d, %d) = %d", v[0], v[1], got)
		}
		if got := choose(0, v[0], v[1]); got != v[1] {
			t.Errorf("choose(0, %d, %d) = %d", v[0], v[1], got)
		}
	}
}

func TestRowHashIsFNV1aMixed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := rapid.SliceOf(rapid.Byte()).Draw(t, "row")
		h := fnv.New64a()
		h.Write(row)
		if got, want := RowHash(row), mix(h.Sum64()); got != want {
			t.Fatalf("%016x, want %016x", got, want)
		}
	})
}

func TestPagesNameTheirChannelInTheURL(t *testing.T) {
	const base = "https://www.nexmark.com/"
	for _, c := range []struct {
		page         int64
		channel, end string
	}{
		{0, "Google", "/item.htm?query=1"},
		{3, "Apple", "/item.htm?query=1"},
		{hotPages + 0, "channel-0", "/item.htm?query=1"},
		{hotPages + 10, "channel-10", "/item.htm?query=1"},
		{hotPages + 1, "channel-1", "&channel_id=-2147483648"}, // has no absolute value in 32 bits
		{hotPages + 2, "channel-2", "&channel_id=1073741824"},
		{hotPages + 3, "channel-3", "&channel_id=1073741824"}, // of a negative number
		{hotPages + 9999, "channel-9999", "?query=1&channel_id=253493248"},
	} {
		channel, url := pages().at(c.page)
		if channel != c.channel || !strings.HasPrefix(url, base) || !strings.HasSuffix(url, c.end) {
			t.Errorf("page %d is %q, %q; want %q, %s…%s", c.page, channel, url, c.channel, base, c.end)
		}
	}
}

func TestAnEventOfNoKindHasNoText(t *testing.T) {
	if got := (&Event{}).AppendText([]byte("x")); string(got) != "x" {
		t.Errorf("text %q", got)
	}
}
