package keyed

// arrival are slots of a pane whose accumulators are being read.
type arrival struct {
	pane  interface{ arrived(slots []Slot, err error) }
	slots []Slot
}

func (a arrival) arrived(err error) { a.pane.arrived(a.slots, err) }

// Seek is Lookup that does not wait: accumulators that are not in memory are added to what is read ahead, and
// come with Store.Take. Until then Coming says so of their slots, which stay where they are and must not be
// used; others must be held if they are used after the next Seek or Lookup. While a slot is coming or held,
// the pane stays in memory as long as its namespace is not dropped. What comes for a pane that was dropped is
// lost, as the pane is: rows that wait for it have to be looked up again, in the pane that is there then.
func (p *Pane[K, A]) Seek(a *Ahead, keys []K, hashes []uint64, slots []Slot) {
	p.probe(keys, hashes, slots)
	defer p.panes.store.charge()
	if len(p.missing) == 0 {
		return
	}
	p.wantMissing(&a.reads)
	for _, s := range p.missing {
		p.dir.marks[s>>pageBits].coming.set(s)
	}
	p.busy += len(p.missing)
	a.panes = append(a.panes, arrival{p, append([]Slot(nil), p.missing...)})
	p.missing = p.missing[:0]
}

// arrived ends the wait for accumulators. Those that could not be read are forgotten.
func (p *Pane[K, A]) arrived(slots []Slot, err error) {
	p.busy -= len(slots)
	for _, s := range slots {
		p.dir.marks[s>>pageBits].coming.unset(s)
		if err != nil {
			p.forgetSlot(s)
		}
	}
}

// Coming reports whether a slot's accumulator is being read.
func (p *Pane[K, A]) Coming(s Slot) bool { return p.dir.marks[s>>pageBits].coming.has(s) }

// Hold keeps a slot, and the pane, in memory until Release.
func (p *Pane[K, A]) Hold(s Slot) {
	if m := &p.dir.marks[s>>pageBits].held; !m.has(s) {
		m.set(s)
		p.busy++
	}
}

// Release ends what Hold began.
func (p *Pane[K, A]) Release(s Slot) {
	if m := &p.dir.marks[s>>pageBits].held; m.has(s) {
		m.unset(s)
		p.busy--
	}
}

// wantMissing adds the accumulators of keys that have just been created.
func (p *Pane[K, A]) wantMissing(r *reads) {
	for _, s := range p.missing {
		p.want(r, s, p)
	}
}

// want adds the accumulator of a slot's key.
func (p *Pane[K, A]) want(r *reads, s Slot, into loader) {
	at, store := len(r.arena), p.panes.store
	r.arena = store.prefix(r.arena, p.dir.partOf(s), stateID(p.panes.name))
	r.arena = p.appendKey(r.arena, *p.dir.key(s))
	r.add(at, s, into)
}

// peek reads the accumulator of a key that is coming, for who does not wait for it.
func (p *Pane[K, A]) peek(s Slot) (*A, error) {
	var r reads
	var found *A
	p.want(&r, s, entryLoader(func(_ Slot, encoded []byte) error {
		found = new(A)
		return p.values.decode(encoded, found)
	}))
	err := r.run(&p.panes.store.core)
	return found, err
}
