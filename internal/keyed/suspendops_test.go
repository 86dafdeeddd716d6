package keyed

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// operate is one operation of user code on the state of a key, and on what it should be.
func (st *stage) operate(s Slot, p *played) error {
	switch st.rng.IntN(7) {
	case 6:
		return st.gather(s)
	case 0, 1:
		return st.onMap(s, p.entries)
	case 2:
		return st.onTimedMap(s, p.timedEntries)
	case 3:
		return st.onList(s, p)
	case 4:
		return st.onTimedList(s, p)
	default:
		return st.onSum(s, p)
	}
}

// gather brings things of a record that are going to be used.
func (st *stage) gather(s Slot) error {
	return Gather(st, s, func(a *Ahead) {
		for range 1 + st.rng.IntN(4) {
			k := st.rng.Int64N(16)
			switch st.rng.IntN(6) {
			case 0:
				st.entry.Want(a, s, k)
			case 1:
				st.timed.entry.Want(a, s, k)
			case 2:
				st.entry.WantAll(a, s)
			case 3:
				st.list.Want(a, s)
			case 4:
				st.timed.list.Want(a, s)
			default:
				st.sum.Want(a, s)
				st.timed.sum.Want(a, s)
			}
		}
	})
}

func (st *stage) text() string { return fmt.Sprint(st.rng.IntN(1000), " ") }

// onMap is an operation on a map without time-to-live.
func (st *stage) onMap(s Slot, want map[int64]fleeting) error {
	k := st.rng.Int64N(16)
	switch st.rng.IntN(12) {
	case 0, 1, 2, 3:
		v := st.text()
		st.entry.Set(s, k, v)
		want[k] = fleeting{text: v}
	case 4, 5:
		st.entry.Remove(s, k)
		delete(want, k)
	case 6, 7, 8:
		v, ok, err := st.entry.Get(s, k)
		if w, there := want[k]; err == nil {
			err = differ(fmt.Sprint("entry ", k), fmt.Sprint(v, ok), fmt.Sprint(w.text, there))
		}
		return err
	case 9:
		n, err := st.entry.Len(s)
		if err != nil {
			return err
		}
		return differ("the number of entries", n, len(want))
	case 10:
		if st.rng.IntN(4) > 0 {
			return nil
		}
		if err := st.entry.Clear(s); err != nil {
			return err
		}
		clear(want)
	default:
		return st.goThrough(s, want)
	}
	return nil
}

// goThrough yields the entries of a map. User code reads others meanwhile, and removes some of those at hand.
func (st *stage) goThrough(s Slot, want map[int64]fleeting) error {
	all, err := st.entry.All(s)
	if err != nil {
		return err
	}
	got, before, most := map[int64]fleeting{}, maps.Clone(want), 1+st.rng.IntN(40)
	for k, v := range all {
		if _, twice := got[k]; twice {
			return fmt.Errorf("entry %d came twice", k)
		}
		got[k] = fleeting{text: v}
		switch st.rng.IntN(4) {
		case 0:
			st.entry.Remove(s, k)
			delete(want, k)
		case 1:
			other := st.rng.Int64N(16)
			v, ok, err := st.entry.Get(s, other)
			w, there := want[other]
			if err == nil {
				err = differ(fmt.Sprint("another entry ", other), fmt.Sprint(v, ok), fmt.Sprint(w.text, there))
			}
			if err != nil {
				return err
			}
		case 2:
			if _, _, err := st.sum.Get(s); err != nil {
				return err
			}
		}
		if most--; most == 0 {
			return nil
		}
	}
	if err := st.Failure(s); err != nil {
		return err
	}
	return differ("what was gone through", got, before)
}

// live reports whether something has not expired.
func (st *stage) live(f fleeting) bool { return f.until == 0 || f.until > st.time }

// written is when what is written now expires, and touched what is read.
func (st *stage) written(before fleeting) int64 {
	if st.update == OnCreation && before.until != 0 && st.live(before) {
		return before.until
	}
	return st.time + stageTTL
}

func (st *stage) touched(f fleeting) fleeting {
	if st.update == OnRead {
		f.until = st.time + stageTTL
	}
	return f
}

func (st *stage) onTimedMap(s Slot, want map[int64]fleeting) error {
	m, k := st.timed.entry, st.rng.Int64N(16)
	switch st.rng.IntN(12) {
	case 0, 1, 2, 3:
		v := st.text()
		if err := m.Set(s, k, v); err != nil {
			return err
		}
		want[k] = fleeting{v, st.written(want[k])}
	case 4:
		m.Remove(s, k)
		delete(want, k)
	case 5, 6, 7, 8:
		v, ok, err := m.Get(s, k)
		if err != nil {
			return err
		}
		w, there := want[k]
		if there = there && st.live(w); !there {
			w = fleeting{}
		} else {
			want[k] = st.touched(w)
		}
		return differ(fmt.Sprint("timed entry ", k), fmt.Sprint(v, ok), fmt.Sprint(w.text, there))
	case 9:
		if st.rng.IntN(4) > 0 {
			return nil
		}
		if err := m.Clear(s); err != nil {
			return err
		}
		clear(want)
	default:
		return st.goThroughTimed(s, want)
	}
	return nil
}

