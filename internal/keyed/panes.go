package keyed

import (
	"iter"
	"slices"
	"unsafe"

	"github.com/aquifer-stream/aquifer/internal/base"
	"github.com/aquifer-stream/aquifer/internal/record"
)

// Panes are tables of accumulators by key, one for each namespace: the slices of windows. A namespace is
// dropped as a whole.
type Panes[K comparable, A any] struct {
	store   *Store[K]
	name    string
	codec   *record.ValueCodec[A]
	decode  func(src []byte, a *A) error
	panes   map[int64]*Pane[K, A]
	dropped []int64 // since the last freeze, of those that tables may know
}

// Pane is the table of one namespace.
type Pane[K comparable, A any] struct {
	column[A]
	dir   directory[K]
	store *Store[K]
	known bool // tables may know it
}

// NewPanes adds panes to a store.
func NewPanes[A any, K comparable](s *Store[K], name string) (*Panes[K, A], error) {
	codec, err := record.NewValueCodec[A]()
	if err != nil {
		return nil, base.Errorf(base.Config, "state %q: %w", name, err)
	}
	p := &Panes[K, A]{store: s, name: name, codec: codec, decode: codec.Decode, panes: map[int64]*Pane[K, A]{}}
	return p, s.add(p)
}

// Pane returns the table of a namespace, which begins empty.
func (p *Panes[K, A]) Pane(ns int64) *Pane[K, A] {
	if pane, ok := p.panes[ns]; ok {
		return pane
	}
	pane := &Pane[K, A]{
		column: column[A]{clock: &p.store.clock, codec: p.codec, strings: record.LayoutOf[A]().Strings},
		dir:    newDirectory[K](p.store.Groups.Len()), store: p.store,
	}
	p.panes[ns] = pane
	return pane
}

// Peek returns the table of a namespace to be read; an empty one if there is none.
func (p *Panes[K, A]) Peek(ns int64) *Pane[K, A] {
	if pane, ok := p.panes[ns]; ok {
		return pane
	}
	return &Pane[K, A]{store: p.store, dir: newDirectory[K](p.store.Groups.Len())}
}

// Namespaces are those that have a table, ascending.
func (p *Panes[K, A]) Namespaces() []int64 {
	all := make([]int64, 0, len(p.panes))
	for ns := range p.panes {
		all = append(all, ns)
	}
	slices.Sort(all)
	return all
}

// Drop forgets a namespace.
func (p *Panes[K, A]) Drop(ns int64) {
	if pane, ok := p.panes[ns]; ok && pane.known {
		p.dropped = append(p.dropped, ns)
	}
	delete(p.panes, ns)
}

// Lookup finds or creates the slots of a batch of keys, all of the store's groups, in the pane.
func (p *Pane[K, A]) Lookup(keys []K, hashes []uint64, slots []Slot) error {
	for i, h := range hashes {
		part := p.store.part(h)
		words := p.dir.parts[part].words
		if len(words) > 0 {
			w := words[h&uint64(len(words)-1)]
			slot := Slot(uint32(w)) - 1
			if w != 0 && uint32(w>>32) == tagOf(h) && *p.dir.key(slot) == keys[i] {
				slots[i] = slot
				continue
			}
		}
		slots[i] = p.create(part, keys[i], h)
	}
	return p.store.charge()
}

func (p *Pane[K, A]) create(part int, key K, hash uint64) Slot {
	if s, ok := p.dir.find(part, hash, &key); ok {
		return s
	}
	if len(p.store.strings) > 0 {
		keepStrings(unsafe.Pointer(&key), p.store.strings)
	}
	return p.dir.insert(part, hash, key, p.store.hash)
}

// Has reports whether the slot has an accumulator: it has none before its first Ptr.
func (p *Pane[K, A]) Has(s Slot) bool { return p.has(s) }

// Ptr returns the slot's accumulator to be changed at once, a zero value if there was none.
func (p *Pane[K, A]) Ptr(s Slot) *A { return p.ref(s) }

// Find returns the accumulator of a key to be read, or nil.
func (p *Pane[K, A]) Find(key K, hash uint64) *A {
	s, ok := p.dir.find(p.store.part(hash), hash, &key)
	if !ok || !p.has(s) {
		return nil
	}
	return &p.at(s).vals[s&pageMask]
}

