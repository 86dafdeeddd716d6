package lsm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/aquifer-stream/aquifer/internal/base"
)

// List is what a shard's state consists of. It is immutable and all that opening the state again takes.
type List struct {
	// Objects are all objects that the state is read from, each once.
	Objects []Object `json:"objects"`
	// Meta says which part of which object is where in the tree; opaque, with its own checksum and version.
	Meta []byte `json:"meta"`
	// Range is that of the shard.
	Range Range `json:"range"`
}

// table is a part of an object at a place in the tree. Bounds are Pebble's: a key and a trailer, which holds
// a sequence number and a kind.
type table struct {
	Object   int    `json:"o"` // index in the list of objects
	Level    int    `json:"l"`
	Smallest bound  `json:"s"`
	Largest  bound  `json:"e"`
	MinSeq   uint64 `json:"m"`
	MaxSeq   uint64 `json:"x"`
	Size     uint64 `json:"b"` // an estimate, unless it is the whole object
	Virtual  bool   `json:"v"` // only what lies within the bounds is state
}

type bound struct {
	Key     []byte `json:"k"`
	Trailer uint64 `json:"t"`
}

// valid says whether the bound has a kind that entries of tables have: to delete or set a key, or to delete a
// range, or the one that precedes all.
func (b bound) valid() bool {
	switch b.Trailer & 0xff {
	case 0, 1, kindSetWithDelete, kindDeleteRange, kindDeleteSized:
		return true
	}
	return false
}

const (
	levels            = 7
	kindDeleteRange   = 15
	kindSetWithDelete = 18 // what a compaction makes of a key that was deleted and set again
	// kindDeleteSized is the largest kind of a key in a table: with it, a bound precedes all keys of its number.
	kindDeleteSized = 23
	// endTrailer makes an upper bound exclusive.
	endTrailer = (1<<56-1)<<8 | kindDeleteRange
)

// clip cuts the table to a range; ok is false if nothing is left.
func (t table) clip(r Range) (_ table, ok bool) {
	if c := bytes.Compare(t.Largest.Key, r.Start); c < 0 || c == 0 && t.Largest.Trailer == endTrailer {
		return t, false
	}
	if bytes.Compare(t.Smallest.Key, r.End) >= 0 {
		return t, false
	}
	if bytes.Compare(t.Smallest.Key, r.Start) < 0 {
		t.Smallest = bound{r.Start, t.MaxSeq<<8 | kindDeleteSized}
		t.Size, t.Virtual = (t.Size+1)/2, true // nobody has looked inside: a guess, as Pebble makes it
	}
	if c := bytes.Compare(t.Largest.Key, r.End); c > 0 || c == 0 && t.Largest.Trailer != endTrailer {
		t.Largest = bound{r.End, endTrailer}
		t.Size, t.Virtual = (t.Size+1)/2, true
	}
	return t, true
}

// Meta is a version, a checksum of the rest, and the compressed tables as JSON.
const (
	metaVersion = 1
	metaHeader  = 1 + 4
)

func encodeMeta(tables []table) ([]byte, error) {
	text, err := json.Marshal(tables)
	if err != nil {
		return nil, err
	}
	packed := s2.Encode(nil, text)
	meta := binary.LittleEndian.AppendUint32([]byte{metaVersion}, checksum(packed))
	return append(meta, packed...), nil
}

// decodeMeta returns the tables of a list.
func decodeMeta(l List) ([]table, error) {
	if len(l.Meta) < metaHeader || l.Meta[0] != metaVersion {
		return nil, badMeta(l, "it is not of version %d", metaVersion)
	}
	packed := l.Meta[metaHeader:]
	if checksum(packed) != binary.LittleEndian.Uint32(l.Meta[1:]) {
		return nil, badMeta(l, "its checksum is wrong")
	}
	text, err := s2.Decode(nil, packed)
	if err != nil {
		return nil, badMeta(l, "%w", err)
	}
	var tables []table
	if err := json.Unmarshal(text, &tables); err != nil {
		return nil, badMeta(l, "%w", err)
	}
	for i, t := range tables {
		if err := t.check(l); err != nil {
			return nil, badMeta(l, "table %d: %w", i, err)
		}
	}
	return tables, nil
}

func badMeta(l List, format string, args ...any) error {
	return base.Errorf(base.Corrupt, "metadata of shard %s is damaged: %w", l.Range, fmt.Errorf(format, args...))
}

// check finds what cannot be, before Pebble stumbles over it.
func (t table) check(l List) error {
	switch {
	case t.Object < 0 || t.Object >= len(l.Objects):
		return fmt.Errorf("it is in object %d of %d", t.Object, len(l.Objects))
	case t.Level < 0 || t.Level >= levels:
		return fmt.Errorf("it is at level %d of %d", t.Level, levels)
	case !t.Smallest.valid() || !t.Largest.valid():
		return fmt.Errorf("its bounds have kinds %d and %d", byte(t.Smallest.Trailer), byte(t.Largest.Trailer))
	case t.MinSeq > t.MaxSeq || t.MaxSeq > endTrailer>>8 || t.Size == 0:
		return fmt.Errorf("sequence numbers %d to %d, %d bytes", t.MinSeq, t.MaxSeq, t.Size)
	}
	c := bytes.Compare(t.Smallest.Key, t.Largest.Key)
	if c > 0 || c == 0 && t.Smallest.Trailer < t.Largest.Trailer {
		return fmt.Errorf("it begins at %q and ends at %q", t.Smallest.Key, t.Largest.Key)
	}
	return nil
}
