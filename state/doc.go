// Package state is the keyed state that process functions keep for each key: values and maps, lists, and values
// and accumulators that are only added to (Reducing and Aggregating).
//
// State is declared in Open and used with the Context of the call:
//
//	func (d *dedup) Open(s *state.Scope) (err error) {
//		d.seen, err = state.NewValue[int64](s, "seen")
//		return err
//	}
//
//	func (d *dedup) Process(ctx *aquifer.Context, e *Event, out aquifer.Collector[Event]) error {
//		last, ok, err := d.seen.Get(ctx)
//		...
//		return d.seen.Set(ctx, e.ID)
//	}
//
// A state that is not needed for ever is given a time-to-live, and then frees memory and store by itself:
//
//	d.seen, err = state.NewValue[int64](s, "seen", state.TTL(24*time.Hour))
//
// What several operations need from below memory is read together with futures: GetAsync and AllAsync ask, [All] waits;
// many entries of a map with its Each.
// A function that knows beforehand what a record will use names it with the Prefetch methods; a [Value] needs none,
// since it always comes with its key.
//
// The operations that other systems name, and how they are written here:
//
//	value: value, update, clear           Get; Set or Update; Clear
//	list: get, add, addAll                All, Len; Append; AppendAll
//	list: update, isEmpty, clear          Clear, then AppendAll; Len; Clear
//	map: get, contains, put, putAll       Get; the ok of Get; Set; Set for each
//	map: remove, entries, keys, values    Remove; All, and what is wanted of each pair
//	map: isEmpty, clear                   the first of All; Clear
//	reducing, aggregating: get, add       Get; Add
//	reducing, aggregating: clear          Clear
//	asynchronously                        GetAsync and AllAsync; what only writes does not wait
//
// What always holds:
//
//   - A state belongs to one operator and one key: the key of the record or timer being processed.
//   - State changes only through Set, Update, Add and the like. A value that Get returned is a copy (what its
//     slices, maps and pointers lead to is shared and must not be changed).
//   - What is not in memory is read when it is needed. To append to a list, to add to a Reducing or an
//     Aggregating, and to set or remove an entry of a map needs nothing to be read.
//   - Every access is a point where records of other keys may run: what a function keeps in fields of its own
//     across one is shared between records.
//   - A state with a time-to-live (TTL) never shows what has expired, and never loses what has not. Windows and
//     timers have none.
//   - The name of a state is its identity in checkpoints; its type may gain, lose and reorder fields.
package state