// Len is the number of keys in the pane.
func (p *Pane[K, A]) Len() int { return p.dir.used }

// All yields the keys of the pane with their accumulators, to be read.
func (p *Pane[K, A]) All() iter.Seq2[*K, *A] {
	return func(yield func(*K, *A) bool) {
		for i, page := range p.pages {
			if page.page == nil {
				continue
			}
			for b := range page.present.all {
				if !yield(&p.dir.keys[i][b], &page.vals[b]) {
					return
				}
			}
		}
	}
}

func (p *Panes[K, A]) info() StateInfo {
	return StateInfo{Name: p.name, Kind: "panes", Schema: p.codec.Schema()}
}
func (p *Panes[K, A]) has(Slot) bool { return false }
func (p *Panes[K, A]) reclaim()      {}

func (p *Panes[K, A]) bytes() (total int64) {
	for _, pane := range p.panes {
		total += pane.bytes + pane.dir.bytes
	}
	return total
}

func (p *Panes[K, A]) entriesOf(int) (n int) {
	for _, pane := range p.panes {
		n += pane.dir.used
	}
	return n
}

func (p *Panes[K, A]) accept(w StateInfo) (err error) {
	p.decode, err = p.codec.DecoderFor(w.Schema)
	return err
}

func (p *Panes[K, A]) set(rest, value []byte) error {
	ns, rest, err := takeOrdered(rest)
	if err != nil {
		return err
	}
	key, _, err := p.store.codec.Decode(rest)
	if err != nil {
		return err
	}
	pane, hash := p.Pane(ns), p.store.hash(key)
	return p.decode(value, pane.ref(pane.create(p.store.part(hash), key, hash)))
}

// remove is for entries that are taken away one by one, which those of panes are not.
func (p *Panes[K, A]) remove([]byte) error {
	return base.Errorf(base.Corrupt, "a tombstone of a pane's entry")
}

// removeRange drops a namespace for one part only: when ranges of key groups merge, the tables of another subtask
// may still know it.
func (p *Panes[K, A]) removeRange(part int, start []byte) error {
	ns, _, err := takeOrdered(start)
	if err != nil {
		return err
	}
	if pane, ok := p.panes[ns]; ok {
		for s := range pane.dir.parts[part].slots {
			pane.clear(s)
		}
		if pane.dir.empty(part); pane.dir.used == 0 {
			delete(p.panes, ns)
		}
	}
	return nil
}

func (p *Panes[K, A]) freeze(full bool) frozenState {
	f := &frozenPanes[K, A]{panes: p, id: stateID(p.name), drop: p.dropped}
	p.dropped = nil
	for _, ns := range p.Namespaces() {
		pane := p.panes[ns]
		pane.known = true
		keys, codec := pane.dir.keys, p.store.codec
		f.columns = append(f.columns, &frozenColumn[A]{
			frozenPages: pane.column.freeze(full), codec: p.codec, owners: pane.dir.owner,
			appendKey: func(dst []byte, s Slot) []byte {
				return codec.Append(appendOrdered(dst, ns), &keys[s>>pageBits][s&pageMask])
			},
		})
	}
	return f
}

// frozenPanes are the changes of panes, in the order of their namespaces.
type frozenPanes[K comparable, A any] struct {
	panes   *Panes[K, A]
	id      uint32
	columns []*frozenColumn[A]
	drop    []int64
}

func (f *frozenPanes[K, A]) state() uint32   { return f.id }
func (f *frozenPanes[K, A]) ranges() []int64 { slices.Sort(f.drop); return f.drop }

func (f *frozenPanes[K, A]) gather(part int, into *changes) {
	for _, c := range f.columns {
		c.gather(part, into)
	}
}

func (f *frozenPanes[K, A]) forget() {
	for _, c := range f.columns {
		c.forget()
	}
}

func (f *frozenPanes[K, A]) release() {
	for _, c := range f.columns {
		c.release()
	}
	f.panes.dropped = append(f.panes.dropped, f.drop...)
}
