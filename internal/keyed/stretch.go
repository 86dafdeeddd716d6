package keyed

import "errors"

// stretch are entries of one state that were read from below at once, with nothing but bytes: what memory knows of them
// is looked up when they are used.
type stretch struct {
	arena []byte
	ends  []stretchEntry
	next  []byte // where the entries begin that were left off; nil if there are none
}

// stretchEntry is where the key of an entry, behind the prefix of the part, and its value end.
type stretchEntry struct{ key, value int }

// stretchMost is the most that is read at once, and that is brought into memory because somebody asked for all.
var stretchMost = bound{1024, 256 << 10}

// errEnough ends a scan.
var errEnough = errors.New("enough")

// stretch reads the first entries of a state and part from start to before end. Other records may use the store
// meanwhile.
func (c *core) stretch(part int, state uint32, start, end []byte) (stretch, error) {
	var r stretch
	from, to := c.bounds(part, state, start, end)
	c.counts.Scans++
	err := c.yield(func(below Below) error {
		if err := below.Scan(c.Context, from, to, r.take); err != errEnough {
			return err
		}
		return nil
	})
	if err != nil {
		return r, c.readError(err)
	}
	return r, nil
}

// take adds an entry, or fails with errEnough.
func (r *stretch) take(key, value []byte) error {
	rest := key[prefixLen:]
	if stretchMost.reached(len(r.ends), len(r.arena)) {
		r.next = append(r.next, rest...)
		return errEnough
	}
	r.arena = append(r.arena, rest...)
	end := len(r.arena)
	r.arena = append(r.arena, value...)
	r.ends = append(r.ends, stretchEntry{end, len(r.arena)})
	return nil
}

// all calls a function for each entry, until it fails.
func (r *stretch) all(visit func(key, value []byte) error) error {
	at := 0
	for _, e := range r.ends {
		if err := visit(r.arena[at:e.key], r.arena[e.key:e.value]); err != nil {
			return err
		}
		at = e.value
	}
	return nil
}

// eachOf calls a function for what lies below of a state of a slot, stretch by stretch.
func (c *core) eachOf(s Slot, state uint32, visit func(rest, value []byte) error) error {
	prefix := c.keys.view()(nil, s)
	for start := prefix; start != nil; {
		r, err := c.stretch(c.keys.partOf(s), state, start, after(prefix))
		if err != nil {
			return err
		}
		err = r.all(func(key, value []byte) error { return visit(key[len(prefix):], value) })
		if err != nil {
			return err
		}
		start = r.next
	}
	return nil
}
