package keyed

import (
	"maps"
	"slices"
)

func (p *Panes[K, A]) freeze() frozenState {
	f := &frozenPanes[K, A]{panes: p, id: stateID(p.name), drop: p.dropped}
	p.dropped = nil
	for _, ns := range slices.Sorted(maps.Keys(p.panes)) {
		pane := p.panes[ns]
		p.known[ns] = struct{}{}
		keys, codec := pane.dir.keys, p.store.codec
		f.columns = append(f.columns, &frozenColumn[A]{
			frozenPages: pane.column.freeze(), values: p.values, owners: pane.dir.owner, touchKeys: touchPages(keys),
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

func (f *frozenPanes[K, A]) state() uint32 { return f.id }
func (f *frozenPanes[K, A]) ranges() (all []span) {
	slices.Sort(f.drop)
	for _, n := range f.drop {
		all = append(all, span{n, n + 1})
	}
	return all
}

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
