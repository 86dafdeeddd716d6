package keyed

import (
	"encoding/binary"
	"iter"
	"slices"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Broadcast is a map that belongs to no key: every subtask of the operator has all of it, and a checkpoint has it once,
// beside the tables.
type Broadcast[MK comparable, V any] struct {
	core    *core
	name    string
	keys    *record.KeyCodec[MK]
	values  *versions[V]
	entries map[MK]broadcastEntry[V]
	size    int64 // of all, encoded
}

// broadcastEntry is a value with the size of its entry.
type broadcastEntry[V any] struct {
	value V
	size  int64
}

// MaxBroadcast is how many bytes the broadcast states of an operator may take, encoded: each subtask has them in memory,
// and each manifest has them once.
const MaxBroadcast = 16 << 20

// NewBroadcast adds a broadcast state to a store.
func NewBroadcast[MK comparable, V any](r Registry, name string) (*Broadcast[MK, V], error) {
	values, err := newVersions[V](name)
	if err != nil {
		return nil, err
	}
	keys, err := record.NewKeyCodec[MK]()
	if err != nil {
		return nil, base.Errorf(base.Config, "state %q: %w", name, err)
	}
	c := r.registry()
	b := &Broadcast[MK, V]{core: c, name: name, keys: keys, values: values, entries: map[MK]broadcastEntry[V]{}}
	if err := c.add(b); err != nil {
		return nil, err
	}
	c.broadcasts = append(c.broadcasts, b)
	return b, nil
}

// Get returns the value of a key, and whether there is one.
func (b *Broadcast[MK, V]) Get(key MK) (V, bool) {
	e, ok := b.entries[key]
	return e.value, ok
}

// Len is the number of entries.
func (b *Broadcast[MK, V]) Len() int { return len(b.entries) }

// All yields the entries in no particular order.
func (b *Broadcast[MK, V]) All() iter.Seq2[MK, V] {
	return func(yield func(MK, V) bool) {
		for key, e := range b.entries {
			if !yield(key, e.value) {
				return
			}
		}
	}
}

// Set keeps copies of key and value. It fails if the operator's broadcast states would take more than MaxBroadcast.
func (b *Broadcast[MK, V]) Set(key MK, value V) error {
	encodedKey, encoded := b.keys.Append(nil, &key), b.values.append(nil, &value)
	size := int64(len(encodedKey) + len(encoded))
	grows := size - b.entries[key].size
	if b.core.broadcastSize()+grows > MaxBroadcast {
		return base.Errorf(base.Config, "operator %q: state %q: broadcast state takes more than %d MB: each subtask has "+
			"all of it in memory, and each checkpoint writes it: keep what is large in keyed state",
			b.core.Name, b.name, MaxBroadcast>>20)
	}
	return b.put(encodedKey, encoded)
}

// put sets an entry. Strings must be none of the batch that they came in.
func (b *Broadcast[MK, V]) put(encodedKey, encoded []byte) error {
	key, _, err := b.keys.Decode(encodedKey)
	if err != nil {
		return err
	}
	e := broadcastEntry[V]{size: int64(len(encodedKey) + len(encoded))}
	if err := b.values.decode(encoded, &e.value); err != nil {
		return err
	}
	b.size += e.size - b.entries[key].size
	b.entries[key] = e
	b.core.encoded = nil
	return nil
}

// Remove deletes an entry, if it is there.
func (b *Broadcast[MK, V]) Remove(key MK) {
	b.size -= b.entries[key].size
	delete(b.entries, key)
	b.core.encoded = nil
}

func (b *Broadcast[MK, V]) info() StateInfo {
	info := StateInfo{Name: b.name, Kind: "broadcast", Schema: joinSchemas(b.keys.Schema(), b.values.schema)}
	for _, o := range b.values.older {
		info.Older = append(info.Older, joinSchemas(b.keys.Schema(), o))
	}
	return info
}

func (b *Broadcast[MK, V]) accept(older []string) error {
	schemas, err := behindKey(older, b.keys.Schema())
	if err != nil {
		return err
	}
	return b.values.accept(schemas)
}

// Nothing of it is in slots or tables.
func (b *Broadcast[MK, V]) has(Slot) bool       { return false }
func (b *Broadcast[MK, V]) clean(Slot) bool     { return true }
func (b *Broadcast[MK, V]) evict(Slot)          {}
func (b *Broadcast[MK, V]) vacate(Slot)         {}
func (b *Broadcast[MK, V]) reclaim()            {}
func (b *Broadcast[MK, V]) bytes() int64        { return b.size }
func (b *Broadcast[MK, V]) freeze() frozenState { return frozenBroadcast{stateID(b.name)} }

// frozenBroadcast has no changes for tables.
type frozenBroadcast struct{ id uint32 }

func (f frozenBroadcast) state() uint32        { return f.id }
func (f frozenBroadcast) ranges() []span       { return nil }
func (f frozenBroadcast) gather(int, *changes) {}
func (f frozenBroadcast) forget()              {}
func (f frozenBroadcast) release()             {}

// broadcast is a Broadcast of any types.
type broadcast interface {
	stateTable
	append(dst []byte) []byte
	put(key, value []byte) error
}

// append appends the name, and the entries in the order of their keys: what is equal is encoded equally.
func (b *Broadcast[MK, V]) append(dst []byte) []byte {
	all := make([][2][]byte, 0, len(b.entries))
	for key, e := range b.entries {
		all = append(all, [2][]byte{b.keys.Append(nil, &key), b.values.append(nil, &e.value)})
	}
	slices.SortFunc(all, func(x, y [2][]byte) int { return slices.Compare(x[0], y[0]) })
	dst = base.AppendBytes(dst, []byte(b.name))
	dst = binary.AppendUvarint(dst, uint64(len(all)))
	for _, e := range all {
		dst = base.AppendBytes(base.AppendBytes(dst, e[0]), e[1])
	}
	return dst
}

// broadcastSize is what all broadcast states take.
func (c *core) broadcastSize() (size int64) {
	for _, b := range c.broadcasts {
		size += b.bytes()
	}
	return size
}

// Broadcasts are the broadcast states, encoded; nil if there are none. The bytes are not to be changed.
func (c *core) Broadcasts() []byte {
	if len(c.broadcasts) > 0 && c.encoded == nil {
		for _, b := range c.broadcasts {
			c.encoded = b.append(c.encoded)
		}
	}
	return c.encoded
}

// RestoreBroadcasts reads what Broadcasts returned, in this program or an earlier one. It is called after
// SetWriterSchemas. States that the program does not have are passed by.
func (c *core) RestoreBroadcasts(src []byte) error {
	r := base.NewReader(src)
	for r.Len() > 0 {
		b, _ := c.state(string(r.Bytes())).(broadcast)
		for n := r.Uvarint(); n > 0 && !r.Bad(); n-- {
			key, value := r.Bytes(), r.Bytes()
			if b == nil || r.Bad() {
				continue
			}
			if err := b.put(key, value); err != nil {
				return base.Errorf(base.Corrupt, "operator %q: broadcast state %q: %w", c.Name, b.info().Name, err)
			}
		}
	}
	if r.Bad() {
		return base.Errorf(base.Corrupt, "operator %q: broadcast state is damaged: it does not end where it should", c.Name)
	}
	return nil
}
