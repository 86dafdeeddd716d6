// Package state is the keyed state that process functions keep: values and maps, one for each key.
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
// What always holds:
//
//   - A state belongs to one operator and one key: the key of the record or timer being processed.
//   - State changes only through Set, Update and the like. A value that Get returned is a copy (what its
//     slices, maps and pointers lead to is shared and must not be changed).
//   - Every access is a point where records of other keys may run: what a function keeps in fields of its own
//     across one is shared between records.
//   - The name of a state is its identity in checkpoints; its type may gain, lose and reorder fields.
package state