func (st *stage) goThroughTimed(s Slot, want map[int64]fleeting) error {
	st.looping++
	defer func() { st.looping-- }()
	maps.DeleteFunc(want, func(_ int64, f fleeting) bool { return !st.live(f) })
	n, err := st.timed.entry.Len(s)
	if err == nil {
		err = differ("the number of timed entries", n, len(want))
	}
	if err != nil {
		return err
	}
	all, err := st.timed.entry.All(s)
	if err != nil {
		return err
	}
	got := map[int64]string{}
	for k, v := range all {
		got[k] = v
		want[k] = st.touched(want[k])
	}
	if err := st.Failure(s); err != nil {
		return err
	}
	texts := map[int64]string{}
	for k, f := range want {
		texts[k] = f.text
	}
	return differ("the timed map", got, texts)
}

// long is a text that fills a chunk now and then.
func (st *stage) long() string { return st.text() + strings.Repeat("x", st.rng.IntN(2*chunkBytes)) }

func (st *stage) onList(s Slot, p *played) error {
	switch st.rng.IntN(10) {
	case 0:
		if err := st.list.Clear(s); err != nil {
			return err
		}
		p.rows = nil
	case 1:
		n, err := st.list.Len(s)
		if err != nil {
			return err
		}
		return differ("the number of rows", n, len(p.rows))
	case 2, 3:
		return st.goThroughRows(s, p)
	default:
		v := st.long()
		st.list.Append(s, &v)
		p.rows = append(p.rows, fleeting{text: v})
	}
	return nil
}

// goThroughRows yields the rows of a list. User code appends others meanwhile, and looks how many there are.
func (st *stage) goThroughRows(s Slot, p *played) error {
	all, err := st.list.All(s)
	if err != nil {
		return err
	}
	want := slices.Clone(p.rows)
	var got []fleeting
	for v := range all {
		got = append(got, fleeting{text: v})
		switch st.rng.IntN(6) {
		case 0:
			v := st.long()
			st.list.Append(s, &v)
			p.rows = append(p.rows, fleeting{text: v})
		case 1:
			if _, err := st.list.Len(s); err != nil {
				return err
			}
		}
	}
	if err := st.Failure(s); err != nil {
		return err
	}
	return sameRows(got, want)
}

func sameRows(got, want []fleeting) error {
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i].text != want[i].text {
			return fmt.Errorf("of %d rows, want %d, row %d is not right", len(got), len(want), i)
		}
	}
	return nil
}

func (st *stage) onTimedList(s Slot, p *played) error {
	l := st.timed.list
	if st.rng.IntN(3) > 0 {
		v := st.long()
		l.Append(s, &v)
		p.timedRows = append(p.timedRows, fleeting{v, st.time + stageTTL})
		return nil
	}
	st.looping++
	defer func() { st.looping-- }()
	all, err := l.All(s)
	if err != nil {
		return err
	}
	var got []fleeting
	for v := range all {
		got = append(got, fleeting{text: v})
	}
	if err := st.Failure(s); err != nil {
		return err
	}
	p.timedRows = slices.DeleteFunc(p.timedRows, func(f fleeting) bool { return !st.live(f) })
	return sameRows(got, p.timedRows)
}

func (st *stage) onSum(s Slot, p *played) error {
	v := st.text()
	switch st.rng.IntN(8) {
	case 0, 1:
		acc, _ := st.sum.Part(s)
		*acc += v
		p.sum.text += v
	case 2:
		acc, ok, err := st.sum.Get(s)
		if err != nil {
			return err
		}
		return differ("the sum", textOf(acc, ok), p.sum.text)
	case 3:
		if err := st.sum.Clear(s); err != nil {
			return err
		}
		p.sum = fleeting{}
	case 4, 5:
		acc, _, err := st.timed.sum.Part(s)
		if err != nil {
			return err
		}
		if *acc += v; !st.live(p.timedSum) {
			p.timedSum = fleeting{}
		}
		p.timedSum = fleeting{p.timedSum.text + v, st.written(p.timedSum)}
	default:
		acc, ok, err := st.timed.sum.Get(s)
		if err != nil {
			return err
		}
		if !st.live(p.timedSum) || p.timedSum.until == 0 {
			p.timedSum = fleeting{}
		} else {
			p.timedSum = st.touched(p.timedSum)
		}
		return differ("the timed sum", textOf(acc, ok), p.timedSum.text)
	}
	return nil
}

func textOf(acc *string, ok bool) string {
	if !ok {
		return ""
	}
	return *acc
}
