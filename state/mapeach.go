package state

import (
	"iter"

	"github.com/aquifer-stream/aquifer/flow"
	"github.com/aquifer-stream/aquifer/internal/keyed"
)

// Each calls visit for those of some entries that the key's map has, in the order of keys, until it reports that it
// wants no more. Entries that are not in memory are read in groups of [flow.MaxReads]: the record waits once for
// each. A value is for visit to read until it returns. Between two of its calls the map may have changed, by visit
// too: an entry is visited as it is by then. If entries cannot be read, Each fails.
func (m Map[MK, V]) Each(ctx *flow.Context, keys iter.Seq[MK], visit func(key MK, value *V) (more bool)) error {
	slot, active := ctx.Slot()
	if !active {
		return flow.ErrOutsideCall
	}
	v := &visitor[MK, V]{Map: m, ctx: ctx, slot: keyed.Slot(slot), visit: visit}
	keys(v.next)
	if len(v.apart) > 0 {
		v.together()
	}
	return v.err
}

// visitor visits entries one after the other.
type visitor[MK comparable, V any] struct {
	Map[MK, V]
	ctx   *flow.Context
	slot  keyed.Slot
	visit func(MK, *V) bool
	value V    // the one at hand: one that is passed on by address would be garbage
	apart []MK // the next entries, the first of which has to be read
	err   error
}

// next visits an entry, or puts it apart to be read with others. It reports whether more is wanted.
func (v *visitor[MK, V]) next(key MK) (more bool) {
	if len(v.apart) == 0 && v.known(key) {
		return v.one(key)
	}
	v.apart = append(v.apart, key)
	return len(v.apart) < flow.MaxReads || v.together()
}

// known reports whether an entry need not be read.
func (v *visitor[MK, V]) known(key MK) bool {
	if v.timed != nil {
		return v.timed.Known(v.slot, key)
	}
	return v.entries.Known(v.slot, key)
}

// one visits an entry, if it is there.
func (v *visitor[MK, V]) one(key MK) (more bool) {
	value, ok, err := v.Get(v.ctx, key)
	if err != nil || !ok {
		v.err = err
		return err == nil
	}
	v.value = value
	return v.visit(key, &v.value)
}

// together reads the entries that are apart, and visits them.
func (v *visitor[MK, V]) together() (more bool) {
	apart := v.apart
	v.apart = v.apart[:0]
	v.err = keyed.Gather(v.store, v.slot, func(a *keyed.Ahead) {
		for _, key := range apart {
			v.want(key)(a, v.slot)
		}
	})
	for _, key := range apart {
		if v.err != nil || !v.one(key) {
			return false
		}
	}
	return v.err == nil
}
