package flow

// Kind is what a change does to the table that a changelog describes.
type Kind uint8

const (
	// Insert adds a row.
	Insert Kind = iota
	// UpdateBefore takes a row back whose successor follows at once, as an UpdateAfter.
	UpdateBefore
	// UpdateAfter adds a row in the place of one that has been taken back.
	UpdateAfter
	// Delete takes a row back.
	Delete
)

// String returns the kind's short form: +I, -U, +U or -D.
func (k Kind) String() string {
	switch k {
	case Insert:
		return "+I"
	case UpdateBefore:
		return "-U"
	case UpdateAfter:
		return "+U"
	case Delete:
		return "-D"
	}
	return "?"
}

// Weight is 1 for kinds that add a row and -1 for those that take one back.
func (k Kind) Weight() int64 {
	if k == UpdateBefore || k == Delete {
		return -1
	}
	return 1
}

// Change is an element of a changelog: a row that is added to a table of rows T, or taken back. Whoever takes a row back
// repeats all of it.
type Change[T any] struct {
	Kind Kind `json:"kind"`
	Row  T    `json:"row"`
}

// Fold is where the latest row of each key is in the batch that is being filled. All of it is of one generation: it says
// nothing any more when the batch has been sent, or a slot become another key's. It is for the engine.
type Fold struct {
	sent, vacated *uint64
	at            []place // by a part of the key's slot: of two keys with the same one, only the later is known
}

type place struct {
	generation uint64
	slot, row  uint32
}

// places are more than a batch has rows.
const places = 4096

// NewFold returns a fold for one batch. sent and vacated count, for ever, how often its rows have been sent, and the slots
// that keys have left.
func NewFold(sent, vacated *uint64) *Fold { return &Fold{sent: sent, vacated: vacated} }

func (f *Fold) generation() uint64 { return *f.sent + *f.vacated + 1 }

// place is that of a slot, or of another one.
func (f *Fold) place(slot uint32) *place {
	if f.at == nil {
		f.at = make([]place, places)
	}
	return &f.at[slot%places]
}

// Folding returns a collector with which [Update] folds the changes of a key. All collectors of a batch share a fold. It is
// for the engine.
func (c Collector[T]) Folding(f *Fold) Collector[T] {
	c.fold = f
	return c
}

// Update emits the changes that make one row out of another: of a key that had the row before, or none if that is nil, and
// now has the row after, or none. It is for functions whose result has at most one row for each key; before must be what
// they have said to be after, the last time. Of several updates of a key by the records of one batch only the first
// before and the last after are emitted, with the event time of the last one.
func Update[T any](ctx *Context, out Collector[Change[T]], before, after *T) {
	slot, folds := uint32(0), out.fold != nil
	if folds {
		slot, folds = ctx.Slot()
	}
	if !folds {
		EmitUpdate(out, before, after)
		return
	}
	p, now := out.fold.place(slot), out.fold.generation()
	if p.generation == now && p.slot == slot && after != nil {
		out.out.Rows[p.row].Row, out.out.Times[p.row] = *after, *out.time
		return
	}
	EmitUpdate(out, before, after)
	*p = place{now, slot, uint32(len(out.out.Rows) - 1)}
	if after == nil {
		p.generation = 0 // which is none: what comes next is a row of its own
	}
}

// EmitUpdate emits the changes that make one row another, at once; nil is none. It is for functions whose result may have
// several rows for a key; others take [Update].
func EmitUpdate[T any](out Collector[Change[T]], before, after *T) {
	switch {
	case before == nil && after != nil:
		out.Emit(Change[T]{Insert, *after})
	case before != nil && after == nil:
		out.Emit(Change[T]{Delete, *before})
	case before != nil:
		out.Emit(Change[T]{UpdateBefore, *before})
		out.Emit(Change[T]{UpdateAfter, *after})
	}
}
