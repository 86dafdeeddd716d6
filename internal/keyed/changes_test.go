package keyed

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// tapeOf collects keys in the order in which they are written.
type tapeOf struct{ keys []string }

func (w *tapeOf) Set(k, v []byte) error         { w.keys = append(w.keys, string(k)+"="+string(v)); return nil }
func (w *tapeOf) Delete(k []byte) error         { w.keys = append(w.keys, string(k)+" deleted"); return nil }
func (w *tapeOf) DeleteRange(_, _ []byte) error { return nil }

// Keys of every length, that differ early, late or only in length, few and many of them.
func TestChangesAreWrittenInTheOrderOfTheirKeys(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	var c changes
	for i := range 100 * *histories {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		shared := bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(20))
		longest, letters := rng.IntN(24)+1, rng.IntN(256)+1
		unique := map[string]string{}
		for range rng.IntN(500) {
			key := slices.Clone(shared)
			for range rng.IntN(longest) + 1 {
				key = append(key, byte(rng.IntN(letters)))
			}
			unique[string(key)] = fmt.Sprint(len(unique))
		}
		var want []string
		c.reset(append(c.arena[:0], "prefix"...))
		for k, v := range unique {
			at := c.begin()
			c.arena = append(c.arena, k...)
			value := len(c.arena)
			c.arena = append(c.arena, v...)
			deleted := len(k)%5 == 0
			c.add(at, value, deleted)
			text := "prefix" + k + "=" + v
			if deleted {
				text = "prefix" + k + " deleted"
			}
			want = append(want, text)
		}
		slices.SortFunc(want, func(a, b string) int { return bytes.Compare(keyIn(a), keyIn(b)) })
		var w tapeOf
		c.sort()
		if err := c.write(&w); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(w.keys, want) {
			t.Fatalf("seed %d: %d changes come as %q, want %q", seed+i, len(want), w.keys, want)
		}
	}
}

// keyIn is the key in a text of the tape: no key is the beginning of another followed by these words.
func keyIn(text string) []byte {
	if k, ok := bytes.CutSuffix([]byte(text), []byte(" deleted")); ok {
		return k
	}
	return []byte(text[:bytes.LastIndexByte([]byte(text), '=')])
}

// Keys of which each is the beginning of the next differ in no byte that all have.
func TestChangesWhoseKeysDifferInTheirLengthAloneAreInOrder(t *testing.T) {
	var c changes
	c.reset(nil)
	for _, n := range rand.New(rand.NewPCG(1, 1)).Perm(10 * fewEntries) {
		at := c.begin()
		c.arena = append(c.arena, make([]byte, n)...)
		c.add(at, len(c.arena), true)
	}
	var w tapeOf
	c.sort()
	must(t, c.write(&w))
	for i, k := range w.keys {
		if want := string(make([]byte, i)) + " deleted"; k != want {
			t.Fatalf("change %d has a key of %d bytes", i, len(keyIn(k)))
		}
	}
}

// Entries of few and many owners whose keys differ in length: the order is that of the owner's key and the rest
// together.
func TestChangesInGroupsAreWrittenInTheOrderOfTheirWholeKeys(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	var c changes
	for i := range 100 * *histories {
		rng := rand.New(rand.NewPCG(seed+i, 0))
		owners, longest := rng.IntN(200)+1, rng.IntN(12)+1
		appendOwner := func(dst []byte, s Slot) []byte {
			return append(fmt.Appendf(dst, "%x.%d", uint64(s)*0x9E3779B97F4A7C15>>(s%50), s), '/')
		}
		unique := map[string]bool{}
		c.reset(append(c.arena[:0], "prefix"...))
		for range rng.IntN(2000) {
			s, rest := Slot(rng.IntN(owners)*7), make([]byte, longest)
			for i := range rest {
				rest[i] = byte(rng.IntN(4))
			}
			text := "prefix" + string(append(appendOwner(nil, s), rest...)) + "=v"
			if unique[text] {
				continue
			}
			unique[text] = true
			c.of(s, appendOwner)
			at := c.begin()
			c.arena = append(c.arena, rest...)
			value := len(c.arena)
			c.arena = append(c.arena, 'v')
			c.add(at, value, false)
		}
		want := slices.SortedFunc(maps.Keys(unique), func(a, b string) int { return bytes.Compare(keyIn(a), keyIn(b)) })
		var w tapeOf
		c.sort()
		must(t, c.write(&w))
		if !slices.Equal(w.keys, want) {
			t.Fatalf("seed %d: %d changes of %d owners come in another order", seed+i, len(want), owners)
		}
	}
}
