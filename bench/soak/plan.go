package soak

import (
	"encoding/json"
	"math/bits"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// Plan says in which order keys are visited. The rows come in parts that share no key, each in its order. A part visits
// all of its keys once, and then in each pass some of them, those that have waited longest; each time in another order.
type Plan struct {
	// Parts is how many there are, Keys how many keys each of them has.
	Parts int64 `json:"parts"`
	Keys  int64 `json:"keys"`
	// Passes is the number of passes after the first, Share which part of its keys a pass visits: 4 for a quarter.
	Passes int64 `json:"passes"`
	Share  int64 `json:"share"`
	// Payload is the size of a record's payload in bytes.
	Payload int64 `json:"payload"`
	// Stride is how many rows a part gives between two checkpoints at most; 0 for as many as can be taken.
	Stride int64 `json:"stride,omitempty"`
}

// ParsePlan returns the plan that a text holds, in JSON.
func ParsePlan(text string) (p Plan, err error) {
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return p, base.Errorf(base.Config, "plan %q: %w", text, err)
	}
	if p.Parts < 1 || p.Share < 1 || p.Keys < p.Share || p.Passes < 0 || p.Payload < 0 {
		return p, base.Errorf(base.Config, "plan %q: there must be parts, keys, and at least one key in a pass", text)
	}
	return p, nil
}

// Text is what ParsePlan understands.
func (p Plan) Text() string {
	text, _ := json.Marshal(p) // of numbers only
	return string(text)
}

// PartRows is the number of rows of a part, Rows that of all.
func (p Plan) PartRows() int64 { return p.Keys + p.Passes*p.passKeys() }

// Rows is the number of all rows.
func (p Plan) Rows() int64 { return p.Parts * p.PartRows() }

// Bytes is the size of all payloads.
func (p Plan) Bytes() int64 { return p.Parts * p.Keys * p.Payload }

// passKeys is the number of keys of a part that a pass visits.
func (p Plan) passKeys() int64 { return p.Keys / p.Share }

// Visit is what a row does: it visits a key that has been visited some times before.
type Visit struct{ Key, Before int64 }

// At is what the row with a number does, from 0 to Rows-1. Those of a part have successive numbers.
func (p Plan) At(row int64) Visit {
	part, n := row/p.PartRows(), row%p.PartRows()
	index, before := n, int64(0)
	if n >= p.Keys {
		size := p.passKeys()
		pass, i := (n-p.Keys)/size, (n-p.Keys)%size
		index = (pass*size + shuffle(size, uint64(pass)+1, i)) % p.Keys
		before = 1 + p.visitedBy(index, pass)
	}
	return Visit{Key: part*p.Keys + shuffle(p.Keys, 0, index), Before: before}
}

// visitedBy is how many of the first passes visit the key with an index.
func (p Plan) visitedBy(index, passes int64) (times int64) {
	size := p.passKeys()
	for pass := range passes {
		if from := pass * size % p.Keys; (index-from+p.Keys)%p.Keys < size {
			times++
		}
	}
	return times
}

// shuffle is a permutation of the numbers below n, another for each seed: a Feistel network over the next larger
// power of four, walked until it comes to a number below n.
func shuffle(n int64, seed uint64, i int64) int64 {
	half := (bits.Len64(uint64(n-1)) + 1) / 2
	mask := uint64(1)<<half - 1
	x := uint64(i)
	for {
		left, right := x>>half, x&mask
		for round := range uint64(4) {
			left, right = right, left^mix(right+seed<<32+round<<60)&mask
		}
		if x = left<<half | right; x < uint64(n) {
			return int64(x)
		}
	}
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
